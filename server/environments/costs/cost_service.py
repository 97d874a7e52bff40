"""CostService: what environments cost, as the wire says it."""

from typing import Any, Final

from server.clock import SECOND, Clock, to_timestamp
from server.database.database import Database
from server.environments import environment_store
from server.environments.costs import cost
from server.environments.environment_row import EnvironmentRow
from server.environments.regions import cloud_name
from server.environments.whose import whose_of_caller
from switchyard.environments.v1 import cost_service_pb2 as pb
from switchyard.environments.v1 import cost_service_pb2_grpc as pb_grpc

Context = Any

# Source: the table "Resource Limits" of the API.
_USUAL: Final = {"cpu_cores": 2, "memory_gb": 4, "storage_gb": 20}


class CostService(pb_grpc.CostServiceServicer):
    """Serves costs and estimates."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def GetCost(self, request: pb.GetCostRequest, _context: Context) -> pb.GetCostResponse:
        """Tell what an environment has cost so far."""
        whose = whose_of_caller()
        row = await self._database.read(
            lambda connection: environment_store.require(connection, request.environment_id, whose)
        )
        now = self._clock()
        size = cost.Size(row.provider, row.cpu_cores, row.memory_gb, row.storage_gb)
        running_seconds = _running_seconds(row, now)
        spent = cost.so_far(size, running_seconds=running_seconds, seconds=(now - row.create_time) // SECOND)
        return pb.GetCostResponse(
            environment_id=row.id,
            total=spent.total,
            compute=spent.compute,
            storage=spent.storage,
            running_seconds=running_seconds,
            rates=cost.rates(size),
            compute_time=to_timestamp(now),
        )

    async def EstimateCost(self, request: pb.EstimateCostRequest, _context: Context) -> pb.EstimateCostResponse:
        """Tell what an environment of a size would cost at a cloud."""
        given = {name: getattr(request, name) for name in _USUAL if request.HasField(name)}  # type: ignore[arg-type]
        size = cost.Size(cloud_name(request.cloud_provider), **(_USUAL | given))
        return pb.EstimateCostResponse(rates=cost.rates(size))


def _running_seconds(row: EnvironmentRow, now: int) -> int:
    """Return how long an environment has run, in seconds."""
    present = 0 if row.running_since is None else (now - row.running_since) // SECOND
    return row.run_seconds + present
