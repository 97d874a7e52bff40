"""ScheduleService: workflows by the clock, as the wire says them."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, Final

import grpc
import sqlalchemy as sa

from server.clock import SECOND, Clock, from_timestamp, to_timestamp
from server.database.after_commit import after_commit
from server.database.database import Database
from server.errors import InvalidArgument
from server.orchestrator.schedules import (
    firing,
    occurrence_store,
    schedule_change,
    schedule_store,
    schedule_view,
)
from server.orchestrator.schedules.fire_times import LATEST, fire_times
from server.orchestrator.schedules.occurrence_store import Place
from server.orchestrator.schedules.schedule_row import OccurrenceRow, ScheduleRow
from server.orchestrator.schedules.scheduler import Scheduler
from server.orchestrator.workflows import workflow_store
from server.paging import number_before, page_limit, token_behind
from server.rpc import idempotency
from server.rpc.caller import CALLER
from server.rpc.idempotency import IdempotencyKey
from server.tasks.kernel import Kernel
from switchyard.orchestrator.v1 import schedule_service_pb2 as pb
from switchyard.orchestrator.v1 import schedule_service_pb2_grpc as pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]
Change = Callable[[ScheduleRow, int], ScheduleRow]

DEFAULT_LIMIT: Final = 100
DEFAULT_COUNT: Final = 10
SUCCESS: Final = "success"


class ScheduleService(pb_grpc.ScheduleServiceServicer):
    """Serves schedules and their ledger."""

    def __init__(self, database: Database, kernel: Kernel, scheduler: Scheduler, clock: Clock) -> None:
        self._database = database
        self._kernel = kernel
        self._scheduler = scheduler
        self._clock = clock

    async def CreateSchedule(self, request: pb.CreateScheduleRequest, _context: Context) -> pb.CreateScheduleResponse:
        """Store a schedule of a workflow that the caller may see; it belongs to the workflow's tenant."""
        tenant_id = CALLER.get().tenant_id
        key = IdempotencyKey.of_call(request.request_id, "CreateSchedule")

        def work(connection: sa.Connection) -> pb.CreateScheduleResponse:
            now = self._clock()
            answered = idempotency.remember(connection, key, request, now=now)
            if answered is not None:
                return pb.CreateScheduleResponse.FromString(answered)
            workflow = workflow_store.require_locked(connection, request.workflow_id, tenant_id=tenant_id)
            new = schedule_change.asked_for(request, tenant=workflow.tenant)
            row = schedule_store.insert(connection, new, now=now)
            after_commit(connection, self._scheduler.wake)
            response = pb.CreateScheduleResponse(schedule=schedule_view.schedule(row))
            idempotency.store_answer(connection, key, response)
            return response

        return await self._database.write(work)

    async def ListSchedules(self, request: pb.ListSchedulesRequest, _context: Context) -> pb.ListSchedulesResponse:
        """List schedules, newest first."""
        query = partial(
            schedule_store.listed,
            tenant_id=CALLER.get().tenant_id,
            limit=request.limit if request.HasField("limit") else DEFAULT_LIMIT,
            workflow_id=request.workflow_id,
            enabled=request.enabled if request.HasField("enabled") else None,
            before_id=request.before,
        )
        rows = await self._database.scan(query)
        return pb.ListSchedulesResponse(schedules=map(schedule_view.schedule, rows))

    async def GetSchedule(self, request: pb.GetScheduleRequest, _context: Context) -> pb.GetScheduleResponse:
        """Read one schedule."""
        return pb.GetScheduleResponse(schedule=schedule_view.schedule(await self._read(request.schedule_id)))

    async def UpdateSchedule(self, request: pb.UpdateScheduleRequest, _context: Context) -> pb.UpdateScheduleResponse:
        """Change a schedule."""
        row = await self._change(request.schedule_id, lambda row, now: schedule_change.changed(row, request, now=now))
        return pb.UpdateScheduleResponse(schedule=schedule_view.schedule(row))

    async def EnableSchedule(self, request: pb.EnableScheduleRequest, _context: Context) -> pb.EnableScheduleResponse:
        """Let a schedule fire."""
        row = await self._change(request.schedule_id, partial(_switched, enabled=True))
        return pb.EnableScheduleResponse(schedule=schedule_view.schedule(row))

    async def DisableSchedule(
        self, request: pb.DisableScheduleRequest, _context: Context
    ) -> pb.DisableScheduleResponse:
        """Keep a schedule from firing."""
        row = await self._change(request.schedule_id, partial(_switched, enabled=False))
        return pb.DisableScheduleResponse(schedule=schedule_view.schedule(row))

    async def TriggerSchedule(
        self, request: pb.TriggerScheduleRequest, _context: Context
    ) -> pb.TriggerScheduleResponse:
        """Queue a job now."""
        caller = CALLER.get()
        key = IdempotencyKey.of_call(request.request_id, "TriggerSchedule")

        def work(connection: sa.Connection) -> pb.TriggerScheduleResponse:
            now = self._clock()
            answered = idempotency.remember(connection, key, request, now=now)
            if answered is not None:
                return pb.TriggerScheduleResponse.FromString(answered)
            row = schedule_store.require_locked(connection, request.schedule_id, tenant_id=caller.tenant_id)
            job = firing.trigger(connection, row, by=caller.name, now=now)
            after_commit(connection, partial(self._kernel.announce, [job]))
            response = pb.TriggerScheduleResponse(
                status=SUCCESS, message=f"Schedule triggered: {row.id}", job_id=job.id
            )
            idempotency.store_answer(connection, key, response)
            return response

        return await self._database.write(work)

    async def DeleteSchedule(self, request: pb.DeleteScheduleRequest, _context: Context) -> pb.DeleteScheduleResponse:
        """Remove a schedule with its ledger."""
        tenant_id = CALLER.get().tenant_id

        def work(connection: sa.Connection) -> None:
            row = schedule_store.require_locked(connection, request.schedule_id, tenant_id=tenant_id)
            schedule_store.delete(connection, row)

        await self._database.write(work)
        return pb.DeleteScheduleResponse(status=SUCCESS, message=f"Schedule deleted: {request.schedule_id}")

    async def ListOccurrences(
        self, request: pb.ListOccurrencesRequest, _context: Context
    ) -> pb.ListOccurrencesResponse:
        """List a page of the ledger, newest first."""
        tenant_id = CALLER.get().tenant_id
        behind, limit = _place(request.page_token), page_limit(request.page_size)

        def query(connection: sa.Connection) -> list[OccurrenceRow]:
            row = schedule_store.require(connection, request.schedule_id, tenant_id=tenant_id)
            return occurrence_store.page(
                connection, row.number, limit=limit + 1, behind=behind, status=request.status or None
            )

        rows = await self._database.scan(query)
        return pb.ListOccurrencesResponse(
            occurrences=map(schedule_view.occurrence, rows[:limit]),
            next_page_token=_token(rows[limit - 1]) if len(rows) > limit else "",
        )

    async def PreviewSchedule(
        self, request: pb.PreviewScheduleRequest, _context: Context
    ) -> pb.PreviewScheduleResponse:
        """Compute the next fire times."""
        cron, zone = request.cron_expression, request.timezone or schedule_change.DEFAULT_ZONE
        if request.schedule_id:
            row = await self._read(request.schedule_id)
            cron, zone = row.cron, row.zone
        elif not cron:
            raise InvalidArgument.field("cron_expression", "must be given where no schedule is named")
        count = request.count if request.HasField("count") else DEFAULT_COUNT
        after = _after(request) if request.HasField("after") else self._clock()
        # A thousand times of a rare expression take a while.
        times = await asyncio.to_thread(lambda: list(islice(fire_times(cron, zone, after), count)))
        return pb.PreviewScheduleResponse(fire_times=map(to_timestamp, times), timezone=zone)

    async def _read(self, schedule_id: str) -> ScheduleRow:
        tenant_id = CALLER.get().tenant_id
        return await self._database.read(
            lambda connection: schedule_store.require(connection, schedule_id, tenant_id=tenant_id)
        )

    async def _change(self, schedule_id: str, change: Change) -> ScheduleRow:
        """Change a schedule by its owner, once its fire times up to now are on record, and return it."""
        tenant_id = CALLER.get().tenant_id

        def work(connection: sa.Connection) -> ScheduleRow:
            now = self._clock()
            row = schedule_store.require_locked(connection, schedule_id, tenant_id=tenant_id)
            row, tasks = self._scheduler.catch_up(connection, row, now=now)
            after = _with_next_run(connection, row, change(row, now), now=now)
            if after != row:
                schedule_store.change(connection, after)
            after_commit(connection, self._scheduler.wake)
            after_commit(connection, partial(self._kernel.announce, tasks))
            return after

        return await self._database.write(work)


def _switched(row: ScheduleRow, now: int, *, enabled: bool) -> ScheduleRow:
    return row if row.enabled == enabled else replace(row, enabled=enabled, update_time=now)


def _with_next_run(connection: sa.Connection, before: ScheduleRow, after: ScheduleRow, *, now: int) -> ScheduleRow:
    if schedule_change.keeps_next_run(before, after):
        return after
    return replace(after, next_run=schedule_store.first_run(connection, after, now=now) if after.enabled else None)


def _after(request: pb.PreviewScheduleRequest) -> int:
    """Return the time to begin with, in micros.

    Raises:
        InvalidArgument: it lies beyond what can be computed.
    """
    if not 0 <= request.after.seconds <= LATEST // SECOND:
        raise InvalidArgument.field("after", "must lie between the years 1970 and 9900")
    return from_timestamp(request.after)


def _token(row: OccurrenceRow) -> str:
    return token_behind(2 * row.fire_time + row.by_hand)


def _place(page_token: str) -> Place | None:
    number = number_before(page_token)
    return None if number is None else Place(*divmod(number, 2))
