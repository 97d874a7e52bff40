"""AgentService: what the listener of the environments API says of itself."""

import asyncio
from typing import Any, Final

import grpc
import sqlalchemy as sa

from server.clock import SECOND, Clock
from server.database.database import Database
from server.errors import Unavailable
from switchyard.environments.v1 import agent_service_pb2 as pb
from switchyard.environments.v1 import agent_service_pb2_grpc as pb_grpc

# Source: the description of the API, by which clients know it.
SERVICE: Final = "dev8-agent"
# A database that needs longer serves nobody.
PROBE_SECONDS: Final = 2.0

Context = grpc.aio.ServicerContext[Any, Any]


class AgentService(pb_grpc.AgentServiceServicer):
    """Tells what this is and how it fares. `start_time` is in micros."""

    def __init__(self, database: Database, clock: Clock, *, version: str, start_time: int) -> None:
        self._database = database
        self._clock = clock
        self._version = version
        self._start_time = start_time

    async def GetAgent(self, _request: pb.GetAgentRequest, _context: Context) -> pb.GetAgentResponse:
        """Tell what this is."""
        return pb.GetAgentResponse(
            service=SERVICE,
            version=self._version,
            status="running",
            endpoints=pb.GetAgentResponse.Endpoints(health="/health", api="/api/v1"),
        )

    async def GetAgentHealth(self, _request: pb.GetAgentHealthRequest, _context: Context) -> pb.GetAgentHealthResponse:
        """Tell that it is well, and since when it runs."""
        seconds = (self._clock() - self._start_time) // SECOND
        return pb.GetAgentHealthResponse(
            status="healthy", uptime=uptime(seconds), service=SERVICE, version=self._version
        )

    async def GetAgentReadiness(
        self, _request: pb.GetAgentReadinessRequest, _context: Context
    ) -> pb.GetAgentReadinessResponse:
        """Tell that it can work. Raises Unavailable while the database does not answer."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._database.read(_ask)
        except (OSError, TimeoutError, RuntimeError, sa.exc.SQLAlchemyError) as error:
            raise Unavailable("the database does not answer") from error
        return pb.GetAgentReadinessResponse(status="ready")

    async def GetAgentLiveness(
        self, _request: pb.GetAgentLivenessRequest, _context: Context
    ) -> pb.GetAgentLivenessResponse:
        """Tell that it lives."""
        return pb.GetAgentLivenessResponse(status="alive")


def uptime(seconds: int) -> str:
    """Return whole seconds, at least 0, as Go prints durations: "2h15m30s", "1m0s", "45s".

    Source: time.Duration.String, https://pkg.go.dev/time#Duration.String.
    """
    minutes, rest = divmod(max(seconds, 0), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h{minutes}m{rest}s"
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _ask(connection: sa.Connection) -> None:
    connection.execute(_PROBE)


_PROBE: Final = sa.select(sa.literal(1))
