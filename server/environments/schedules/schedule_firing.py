"""Starts and stops environments by the clock, for as long as it runs.

Any number of servers may do so over one database: who deals with a fire time holds the environment and the schedule,
and moves `next_run` in the same unit of work as everything that comes of it. So no fire time is dealt with twice, or
lost, wherever a server is killed.

What is due is decided by `next_run` alone, which follows from the fire time before it and never from the present: a
clock that is set back fires nothing twice.
"""

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
import structlog

from server.clock import SECOND, Clock, to_timestamp
from server.database.after_commit import after_commit
from server.database.away import BREAKS
from server.database.database import Database
from server.environments import environment_store, operations
from server.environments.decisions import decision_store
from server.environments.environment_row import EnvironmentRow
from server.environments.lifecycle import RUNNING, START, STOP, STOPPED, Operation, Status
from server.environments.quotas import quota_store
from server.environments.schedules import schedule_due, schedule_store
from server.environments.schedules.schedule_due import Due, Turn
from server.environments.schedules.schedule_store import Action
from server.errors import QuotaExceeded
from server.tasks.changes import Watch
from server.tasks.kernel import Kernel
from switchyard.environments.v1.activity_service_pb2 import Decision
from switchyard.environments.v1.environment_pb2 import Environment
from switchyard.environments.v1.environment_schedule_service_pb2 import EnvironmentSchedule
from switchyard.environments.v1.quota_service_pb2 import Amounts

# How often the database is looked at for changes made by another server.
LOOK_SECONDS: Final = 1.0
# The wait before a fire time may end a little early by the system's clock.
SHORTEST_WAIT_SECONDS: Final = 0.001
# Environments whose schedules are dealt with in one unit of work; others write in between.
AT_ONCE: Final = 50

log: Final = structlog.get_logger(__name__)


class _Deed(NamedTuple):
    """What a schedule does, from where it does it, and the word for it in a decision."""

    operation: Operation
    source: Status
    word: str


_DEEDS: Final[dict[Action, _Deed]] = {
    EnvironmentSchedule.ACTION_START: _Deed(START, STOPPED, "start"),
    EnvironmentSchedule.ACTION_STOP: _Deed(STOP, RUNNING, "stop"),
}


class ScheduleFiring:
    """Fires what is due, within a second of its time as long as the machine keeps up."""

    def __init__(self, database: Database, kernel: Kernel, clock: Clock, quota: Amounts) -> None:
        """Take what a user may have who has no quota of their own."""
        self._database = database
        self._kernel = kernel
        self._clock = clock
        self._quota = quota
        self._watch = Watch()

    def wake(self) -> None:
        """Say that a schedule may be due earlier than was known."""
        self._watch.wake()

    async def run(self) -> None:
        """Fire until cancelled."""
        while True:
            try:
                pause = await self._turn()
            except BREAKS:
                log.warning("firing schedules of environments was broken off; the next turn goes on", exc_info=True)
                pause = LOOK_SECONDS
            await self._watch.wait(pause)

    async def fire_due(self) -> None:
        """Fire everything that is due now."""
        while await self._seconds_left() <= 0 and await self._database.write(self._fire_some):
            pass

    async def _turn(self) -> float:
        """Fire what is due, and return how many seconds to wait for what comes next."""
        await self.fire_due()
        return min(LOOK_SECONDS, max(SHORTEST_WAIT_SECONDS, await self._seconds_left()))

    async def _seconds_left(self) -> float:
        """Return in how many seconds something is due. Nearly always nothing is, which a read by an index tells."""
        due = await self._database.read(schedule_store.next_due)
        return LOOK_SECONDS if due is None else (due - self._clock()) / SECOND

    def _fire_some(self, connection: sa.Connection) -> bool:
        """Fire the schedules of some environments, and return whether any was due."""
        now = self._clock()
        numbers = schedule_store.environments_due(connection, now=now, limit=AT_ONCE)
        environments = environment_store.at_numbers_locked(connection, numbers)
        rows = schedule_store.due_locked(connection, [row.number for row in environments], now=now)
        dues = [due for row in rows if (due := schedule_due.due_of(row, now=now)) is not None]
        dues.sort(key=lambda due: due.row.environment_number)
        of_number = {row.number: row for row in environments}
        for number, mine in groupby(dues, key=lambda due: due.row.environment_number):
            self._fire(connection, of_number[number], list(mine), now=now)
        return bool(dues)

    def _fire(self, connection: sa.Connection, environment: EnvironmentRow, dues: Sequence[Due], *, now: int) -> None:
        """Deal with what is due of one environment, whose lock and whose schedules' locks this unit of work holds."""
        dealt = schedule_due.turns(dues)
        acted = set()
        for turn in dealt:
            environment, has_acted = self._deal(connection, environment, turn, now=now)
            if has_acted:
                acted.add(turn.row.number)
        touched = {turn.row.number for turn in dealt}
        schedule_store.fired(
            connection,
            [
                due.row._replace(next_run=due.next_run, last_run=now if due.row.number in acted else due.row.last_run)
                for due in dues
                if due.row.number in touched
            ],
        )

    def _deal(
        self, connection: sa.Connection, environment: EnvironmentRow, turn: Turn, *, now: int
    ) -> tuple[EnvironmentRow, bool]:
        """Deal with one fire time, and return the environment as it is now, and whether something was done."""
        deed = _DEEDS[turn.row.action]
        decide = partial(_decide, connection, turn=turn, status=environment.status, now=now)
        if not turn.counts:
            return decide(environment, "skip", _passed(turn)), False
        hindrance = self._hindrance(connection, environment, deed)
        if hindrance:
            return decide(environment, "skip", hindrance), False
        environment, tasks = operations.begin(
            connection, environment, deed.operation, now=now, hooks=self._kernel.final_hooks
        )
        after_commit(connection, partial(self._kernel.announce, tasks))
        reason = f"Its schedule {turn.row.cron!r} ({turn.row.zone}) fired"
        return decide(environment, deed.word, reason, task_id=environment.task_id), True

    def _hindrance(self, connection: sa.Connection, environment: EnvironmentRow, deed: _Deed) -> str:
        """Return why it cannot be done, in a sentence; empty when it can."""
        if environment.status != deed.source:
            return f"It is {_word(environment.status)}, not {_word(deed.source)}"
        if deed.operation == START:
            try:
                quota_store.require_room_to_start(connection, environment, self._quota)
            except QuotaExceeded as refusal:
                return refusal.message
        return ""


def _decide(
    connection: sa.Connection,
    environment: EnvironmentRow,
    action: str,
    reason: str,
    *,
    turn: Turn,
    status: Status,
    now: int,
    task_id: str | None = None,
) -> EnvironmentRow:
    inputs: dict[str, Any] = {
        "schedule_id": turn.row.id,
        "fire_time": to_timestamp(turn.fire_time).ToJsonString(),
        "status": _word(status),
    }
    if turn.count > 1:
        inputs["fire_times"] = turn.count
    return decision_store.add(
        connection, environment, Decision.KIND_SCHEDULE, action, reason, inputs, now=now, task_id=task_id
    )


def _passed(turn: Turn) -> str:
    if turn.count > 1:
        return f"{turn.count} fire times passed while no server ran; only the newest of all is made up for"
    return "It passed while no server ran, and a newer fire time is made up for"


def _word(status: Status) -> str:
    return Environment.Status.Name(status).removeprefix("STATUS_")
