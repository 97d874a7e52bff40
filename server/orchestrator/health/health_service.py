"""HealthService: whether the server can do its work, for load balancers and Kubernetes."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import grpc
import sqlalchemy as sa

from server.database.database import Database
from switchyard.orchestrator.v1 import health_service_pb2 as pb
from switchyard.orchestrator.v1 import health_service_pb2_grpc as pb_grpc

SERVICE: Final = "casare-rpa-monitoring"
HEALTHY: Final = "healthy"
DEGRADED: Final = "degraded"
DATABASE_AWAY: Final = "Database unhealthy"
QUEUE_AWAY: Final = "The queue does not answer; work waits"
# A database that needs longer serves nobody.
PROBE_SECONDS: Final = 2.0
# How an answer asks the gateway for its HTTP status.
NOT_READY: Final = (("x-http-code", "503"),)

Context = grpc.aio.ServicerContext[Any, Any]


class HealthService(pb_grpc.HealthServiceServicer):
    """Asks the database and the queue anew for each answer. `queue_reachable` asks the queue."""

    def __init__(
        self,
        database: Database,
        queue_reachable: Callable[[], Awaitable[bool]],
        *,
        probe_seconds: float = PROBE_SECONDS,
    ) -> None:
        self._database = database
        self._queue_reachable = queue_reachable
        self._probe_seconds = probe_seconds

    async def GetHealth(self, _request: pb.GetHealthRequest, _context: Context) -> pb.GetHealthResponse:
        """Say that the server answers."""
        return pb.GetHealthResponse(status=HEALTHY, service=SERVICE)

    async def GetDetailedHealth(
        self, _request: pb.GetDetailedHealthRequest, _context: Context
    ) -> pb.GetDetailedHealthResponse:
        """Ask everything the server needs."""
        database, queue = await asyncio.gather(self._ask_database(), self._ask_queue())
        return pb.GetDetailedHealthResponse(
            status=HEALTHY if database.healthy and queue.healthy else DEGRADED,
            service=SERVICE,
            dependencies=pb.GetDetailedHealthResponse.Dependencies(database=database, queue=queue),
        )

    async def GetReadiness(self, _request: pb.GetReadinessRequest, context: Context) -> pb.GetReadinessResponse:
        """Ask the database, without which nothing can be served."""
        if (await self._ask_database()).healthy:
            return pb.GetReadinessResponse(ready=True)
        context.set_trailing_metadata(NOT_READY)
        return pb.GetReadinessResponse(ready=False, reason=DATABASE_AWAY)

    async def GetLiveness(self, _request: pb.GetLivenessRequest, _context: Context) -> pb.GetLivenessResponse:
        """Say that the process is alive."""
        return pb.GetLivenessResponse(alive=True)

    async def _ask_database(self) -> pb.GetDetailedHealthResponse.Database:
        size, free = self._database.pool
        error = await self._database_error()
        return pb.GetDetailedHealthResponse.Database(
            healthy=error is None,
            pool_size=size if error is None else 0,
            pool_free=free if error is None else 0,
            error=error,
        )

    async def _database_error(self) -> str | None:
        """Return why the database does not take a unit of work, free of secrets; None when it does."""
        try:
            async with asyncio.timeout(self._probe_seconds):
                await self._database.write(_ask)
        except TimeoutError:
            return f"No answer within {self._probe_seconds:g} s"
        except OSError as error:
            return error.strerror or type(error).__name__
        except (sa.exc.SQLAlchemyError, RuntimeError) as error:
            # The driver's own words may name users, hosts and statements.
            return type(getattr(error, "orig", None) or error).__name__
        return None

    async def _ask_queue(self) -> pb.GetDetailedHealthResponse.Queue:
        healthy = await self._queue_reachable()
        return pb.GetDetailedHealthResponse.Queue(healthy=healthy, error=None if healthy else QUEUE_AWAY)


def _ask(connection: sa.Connection) -> None:
    connection.execute(_PROBE)


_PROBE: Final = sa.select(sa.literal(1))
