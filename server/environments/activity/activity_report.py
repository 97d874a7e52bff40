"""What a report of activity says, and what it changes. Pure. Times are micros."""

from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.timestamp_pb2 import Timestamp

from server.clock import SECOND, from_timestamp
from server.environments.environment_row import EnvironmentRow
from server.errors import InvalidArgument
from switchyard.environments.v1.activity_service_pb2 import ReportActivityRequest

# By so much a reporter's clock may be ahead of ours.
AHEAD: Final = 5 * 60 * SECOND


@dataclass(frozen=True, slots=True)
class Report:
    """A report that makes sense. `ide_time` and `ssh_time` None: never."""

    time: int
    ide_time: int | None
    ssh_time: int | None
    ide_connections: int
    ssh_connections: int


def read(request: ReportActivityRequest, *, now: int) -> Report:
    """Return what `request`, whose numbers are within their bounds, reports at `now`.

    Raises:
        InvalidArgument: a time is more than 5 minutes ahead, or the report says that it was made at no time.
    """
    snapshot = request.snapshot
    time = _time("timestamp", request.timestamp, now=now)
    if time is None:
        raise InvalidArgument.field("timestamp", "must be the time of the report")
    return Report(
        time=time,
        ide_time=_time("snapshot.lastIDEActivity", snapshot.last_ide_activity, now=now),
        ssh_time=_time("snapshot.lastSSHActivity", snapshot.last_ssh_activity, now=now),
        ide_connections=snapshot.active_ide_connections,
        ssh_connections=snapshot.active_ssh_connections,
    )


def recorded(row: EnvironmentRow, report: Report, *, now: int) -> dict[str, Any]:
    """Return the columns of `row` that `report` changes; none if it is older than the newest one.

    What was used once stays so, though a reporter that was started anew may not know of it. An open connection is use
    at the time of the report.
    """
    if row.report_time is not None and report.time < row.report_time:
        return {}
    ide_time = _latest(row.ide_time, report.ide_time, report.time if report.ide_connections else None, now=now)
    ssh_time = _latest(row.ssh_time, report.ssh_time, report.time if report.ssh_connections else None, now=now)
    return {
        "report_time": report.time,
        "ide_time": ide_time,
        "ssh_time": ssh_time,
        "ide_connections": report.ide_connections,
        "ssh_connections": report.ssh_connections,
        "access_time": max(row.access_time, ide_time or 0, ssh_time or 0),
    }


def _time(field: str, timestamp: Timestamp, *, now: int) -> int | None:
    """Return a time of the request, None for never: zero in Go is the year 1, in the contract the year 1970."""
    time = from_timestamp(timestamp)
    if time > now + AHEAD:
        raise InvalidArgument.field(field, "must not be more than 5 minutes ahead of the server's clock")
    return time if time > 0 else None


def _latest(*times: int | None, now: int) -> int | None:
    """Return the last of `times`, but none that is to come."""
    return max((min(time, now) for time in times if time is not None), default=None)
