"""How late the event loop is: for so long everything that is ready waits. For Prometheus."""

import asyncio
from time import perf_counter
from typing import Final

from prometheus_client import CollectorRegistry, Histogram

INTERVAL_SECONDS: Final = 0.5
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class LoopLag:
    """Asks to be woken twice a second, and keeps how much later it was."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._lag = Histogram(
            "switchyard_event_loop_lag_seconds",
            "How much later than asked for the event loop wakes.",
            registry=registry,
            buckets=_SECONDS,
        )

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            # The loop's own time stands still while it is busy.
            due = perf_counter() + INTERVAL_SECONDS
            await asyncio.sleep(INTERVAL_SECONDS)
            self._lag.observe(max(0.0, perf_counter() - due))
