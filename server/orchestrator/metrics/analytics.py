"""What came of the jobs of a window, as the contract shows it."""

from functools import cache, partial
from typing import Final

import sqlalchemy as sa

from server.orchestrator.jobs import job_store
from server.orchestrator.metrics import job_sums
from server.orchestrator.metrics.duration_range import percentile
from server.orchestrator.metrics.job_sums import Window
from server.orchestrator.metrics.tally import Tally
from switchyard.orchestrator.v1 import metrics_service_pb2 as pb

MOST_FREQUENT: Final = 10


def read(connection: sa.Connection, window: Window) -> pb.GetAnalyticsResponse:
    """Read everything about `window` from one state of the database."""
    rows = job_sums.read_rows(connection, window)
    ended = job_sums.read_all(connection, window, rows)
    total = ended.completed + ended.failed
    errors = job_sums.read_errors(connection, window, rows)
    response = pb.GetAnalyticsResponse(
        total_jobs=total,
        success_rate=_percent(ended.completed, total),
        failure_rate=_percent(ended.failed, total),
        average_duration_ms=ended.average_ms,
        slowest_workflows=_slowest(connection, window),
        error_distribution=[
            pb.GetAnalyticsResponse.ErrorCount(error_type=error_type, count=count)
            for error_type, count in sorted(errors.items(), key=lambda item: (-item[1], item[0]))[:MOST_FREQUENT]
        ],
    )
    _set_percentiles(response, connection, window, rows)
    return response


def _set_percentiles(response: pb.GetAnalyticsResponse, connection: sa.Connection, window: Window, rows: Tally) -> None:
    by_range = job_sums.read_ranges(connection, window, rows)
    # Two percentiles often lie in one range.
    inside = cache(partial(job_sums.read_durations, connection, window, rows))
    response.p50_duration_ms = percentile(0.5, by_range, inside)
    response.p90_duration_ms = percentile(0.9, by_range, inside)
    response.p99_duration_ms = percentile(0.99, by_range, inside)


def _slowest(connection: sa.Connection, window: Window) -> list[pb.GetAnalyticsResponse.SlowWorkflow]:
    return [
        pb.GetAnalyticsResponse.SlowWorkflow(
            workflow_id=slow.workflow_id,
            workflow_name=job_store.name_of_workflow(connection, slow.workflow_id),
            average_duration_ms=slow.average_ms,
        )
        for slow in job_sums.read_slowest(connection, window)
    ]


def _percent(part: int, total: int) -> float:
    """Return `part` of `total` in percent to two places; 0 when there is nothing."""
    return round(100 * part / total, 2) if total else 0.0
