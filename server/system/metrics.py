"""What Prometheus reads: the process, its calls and requests, and the work that waits."""

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from server.database.pool import Pool

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class ServerMetrics:
    """The metrics of one process, in a registry of its own."""

    def __init__(self, others: Iterable[Collector] = ()) -> None:
        """Show `others` too: what is counted elsewhere."""
        self.registry: Final = CollectorRegistry()
        for other in others:
            self.registry.register(other)
        ProcessCollector(registry=self.registry)
        self._tasks = Gauge("switchyard_tasks", "Tasks that are not final.", ["state"], registry=self.registry)
        self._connections = Gauge(
            "switchyard_database_connections",
            "Connections to the database that may be open at once.",
            ["state"],
            registry=self.registry,
        )
        self._requests = Counter(
            "switchyard_http_requests", "HTTP requests that ended.", ["method", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            "switchyard_http_seconds", "Duration of HTTP requests.", registry=self.registry, buckets=_SECONDS
        )

    def observe_request(self, method: str | None, status: int, seconds: float) -> None:
        """Count one HTTP request. `method` is the rpc it led to; None when it led nowhere."""
        self._requests.labels(method or "", str(status)).inc()
        self._seconds.observe(seconds)

    def exposition(self, tasks: Mapping[str, int], pool: Pool) -> bytes:
        """Return everything in Prometheus' text format 0.0.4. `tasks` counts Tasks by state, as of now."""
        self._connections.labels("free").set(pool.free)
        self._connections.labels("taken").set(pool.size - pool.free)
        for state, count in tasks.items():
            self._tasks.labels(state).set(count)
        return generate_latest(self.registry)
