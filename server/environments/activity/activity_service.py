"""ActivityService: whether environments are used, and what follows from that, as the wire says it."""

from functools import partial
from typing import Any, Final

import grpc
import sqlalchemy as sa

from server.clock import Clock
from server.database.after_commit import after_commit
from server.database.database import Database
from server.database.text import storable
from server.environments import environment_store
from server.environments.activity import activity_report, keep_awake
from server.environments.decisions import decision_store, decision_view
from server.environments.decisions.decision_store import DecisionRow
from server.environments.environment_row import EnvironmentRow
from server.environments.environment_store import EVERYBODY, Whose
from server.environments.new_task import environment_subject
from server.environments.whose import whose_of_caller
from server.errors import NotFound
from server.paging import number_before, page_limit, token_behind
from server.rpc.caller import CALLER
from server.tasks import store
from server.tasks.kernel import Kernel
from server.tasks.task import TaskRow
from switchyard.environments.v1 import activity_service_pb2 as pb
from switchyard.environments.v1 import activity_service_pb2_grpc as pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]

RECORDED: Final = "Activity recorded"
KEPT_AWAKE: Final = "Environment is kept awake"
MAY_SLEEP: Final = "Environment may sleep"


class ActivityService(pb_grpc.ActivityServiceServicer):
    """Takes reports, keeps environments awake, and shows what was decided about them."""

    def __init__(self, database: Database, kernel: Kernel, clock: Clock) -> None:
        self._database = database
        self._kernel = kernel
        self._clock = clock

    async def ReportActivity(self, request: pb.ReportActivityRequest, _context: Context) -> pb.ReportActivityResponse:
        """Record what was seen in an environment; where it stands does not matter, and does not change."""
        whose, now = _whose_is_reported(), self._clock()
        report = activity_report.read(request, now=now)

        def work(connection: sa.Connection) -> None:
            row = environment_store.require_locked(connection, request.environment_id, whose)
            columns = activity_report.recorded(row, report, now=now)
            if columns:
                self._change(connection, row, columns)

        await self._database.write(work)
        return pb.ReportActivityResponse(
            message=RECORDED,
            environment_id=request.environment_id,
            snapshot=request.snapshot,
            timestamp=request.timestamp,
        )

    async def KeepAwake(self, request: pb.KeepAwakeRequest, _context: Context) -> pb.KeepAwakeResponse:
        """Keep an environment from being stopped for want of activity."""
        keep_awake.check(request)
        whose, now, tenant = whose_of_caller(), self._clock(), CALLER.get().tenant_id

        def work(connection: sa.Connection) -> None:
            row = environment_store.require_locked(connection, request.environment_id, whose)
            if request.task_id:
                columns = keep_awake.as_long_as(_task(connection, request.task_id, tenant), request)
            else:
                columns = keep_awake.until(request, now=now)
            self._change(connection, row, columns)

        await self._database.write(work)
        return pb.KeepAwakeResponse(message=KEPT_AWAKE, environment_id=request.environment_id)

    async def LetSleep(self, request: pb.LetSleepRequest, _context: Context) -> pb.LetSleepResponse:
        """Keep an environment awake no longer."""
        whose = whose_of_caller()

        def work(connection: sa.Connection) -> None:
            row = environment_store.require_locked(connection, request.environment_id, whose)
            if keep_awake.is_asked_for(row):
                self._change(connection, row, keep_awake.NOTHING)

        await self._database.write(work)
        return pb.LetSleepResponse(message=MAY_SLEEP, environment_id=request.environment_id)

    async def ListDecisions(self, request: pb.ListDecisionsRequest, _context: Context) -> pb.ListDecisionsResponse:
        """List a page of what was decided about an environment, newest first."""
        whose = whose_of_caller()
        before, limit = number_before(request.page_token), page_limit(request.page_size)

        def query(connection: sa.Connection) -> list[DecisionRow]:
            row = environment_store.require(connection, request.environment_id, whose)
            return decision_store.page(connection, row, limit=limit + 1, before=before)

        rows = await self._database.scan(query)
        return pb.ListDecisionsResponse(
            decisions=map(decision_view.decision, rows[:limit]),
            next_page_token=token_behind(rows[limit - 1].number) if len(rows) > limit else "",
        )

    def _change(self, connection: sa.Connection, row: EnvironmentRow, columns: dict[str, Any]) -> None:
        """Store columns, and wake whoever watches the environment."""
        environment_store.update(connection, row, **columns)
        after_commit(connection, partial(self._kernel.changes.notify, (environment_subject(row.id),)))


def _whose_is_reported() -> Whose:
    """Return whose environments the present caller may report about; an environment was let in for itself only."""
    return EVERYBODY if CALLER.get().environment_id is not None else whose_of_caller()


def _task(connection: sa.Connection, task_id: str, tenant: str | None) -> TaskRow:
    """Return a Task that a caller of `tenant` (None: of all) may see. Raises NotFound."""
    task = store.get(connection, storable(task_id))
    if task is None or tenant not in (None, task.tenant):
        raise NotFound(f"task {task_id!r} is not known", task_id=task_id)
    return task
