"""A hundred messages in one answer: the gateway against FastAPI + pydantic."""

from contextlib import ExitStack

from benchmarks.load import measure
from benchmarks.peers import items
from benchmarks.result import Row, percentile
from benchmarks.serving import SERVERS, application

ROUNDS = 3
TARGET = 5.0


def run() -> list[Row]:
    """All in turn; the medians count."""
    with ExitStack() as stack:
        ports = {name: stack.enter_context(application("gateway_items", name)) for name in SERVERS}
        ports["fastapi"] = stack.enter_context(application("fastapi_items"))
        rounds = [{name: measure(port, items.LIST).per_second for name, port in ports.items()} for _ in range(ROUNDS)]
    rates = {name: percentile([each[name] for each in rounds], 0.5) for name in ports}
    theirs = rates["fastapi"]
    return [
        Row(
            f"List of 100 messages through the gateway on {server}, requests/s against FastAPI",
            ">= 5 x",
            f"{ours / theirs:.1f} x ({ours:,.0f}/s against {theirs:,.0f}/s)",
            ours >= TARGET * theirs,
        )
        for server in SERVERS
        for ours in [rates[server]]
    ]
