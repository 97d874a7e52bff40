"""`client.bots`, with what is not one call: a log that is followed, a run that is waited for, a file that is sent.

Made from the module for asyncio by `make generate`; do not edit."""

from __future__ import annotations

from switchyard.bots.v1 import bot_instance_pb2, bot_instance_service_pb2, run_pb2, run_service_pb2
from switchyard.tasks.v1 import task_pb2, task_service_pb2

from ..content import Content
from ..log import LogReader, line_of_run
from ..resources.sync import bots
from ..resources.methods import bots as methods
from ..resources.methods import tasks
from ..settings import Headers
from ..upload import messages
from .logs import Logs

RunLogs = Logs[task_pb2.LogLine, run_service_pb2.WatchLogsResponse.End]


class Bots(bots.Bots):
    """Instances of bots, their files, and their runs."""

    def logs(
        self,
        id: str,
        *,
        run_id: str = "",
        after: str = "",
        timeout: float | None = None,
        headers: Headers | None = None,
    ) -> RunLogs:
        """Follow the log of an instance to the end of its run.

        Each line comes once: a stream that breaks goes on behind the last line, also when the server was restarted.

        Args:
            id: Id of the instance.
            run_id: Only this run. Empty: the newest, or the next one if there is none.
            after: `cursor` of an earlier call, to go on there. Empty: from the first line.
            timeout: Seconds for the whole of it; None is no limit.
            headers: Further metadata of the call.
        """
        request = run_service_pb2.WatchLogsRequest(id=id, run_id=run_id, after=after)
        stream = self._connection.stream(methods.WATCH_LOGS, request, timeout, headers)
        return Logs(stream, LogReader(line_of_run, after))

    def wait(
        self,
        id: str,
        run_id: str,
        *,
        timeout: float | None = None,
    ) -> run_pb2.RunDetail:
        """Return a run when it has ended.

        Args:
            id: Id of the instance.
            run_id: Id of the run.
            timeout: Seconds to wait at most; None is no limit.

        Raises:
            DeadlineExceeded: it has not ended in time.
        """
        request = task_service_pb2.WatchTaskRequest(id=run_id)  # the id of a run is that of its task
        for _ in self._connection.stream(tasks.WATCH, request, timeout, None):
            pass
        return self.get_run(id, run_id)

    def upload_media(
        self,
        id: str,
        name: str,
        content: Content,
        *,
        content_type: str = "application/octet-stream",
        timeout: float | None = None,
        headers: Headers | None = None,
    ) -> bot_instance_pb2.InputFile:
        """Store a media file for an instance.

        Args:
            id: Id of the instance.
            name: Name of the file, without a folder.
            content: Its bytes, pieces of them, its Path, or an open file.
            content_type: Its media type.
            timeout: Seconds for the whole of it; None is no limit.
            headers: Further metadata of the call.
        """
        first = bot_instance_service_pb2.PutMediaRequest(id=id, name=name)
        requests = messages(first, content, content_type=content_type)
        return (self.put_media(requests, timeout=timeout, headers=headers)).input
