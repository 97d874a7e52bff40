"""Looks again and again at the environments that run, and stops those that are idle.

Any number of servers may do so over one database: who decides holds the row of the environment, and looks again then.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import orjson
import sqlalchemy as sa

from server.clock import Clock
from server.database.after_commit import after_commit
from server.database.database import Database
from server.environments import environment_store, operations
from server.environments.activity import idle, keep_awake
from server.environments.activity.idle import TaskState, Verdict
from server.environments.decisions import decision_store
from server.environments.environment_row import EnvironmentRow
from server.environments.lifecycle import RUNNING, STOP
from server.environments.new_task import environment_subject
from server.environments.tables import ENVIRONMENT_DECISIONS, ENVIRONMENTS
from server.periodic import repeat
from server.tasks import store
from server.tasks.kernel import Kernel
from server.tasks.tables import TASKS
from switchyard.environments.v1.activity_service_pb2 import Decision

SECONDS: Final = 15.0


class IdleWatch:
    """Decides what becomes of environments that run."""

    def __init__(self, database: Database, kernel: Kernel, clock: Clock) -> None:
        self._database = database
        self._kernel = kernel
        self._clock = clock

    async def run(self) -> None:
        """Look until cancelled."""
        await repeat(self.look, seconds=SECONDS, broken_off="looking for idle environments was broken off")

    async def look(self) -> None:
        """Look at all of them once."""
        for environment_id in await self._database.scan(self._changing):
            await self._database.write(partial(self._decide, environment_id=environment_id))

    def _changing(self, connection: sa.Connection) -> Sequence[str]:
        """Return the ids of the environments of which there is something to store."""
        now = self._clock()
        found = []
        for *columns, task_state, inputs in connection.execute(_LOOKED_AT, {"kind": Decision.KIND_IDLE}):
            row = EnvironmentRow._make(columns)
            said = None if inputs is None else _rule_of(inputs)
            if _woken(row, task_state, now=now) or _news(idle.rule_of(row, task_state, now=now), said):
                found.append(row.id)
        return found

    def _decide(self, connection: sa.Connection, *, environment_id: str) -> None:
        now = self._clock()
        row = environment_store.get_locked(connection, environment_id)
        if row is None:
            return
        task_state = _task_state(connection, row)
        verdict = idle.judge(row, task_state, now=now)
        if _woken(row, task_state, now=now):
            row = environment_store.update(connection, row, **keep_awake.NOTHING)
            after_commit(connection, partial(self._kernel.changes.notify, (environment_subject(row.id),)))
        newest = decision_store.newest(connection, row, Decision.KIND_IDLE)
        if verdict is not None and _news(verdict.rule, None if newest is None else _rule_of(newest.inputs)):
            self._store(connection, row, verdict, now=now)

    def _store(self, connection: sa.Connection, row: EnvironmentRow, verdict: Verdict, *, now: int) -> None:
        task_id = None
        if verdict.stops:
            row, tasks = operations.begin(connection, row, STOP, now=now, hooks=self._kernel.final_hooks)
            after_commit(connection, partial(self._kernel.announce, tasks))
            task_id = row.task_id
        decision_store.add(
            connection,
            row,
            Decision.KIND_IDLE,
            verdict.action,
            verdict.reason,
            verdict.inputs,
            now=now,
            task_id=task_id,
        )


def _woken(row: EnvironmentRow, task_state: TaskState | None, *, now: int) -> bool:
    """Whether what kept it awake has ended."""
    return keep_awake.is_asked_for(row) and not keep_awake.lasts(row, task_state, now=now)


def _news(rule: str | None, said: str | None) -> bool:
    """Whether a verdict by `rule` is to be stored after one by the rule `said`; None: there is none."""
    return rule is not None and (rule in idle.STOPS or rule != said)


def _rule_of(inputs: str) -> str:
    rule: str = orjson.loads(inputs)["rule"]
    return rule


def _task_state(connection: sa.Connection, row: EnvironmentRow) -> Any:
    task = None if row.keep_awake_task is None else store.get(connection, row.keep_awake_task)
    return None if task is None else task.state


_DECISIONS: Final = ENVIRONMENT_DECISIONS.alias("decisions")
_NEWEST: Final = (
    sa.select(_DECISIONS.c.number)
    .where(
        _DECISIONS.c.environment_number == ENVIRONMENTS.c.number,
        _DECISIONS.c.kind == sa.bindparam("kind"),
    )
    .order_by(_DECISIONS.c.number.desc())
    .limit(1)
    .correlate(ENVIRONMENTS)
    .scalar_subquery()
)
# Those that run, and those of which it is to be noted that nothing keeps them awake any more.
_LOOKED_AT: Final = (
    sa.select(*ENVIRONMENTS.c, TASKS.c.state, ENVIRONMENT_DECISIONS.c.inputs)
    .outerjoin_from(ENVIRONMENTS, TASKS, TASKS.c.id == ENVIRONMENTS.c.keep_awake_task)
    .outerjoin(
        ENVIRONMENT_DECISIONS,
        sa.and_(
            ENVIRONMENT_DECISIONS.c.environment_number == ENVIRONMENTS.c.number,
            ENVIRONMENT_DECISIONS.c.number == _NEWEST,
        ),
    )
    .where(
        sa.or_(
            ENVIRONMENTS.c.status == RUNNING,
            ENVIRONMENTS.c.keep_awake_until.is_not(None),
            ENVIRONMENTS.c.keep_awake_task.is_not(None),
        )
    )
)
