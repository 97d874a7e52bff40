"""`client.jobs`, with what is not one call: a log that is followed, a job that is waited for."""

from __future__ import annotations

from switchyard.orchestrator.v1 import job_pb2, job_service_pb2
from switchyard.tasks.v1 import task_service_pb2

from ..log import LogReader, line_of_job
from ..resources.aio import jobs
from ..resources.methods import jobs as methods
from ..resources.methods import tasks
from ..settings import Headers
from .logs import Logs

JobLogs = Logs[job_service_pb2.WatchJobLogsResponse.Line, job_service_pb2.WatchJobLogsResponse.End]


class Jobs(jobs.Jobs):
    """Executions of workflows."""

    def logs(
        self, job_id: str, *, after: str = "", timeout: float | None = None, headers: Headers | None = None
    ) -> JobLogs:
        """Follow the log of a job to its end.

        Each line comes once: a stream that breaks goes on behind the last line, also when the server was restarted.

        Args:
            job_id: Id of the job.
            after: `cursor` of an earlier call, to go on there. Empty: from the first line.
            timeout: Seconds for the whole of it; None is no limit.
            headers: Further metadata of the call.
        """
        request = job_service_pb2.WatchJobLogsRequest(job_id=job_id, after=after)
        stream = self._connection.stream(methods.WATCH_LOGS, request, timeout, headers)
        return Logs(stream, LogReader(line_of_job, after))

    async def wait(self, job_id: str, *, timeout: float | None = None) -> job_pb2.JobDetail:
        """Return a job when it has ended.

        Args:
            job_id: Id of the job.
            timeout: Seconds to wait at most; None is no limit.

        Raises:
            DeadlineExceeded: it has not ended in time.
        """
        request = task_service_pb2.WatchTaskRequest(id=job_id)  # the id of a job is that of its task
        async for _ in self._connection.stream(tasks.WATCH, request, timeout, None):
            pass
        return await self.get(job_id)
