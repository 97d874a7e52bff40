"""EnvironmentScheduleService: starts and stops by the clock, as the wire says them."""

from typing import Any, Final

import grpc
import sqlalchemy as sa

from server.clock import Clock, to_timestamp
from server.database.after_commit import after_commit
from server.database.database import Database
from server.environments import environment_store
from server.environments.schedules import schedule_store
from server.environments.schedules.schedule_firing import ScheduleFiring
from server.environments.schedules.schedule_store import ScheduleRow
from server.environments.whose import whose_of_caller
from server.errors import InvalidArgument, NotFound
from server.orchestrator.schedules.fire_times import next_fire_time
from server.rpc import idempotency
from server.rpc.idempotency import IdempotencyKey
from switchyard.environments.v1 import environment_schedule_service_pb2 as pb
from switchyard.environments.v1 import environment_schedule_service_pb2_grpc as pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]

# Schedules of one environment. Source: the comment of `CreateEnvironmentSchedule`.
MOST: Final = 20
DEFAULT_ZONE: Final = "UTC"


class EnvironmentScheduleService(pb_grpc.EnvironmentScheduleServiceServicer):
    """Serves schedules of environments."""

    def __init__(self, database: Database, firing: ScheduleFiring, clock: Clock) -> None:
        self._database = database
        self._firing = firing
        self._clock = clock

    async def CreateEnvironmentSchedule(
        self, request: pb.CreateEnvironmentScheduleRequest, _context: Context
    ) -> pb.CreateEnvironmentScheduleResponse:
        """Store a schedule."""
        whose, zone = whose_of_caller(), request.timezone or DEFAULT_ZONE
        key = IdempotencyKey.of_call(request.request_id, "CreateEnvironmentSchedule")

        def work(connection: sa.Connection) -> pb.CreateEnvironmentScheduleResponse:
            now = self._clock()
            answered = idempotency.remember(connection, key, request, now=now)
            if answered is not None:
                return pb.CreateEnvironmentScheduleResponse.FromString(answered)
            environment = environment_store.require_locked(connection, request.environment_id, whose)
            next_run = next_fire_time(request.cron_expression, zone, now)
            if len(schedule_store.of_environment(connection, environment.number)) >= MOST:
                raise InvalidArgument(f"an environment has at most {MOST} schedules")
            after_commit(connection, self._firing.wake)
            row = schedule_store.insert(
                connection, environment.number, request.action, request.cron_expression, zone, next_run=next_run
            )
            response = pb.CreateEnvironmentScheduleResponse(schedule=_message(row))
            idempotency.store_answer(connection, key, response)
            return response

        return await self._database.write(work)

    async def ListEnvironmentSchedules(
        self, request: pb.ListEnvironmentSchedulesRequest, _context: Context
    ) -> pb.ListEnvironmentSchedulesResponse:
        """List the schedules of an environment, oldest first."""
        whose = whose_of_caller()

        def query(connection: sa.Connection) -> list[ScheduleRow]:
            environment = environment_store.require(connection, request.environment_id, whose)
            return schedule_store.of_environment(connection, environment.number)

        rows = await self._database.read(query)
        return pb.ListEnvironmentSchedulesResponse(schedules=map(_message, rows))

    async def DeleteEnvironmentSchedule(
        self, request: pb.DeleteEnvironmentScheduleRequest, _context: Context
    ) -> pb.DeleteEnvironmentScheduleResponse:
        """Remove a schedule."""
        whose = whose_of_caller()

        def work(connection: sa.Connection) -> None:
            environment = environment_store.require_locked(connection, request.environment_id, whose)
            if not schedule_store.delete(connection, environment.number, request.schedule_id):
                schedule_id = request.schedule_id
                raise NotFound(f"schedule with ID '{schedule_id}' not found", schedule_id=schedule_id)

        await self._database.write(work)
        return pb.DeleteEnvironmentScheduleResponse()


def _message(row: ScheduleRow) -> pb.EnvironmentSchedule:
    return pb.EnvironmentSchedule(
        schedule_id=row.id,
        action=row.action,
        cron_expression=row.cron,
        timezone=row.zone,
        next_run=None if row.next_run is None else to_timestamp(row.next_run),
        last_run=None if row.last_run is None else to_timestamp(row.last_run),
    )
