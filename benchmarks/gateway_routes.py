"""What finding the rpc of a request costs when there are ten routes, and when there are a thousand."""

import time

from benchmarks.peers.gateway_items import services
from benchmarks.result import Row
from gateway.contract.services import read_services
from gateway.routing import Match, Router

FEW, MANY = 10, 1_000
ROUNDS, LOOKUPS = 30, 1_000
# A lookup that took part in what the number of routes grows by, a hundredfold, could not stay below.
TARGET = 1.2
PATH = b"/v1/items/item-1/part7/somebody/call7"


def run() -> list[Row]:
    """The best of many short rounds of each, in turn, so that what else the machine does falls out."""
    few, many = (Router(read_services(services(number))) for number in (FEW, MANY))
    rounds = [(microseconds(few), microseconds(many)) for _ in range(ROUNDS)]
    small, large = (min(times) for times in zip(*rounds, strict=True))
    found = f"{large / small:.2f} x ({large:.2f} µs against {small:.2f} µs)"
    return [Row("Finding a route among 1,000 against among 10", "<= 1.2 x", found, large <= TARGET * small)]


def microseconds(router: Router) -> float:
    """What one lookup takes."""
    started = time.perf_counter()
    for _ in range(LOOKUPS):
        found = router.find("GET", PATH)
    seconds = time.perf_counter() - started
    if not isinstance(found, Match):
        raise AssertionError(found)
    return seconds / LOOKUPS * 1e6
