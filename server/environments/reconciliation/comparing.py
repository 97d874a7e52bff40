"""Has environments compared with what their providers report, again and again, and puts right what differs.

A worker asks the provider and reports what is there; its Task is the comparison. When that has succeeded, whoever took
its end looks for differences without a lock, and settles them a few at a time, each looked at again under the lock of
its environment. Done twice it changes nothing more, so several servers may do it over one database.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import sqlalchemy as sa

from server.clock import SECOND
from server.database.after_commit import after_commit
from server.database.database import Database
from server.environments import environment_store
from server.environments.environment_row import EnvironmentRow
from server.environments.new_task import COMPARE_KIND, compare, environment_subject
from server.environments.packed import unpacked
from server.environments.reconciliation import found_store, judging, orphans, reconciliation_store
from server.environments.reconciliation.judging import Action, Verdict, Work
from server.environments.reconciliation.reconciling import CORRECTING, Judged, carry_out, inputs, is_news
from server.environments.settings import LOCAL
from server.periodic import repeat
from server.tasks import store
from server.tasks.kernel import Kernel
from server.tasks.task import NewTask, TaskRow
from switchyard.environments.v1.provisioning_service_pb2 import CompareEnvironments, FoundEnvironment
from switchyard.tasks.v1.task_pb2 import Task

# How often is looked whether a comparison is due, or was not settled because its server has ended.
PERIOD_SECONDS: Final = 5.0
# Whoever took the end of a comparison has settled it by then.
_LATE_SECONDS: Final = 60
# Environments settled in one unit of work, which nobody else who writes notices.
_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class Comparison:
    """A comparison that has succeeded. Times are micros."""

    task_id: str
    provider: str
    began: int
    ended: int
    found: Mapping[str, FoundEnvironment]


@dataclass(frozen=True, slots=True)
class Differences:
    """What a comparison shows: environments to settle, by number, how many differ for good, and what seems of none."""

    news: Sequence[int]
    shown: int
    alone: Sequence[FoundEnvironment]


class Comparing:
    """Begins comparisons at `providers` every `seconds`, and settles them, while `run` runs."""

    def __init__(self, database: Database, kernel: Kernel, providers: Collection[str], *, seconds: float) -> None:
        self.providers = tuple(providers)
        self._database = database
        self._kernel = kernel
        self._seconds = seconds
        self._waiting: dict[str, TaskRow] = {}
        self._told = asyncio.Event()
        kernel.listen((COMPARE_KIND,), self._ended)

    async def run(self) -> None:
        """Compare until cancelled."""
        period = min(self._seconds, PERIOD_SECONDS)
        async with asyncio.TaskGroup() as group:
            group.create_task(repeat(self.tick, seconds=period, broken_off="comparing environments was broken off"))
            group.create_task(
                repeat(self._settle_when_told, seconds=0, broken_off="settling differences was broken off")
            )

    async def tick(self) -> None:
        """Begin the comparisons that are due, and settle those that were left.

        At a cloud they come in any case, because what is left there costs; here only where there is something of ours.
        """
        for provider in self.providers:
            if provider != LOCAL or await self._database.read(
                partial(reconciliation_store.concerns, provider=provider)
            ):
                await self.ask(provider, seconds=self._seconds)
            left = await self._database.read(partial(self._left, provider=provider))
            if left is not None:
                await self.settle(left)

    async def ask(self, provider: str, *, seconds: float = 0.0) -> TaskRow:
        """Begin a comparison unless one is under way, or was begun less than `seconds` ago; return the newest."""
        return await self._database.write(partial(self._ask, provider=provider, seconds=seconds))

    async def settle(self, task: TaskRow) -> None:
        """Put right what a comparison that has succeeded shows."""
        comparison = await self._database.scan(partial(_comparison, task=task))
        differences = await self._database.scan(partial(self._differences, comparison=comparison))
        done: Counter[Action] = Counter()
        for start in range(0, len(differences.news), _AT_ONCE):
            some = differences.news[start : start + _AT_ONCE]
            done += await self._database.write(partial(self._settle_some, comparison=comparison, numbers=some))
        corrected = sum(done[action] for action in CORRECTING)
        await self._database.write(partial(_store, comparison=comparison, differences=differences, corrected=corrected))

    def _ended(self, task: TaskRow) -> None:
        """A comparison may have ended. A listener of the kernel."""
        if task.state == Task.STATE_SUCCEEDED:
            self._waiting[task.id] = task
            self._told.set()

    async def _settle_when_told(self) -> None:
        await self._told.wait()
        self._told.clear()
        while self._waiting:
            await self.settle(self._waiting.pop(next(iter(self._waiting))))

    def _ask(self, connection: sa.Connection, *, provider: str, seconds: float) -> TaskRow:
        now, new = self._kernel.clock(), compare(provider)
        store.lock_subject(connection, new.subject)
        newest = store.newest_of_subject(connection, new.subject, COMPARE_KIND)
        if newest is not None and (not newest.final or now - newest.create_time < seconds * SECOND):
            return newest
        task = store.insert(connection, new, now=now)
        after_commit(connection, partial(self._kernel.announce, [task]))
        return task

    def _left(self, connection: sa.Connection, *, provider: str) -> TaskRow | None:
        """Return a comparison that succeeded a while ago and that nobody has settled."""
        task = reconciliation_store.newest_success(connection, compare(provider).subject)
        if task is None or self._kernel.clock() - _end(task) < _LATE_SECONDS * SECOND:
            return None
        settled = reconciliation_store.comparison(connection, provider).compare_time
        return task if settled is None or settled < _end(task) else None

    def _differences(self, connection: sa.Connection, *, comparison: Comparison) -> Differences:
        now, work = self._kernel.clock(), reconciliation_store.work_by_subject(connection)
        rows = environment_store.of_provider(connection, comparison.provider)
        judged = [(row, _judge(row, work.get(environment_subject(row.id), ()), comparison, now=now)) for row in rows]
        return Differences(
            news=[row.number for row, verdict in judged if is_news(row, verdict)],
            shown=sum(verdict.action is Action.SHOW for _, verdict in judged),
            alone=_alone(comparison, {row.id for row in rows}),
        )

    def _settle_some(
        self, connection: sa.Connection, *, comparison: Comparison, numbers: Sequence[int]
    ) -> "Counter[Action]":
        now = self._kernel.clock()
        rows = {environment_subject(row.id): row for row in environment_store.at_numbers_locked(connection, numbers)}
        work = reconciliation_store.work_of(connection, list(rows))
        judged = [
            found
            for subject, row in rows.items()
            if (found := _judged(row, work.get(subject, ()), comparison, now=now)) is not None
        ]
        tasks = carry_out(connection, judged, now=now, hooks=self._kernel.final_hooks)
        after_commit(connection, partial(self._kernel.announce, tasks))
        after_commit(connection, partial(self._kernel.changes.notify, list(rows)))
        return Counter(found.verdict.action for found in judged)


def on_final(connection: sa.Connection, task: TaskRow, _now: int) -> Sequence[NewTask]:
    """Note why a comparison has failed. A hook of the kernel; what one shows that has succeeded is settled later."""
    if task.state != Task.STATE_SUCCEEDED:
        provider = unpacked(task.payload, CompareEnvironments()).provider
        reconciliation_store.lock_comparison(connection, provider)
        known = reconciliation_store.comparison(connection, provider)
        error = task.error_message or "the comparison was cancelled"
        reconciliation_store.set_comparison(connection, known._replace(error=error))
        found_store.forget(connection, task.id)
    return ()


def _comparison(connection: sa.Connection, *, task: TaskRow) -> Comparison:
    provider = unpacked(task.payload, CompareEnvironments()).provider
    found = found_store.all_of(connection, task.id)
    return Comparison(task.id, provider, task.start_time or task.create_time, _end(task), found)


def _end(task: TaskRow) -> int:
    return task.end_time or task.create_time


def _judge(row: EnvironmentRow, work: Sequence[Work], comparison: Comparison, *, now: int) -> Verdict:
    return judging.compare(row, work, comparison.found.get(row.id), began=comparison.began, now=now)


def _judged(row: EnvironmentRow, work: Sequence[Work], comparison: Comparison, *, now: int) -> Judged | None:
    """Return what is to be done to an environment; None when there is nothing to do."""
    verdict = _judge(row, work, comparison, now=now)
    if not is_news(row, verdict):
        return None
    return Judged(row, verdict, inputs(row, work, comparison.found.get(row.id), began=comparison.began))


def _alone(comparison: Comparison, known: Collection[str]) -> list[FoundEnvironment]:
    return [one for found_id, one in comparison.found.items() if found_id not in known]


def _store(connection: sa.Connection, *, comparison: Comparison, differences: Differences, corrected: int) -> None:
    """Note how a comparison went and which orphans there are, and forget what it was made from."""
    provider, ended = comparison.provider, comparison.ended
    reconciliation_store.lock_comparison(connection, provider)
    reconciliation_store.mark_compared(connection, provider, comparison.task_id, ended)
    known = orphans.known(connection, provider)
    # What was deleted since was there when the provider was asked.
    touched = reconciliation_store.touched_since(
        connection, [one.environment_id for one in differences.alone], comparison.began
    )
    there = [one for one in differences.alone if one.environment_id in known or one.environment_id not in touched]
    orphans.note(connection, provider, there, now=ended)
    row = reconciliation_store.ComparisonRow(
        provider, ended, len(comparison.found), corrected, differences.shown, len(there), ""
    )
    reconciliation_store.set_comparison(connection, row)
    found_store.forget_ended(connection, compare(provider).subject)
