"""Log lines of jobs as those who follow them get them. Pure."""

from typing import Final

from server.orchestrator.jobs import job_view
from server.tasks import log_cursor, log_store
from server.tasks.log_hub import LogBatch
from server.tasks.log_store import LogLineRow
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1 import job_service_pb2 as pb

_SHARED: Final = "orchestrator.WatchJobLogsResponse"


def batch(lines: LogBatch) -> pb.WatchJobLogsResponse:
    """Return the lines of a batch; every reader of the batch gets the same object and must not change it."""
    shared: pb.WatchJobLogsResponse | None = lines.cache.get(_SHARED)
    if shared is None:
        shared = pb.WatchJobLogsResponse(lines=[_line(lines.task_id, row) for row in lines.lines])
        lines.cache[_SHARED] = shared
    return shared


def end(job: TaskRow) -> pb.WatchJobLogsResponse:
    """Return the message that closes the stream of a job that is over."""
    closing = pb.WatchJobLogsResponse.End(status=job_view.STATUS[job.state], cursor=log_cursor.at_end(job.id))
    return pb.WatchJobLogsResponse(end=closing)


def _line(job_id: str, row: LogLineRow) -> pb.WatchJobLogsResponse.Line:
    line = log_store.to_message(row)
    return pb.WatchJobLogsResponse.Line(
        seq=line.seq,
        timestamp=line.timestamp,
        level=line.level,
        message=line.message,
        cursor=log_cursor.behind(job_id, row.seq),
    )
