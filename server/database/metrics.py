"""How long changes wait for the database, for Prometheus. Of the whole process."""

from collections.abc import Awaitable
from time import perf_counter
from typing import Final, TypeVar

from prometheus_client import Gauge, Histogram

T = TypeVar("T")

# From a commit that waits for nobody to one behind a lock.
_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0)

WRITES_WAITING: Final = Gauge(
    "switchyard_database_writes_waiting", "Units of work that were asked for and are not on disk yet.", registry=None
)
WRITE_SECONDS: Final = Histogram(
    "switchyard_database_write_seconds",
    "Time from when a unit of work was asked for until it was on disk, or undone.",
    registry=None,
    buckets=_SECONDS,
)

METRICS: Final = (WRITES_WAITING, WRITE_SECONDS)


async def observed(unit: Awaitable[T]) -> T:
    """Wait for a unit of work and return what it returns."""
    start = perf_counter()
    WRITES_WAITING.inc()
    try:
        return await unit
    finally:
        WRITES_WAITING.dec()
        WRITE_SECONDS.observe(perf_counter() - start)
