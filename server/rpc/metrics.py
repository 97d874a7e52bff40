"""Counts and durations of calls, for Prometheus."""

from typing import Final

import grpc
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

# From an answer out of memory to one that waits for somebody.
_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class CallMetrics:
    """The metrics of all calls of one process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter("switchyard_rpc_calls", "Calls that ended.", ["method", "code"], registry=registry)
        self._seconds = Histogram(
            "switchyard_rpc_seconds", "Duration of unary calls.", ["method"], registry=registry, buckets=_SECONDS
        )
        self._streams = Gauge("switchyard_rpc_streams", "Streams that are open.", ["method"], registry=registry)

    def of_method(self, method: str) -> "MethodMetrics":
        """Return the part of one method, named as in "/package.Service/Method"."""
        return MethodMetrics(self._calls, self._seconds.labels(method), self._streams.labels(method), method)


class MethodMetrics:
    """The metrics of one method. Looking up labels costs more than counting, so it is done once per code."""

    def __init__(self, calls: Counter, seconds: Histogram, streams: Gauge, method: str) -> None:
        self._calls = calls
        self._seconds = seconds
        self._method = method
        self._by_code: dict[grpc.StatusCode, Counter] = {}
        self.streams: Final = streams

    def ended(self, code: grpc.StatusCode, seconds: float | None) -> None:
        """Count a call that ended with `code`; `seconds` is its duration, None for a stream."""
        counter = self._by_code.get(code)
        if counter is None:
            counter = self._by_code[code] = self._calls.labels(self._method, code.name)
        counter.inc()
        if seconds is not None:
            self._seconds.observe(seconds)
