"""One small call over HTTP, twelve fields in and out: the gateway against what could stand in its place."""

from contextlib import ExitStack

from benchmarks.load import Load, measure
from benchmarks.peers import items
from benchmarks.result import Row, percentile
from benchmarks.serving import SERVERS, application, peer
from gateway import codec

ROUNDS = 3
SECONDS = 1.5
OF_RAW, OF_FASTAPI, OF_ENVOY = 0.6, 3.0, 4.0


def run() -> list[Row]:
    """All in turn, round by round; the medians count."""
    with ExitStack() as stack:
        ports = {f"raw {name}": stack.enter_context(application("raw_asgi", name)) for name in SERVERS}
        ports |= {f"gateway {name}": stack.enter_context(application("gateway_items", name)) for name in SERVERS}
        ports["fastapi"] = stack.enter_context(application("fastapi_items"))
        behind = stack.enter_context(peer("grpc_items", answers=None))
        ports["envoy"] = stack.enter_context(peer("envoy_items", behind))
        rounds = [{name: update(port) for name, port in ports.items()} for _ in range(ROUNDS)]
    rates = {name: percentile([each[name].per_second for each in rounds], 0.5) for name in ports}
    p99 = {name: percentile([each[name].p99_ms for each in rounds], 0.5) for name in ports}
    return [*of_raw(rates), *of_peers(rates), latency(p99)]


def update(port: int) -> Load:
    """Load the rpc that takes an item and gives it back."""
    return measure(port, items.UPDATE, method="POST", body=codec.dump(items.sample(1)), seconds=SECONDS)


def of_raw(rates: dict[str, float]) -> list[Row]:
    """The gateway against a constant answer, on each server."""
    return [
        Row(
            f"Unary call through the gateway on {server}, requests/s against a constant ASGI answer there",
            ">= 60 %",
            f"{ours / raw:.0%} ({ours:,.0f}/s against {raw:,.0f}/s)",
            ours >= OF_RAW * raw,
        )
        for server in SERVERS
        for ours, raw in [(rates[f"gateway {server}"], rates[f"raw {server}"])]
    ]


def of_peers(rates: dict[str, float]) -> list[Row]:
    """The gateway on each server against FastAPI and Envoy."""
    peers = (("FastAPI + pydantic", "fastapi", OF_FASTAPI), ("Envoy's transcoder before grpc.aio", "envoy", OF_ENVOY))
    return [
        Row(
            f"Unary call through the gateway on {server}, against {name}",
            f">= {target:.0f} x",
            f"{ours / theirs:.1f} x ({ours:,.0f}/s against {theirs:,.0f}/s)",
            ours >= target * theirs,
        )
        for name, key, target in peers
        for server in SERVERS
        for ours, theirs in [(rates[f"gateway {server}"], rates[key])]
    ]


def latency(p99: dict[str, float]) -> Row:
    """The slowest of a hundred calls of 16 clients that never pause."""
    worst = max(p99[f"gateway {server}"] for server in SERVERS)
    found = ", ".join(f"{name} {milliseconds:.1f} ms" for name, milliseconds in p99.items())
    return Row("p99 of 16 clients that never pause", "below FastAPI", found, worst < p99["fastapi"])
