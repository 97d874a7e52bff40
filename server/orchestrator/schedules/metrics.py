"""How late schedules fire, for Prometheus. Of the whole process."""

from typing import Final

from prometheus_client import Histogram

_SECONDS: Final = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

SECONDS_LATE: Final = Histogram(
    "switchyard_schedule_late_seconds",
    "How long after its fire time a schedule of a workflow fired. What is made up for does not count.",
    registry=None,
    buckets=_SECONDS,
)

METRICS: Final = (SECONDS_LATE,)
