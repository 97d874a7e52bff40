"""A hundred messages in one answer: the gateway against FastAPI + pydantic."""

from benchmarks.load import measure
from benchmarks.peers import items
from benchmarks.result import Row, percentile
from benchmarks.serving import application

ROUNDS = 3
TARGET = 5.0


def run() -> list[Row]:
    """Both in turn; the medians count."""
    with application("gateway_items") as ours, application("fastapi_items") as fastapi:
        rounds = [[measure(port, items.LIST).per_second for port in (ours, fastapi)] for _ in range(ROUNDS)]
    o, f = (percentile(list(rates), 0.5) for rates in zip(*rounds, strict=True))
    found = f"{o / f:.1f} x ({o:,.0f}/s against {f:,.0f}/s)"
    return [
        Row("List of 100 messages through the gateway, requests/s against FastAPI", ">= 5 x", found, o >= TARGET * f)
    ]
