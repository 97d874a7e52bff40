"""SystemService: what this server is and how it fares."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from google.api import httpbody_pb2

from server.clock import to_timestamp
from server.database.database import Database
from server.system.metrics import CONTENT_TYPE, ServerMetrics
from server.tasks import task_list
from switchyard.system.v1 import system_service_pb2 as pb
from switchyard.system.v1 import system_service_pb2_grpc as pb_grpc

Context = Any

SERVICE: Final = "switchyard"


class SystemService(pb_grpc.SystemServiceServicer):
    """Describes the server. `start_time` is in micros; `queue_reachable` asks the queue."""

    def __init__(
        self,
        database: Database,
        metrics: ServerMetrics,
        queue_reachable: Callable[[], Awaitable[bool]],
        *,
        version: str,
        start_time: int,
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._queue_reachable = queue_reachable
        self._version = version
        self._start_time = start_time

    async def GetServerInfo(self, _request: pb.GetServerInfoRequest, _context: Context) -> pb.GetServerInfoResponse:
        """Describe this server and count the work it has."""
        queued, running = await self._database.read(task_list.counts)
        return pb.GetServerInfoResponse(
            service=SERVICE,
            version=self._version,
            started_at=to_timestamp(self._start_time),
            database=self._database.dialect,
            queue_reachable=await self._queue_reachable(),
            queued_tasks=queued,
            running_tasks=running,
        )

    async def GetMetrics(self, _request: pb.GetMetricsRequest, _context: Context) -> httpbody_pb2.HttpBody:
        """Return the metrics of this process."""
        queued, running = await self._database.read(task_list.counts)
        text = self._metrics.exposition({"queued": queued, "running": running}, self._database.pool)
        return httpbody_pb2.HttpBody(content_type=CONTENT_TYPE, data=text)
