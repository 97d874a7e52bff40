"""One small call over HTTP, twelve fields in and out: the gateway against what could stand in its place."""

from contextlib import ExitStack

from benchmarks.load import Load, measure
from benchmarks.peers import items
from benchmarks.result import Row, percentile
from benchmarks.rounds import Rounds
from benchmarks.serving import SERVERS, application, peer
from gateway import codec

ROUNDS = 9
SECONDS = 0.8
OF_RAW, OF_FASTAPI, OF_ENVOY = 0.6, 3.0, 4.0


def run() -> list[Row]:
    """All in turn, round by round."""
    with ExitStack() as stack:
        ports = {f"raw {name}": stack.enter_context(application("raw_asgi", name)) for name in SERVERS}
        ports |= {f"gateway {name}": stack.enter_context(application("gateway_items", name)) for name in SERVERS}
        ports["fastapi"] = stack.enter_context(application("fastapi_items"))
        behind = stack.enter_context(peer("grpc_items", answers=None))
        ports["envoy"] = stack.enter_context(peer("envoy_items", behind))
        loads = [{name: update(port) for name, port in ports.items()} for _ in range(ROUNDS)]
    rounds = Rounds([{name: load.per_second for name, load in each.items()} for each in loads])
    p99 = {name: percentile([each[name].p99_ms for each in loads], 0.5) for name in ports}
    return [*of_raw(rounds), *of_peers(rounds), latency(p99)]


def update(port: int) -> Load:
    """Load the rpc that takes an item and gives it back."""
    return measure(port, items.UPDATE, method="POST", body=codec.dump(items.sample(1)), seconds=SECONDS)


def of_raw(rounds: Rounds) -> list[Row]:
    """The gateway against a constant answer, on each server."""
    return [
        Row(
            f"Unary call through the gateway on {server}, requests/s against a constant ASGI answer there",
            ">= 60 %",
            f"{ratio:.0%} ({rounds.rates(ours, raw)})",
            ratio >= OF_RAW,
        )
        for server in SERVERS
        for ours, raw in [(f"gateway {server}", f"raw {server}")]
        for ratio in [rounds.ratio(ours, raw)]
    ]


def of_peers(rounds: Rounds) -> list[Row]:
    """The gateway on each server against FastAPI and Envoy."""
    peers = (("FastAPI + pydantic", "fastapi", OF_FASTAPI), ("Envoy's transcoder before grpc.aio", "envoy", OF_ENVOY))
    return [
        Row(
            f"Unary call through the gateway on {server}, against {name}",
            f">= {target:.0f} x",
            f"{ratio:.1f} x ({rounds.rates(f'gateway {server}', key)})",
            ratio >= target,
        )
        for name, key, target in peers
        for server in SERVERS
        for ratio in [rounds.ratio(f"gateway {server}", key)]
    ]


def latency(p99: dict[str, float]) -> Row:
    """The slowest of a hundred calls of 16 clients that never pause."""
    worst = max(p99[f"gateway {server}"] for server in SERVERS)
    found = ", ".join(f"{name} {milliseconds:.1f} ms" for name, milliseconds in p99.items())
    return Row("p99 of 16 clients that never pause", "below FastAPI", found, worst < p99["fastapi"])
