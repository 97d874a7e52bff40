"""A hundred messages in one answer: the gateway against FastAPI + pydantic."""

from contextlib import ExitStack

from benchmarks.load import measure
from benchmarks.peers import items
from benchmarks.result import Row
from benchmarks.rounds import Rounds
from benchmarks.serving import SERVERS, application

ROUNDS = 9
SECONDS = 0.8
TARGET = 5.0


def run() -> list[Row]:
    """All in turn, round by round."""
    with ExitStack() as stack:
        ports = {name: stack.enter_context(application("gateway_items", name)) for name in SERVERS}
        ports["fastapi"] = stack.enter_context(application("fastapi_items"))
        rounds = Rounds(
            [
                {name: measure(port, items.LIST, seconds=SECONDS).per_second for name, port in ports.items()}
                for _ in range(ROUNDS)
            ]
        )
    return [
        Row(
            f"List of 100 messages through the gateway on {server}, requests/s against FastAPI",
            ">= 5 x",
            f"{ratio:.1f} x ({rounds.rates(server, 'fastapi')})",
            ratio >= TARGET,
        )
        for server in SERVERS
        for ratio in [rounds.ratio(server, "fastapi")]
    ]
