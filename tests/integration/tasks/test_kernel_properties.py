"""Whatever happens in whatever order, the promises of the kernel hold."""

import asyncio
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from server.database.database import open_database
from server.errors import InvalidArgument, LeaseLost, TaskFinal
from server.tasks import log_store, task_list
from server.tasks.kernel import Kernel
from server.tasks.lifecycle import Cancelled, Failed, Succeeded
from server.tasks.log_store import Line
from server.tasks.task import FINAL, LEASED, TaskRow
from tests.integration.database.databases import USUAL_DIALECT, database_url
from tests.integration.tasks.parts import HandClock, NoteQueue, claim, run

LIMIT = 2

REFUSALS = (LeaseLost, TaskFinal, InvalidArgument)

outcomes = st.sampled_from(
    [Succeeded(b""), Failed("X", "x"), Failed("X", "x", retryable=True, retry_delay_seconds=0), Cancelled(b"")]
)


class Life(RuleBasedStateMachine):
    """Random verbs by random workers, dead ones too, on a few Tasks."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._loop = asyncio.new_event_loop()
        self._clock = HandClock()
        self._database: Any = self._run(open_database(database_url(USUAL_DIALECT, Path(self._folder.name))))
        self._created: list[str] = []
        self._ended: list[str] = []
        self._kernel = Kernel(self._database, NoteQueue(), self._clock, {"run_bot": self._note_end})
        # Every lease ever given, live or dead.
        self._leases: list[tuple[str, int]] = []
        self._before: dict[str, TaskRow] = {}

    def teardown(self) -> None:
        self._run(self._database.close())
        self._loop.close()
        self._folder.cleanup()

    def _run(self, awaitable: Any) -> Any:
        return self._loop.run_until_complete(awaitable)

    def _attempt(self, awaitable: Any) -> None:
        with suppress(*REFUSALS):  # A refusal is an answer; what matters is the state it leaves.
            self._run(awaitable)

    def _note_end(self, _: object, task: TaskRow, __: int) -> list[Any]:
        self._ended.append(task.id)
        return []

    def _rows(self) -> list[TaskRow]:
        rows: list[TaskRow] = self._run(self._database.read(lambda c: task_list.list_tasks(c, limit=1000)))
        return rows

    @rule(attempts=st.integers(1, 3), limited=st.booleans())
    def create(self, attempts: int, limited: bool) -> None:
        new = run(max_attempts=attempts, key="k" if limited else "", limit=LIMIT)
        self._created.append(self._run(self._kernel.create(new)).id)

    @rule()
    def claim(self) -> None:
        row = self._run(claim(self._kernel))
        if row is not None:
            self._leases.append((row.id, row.fencing_token))

    @precondition(lambda self: self._leases)
    @rule(data=st.data(), outcome=outcomes)
    def finish(self, data: st.DataObject, outcome: Any) -> None:
        self._attempt(self._kernel.finish(*data.draw(st.sampled_from(self._leases)), outcome))

    @precondition(lambda self: self._leases)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self._attempt(self._kernel.release(*data.draw(st.sampled_from(self._leases))))

    @precondition(lambda self: self._leases)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        self._attempt(self._kernel.renew(*data.draw(st.sampled_from(self._leases))))

    @precondition(lambda self: self._leases)
    @rule(data=st.data())
    def write_log(self, data: st.DataObject) -> None:
        task_id, token = data.draw(st.sampled_from(self._leases))
        self._attempt(
            self._database.write(lambda c: log_store.append(c, task_id, token, 1, [Line(0, 2, "a"), Line(0, 2, "b")]))
        )

    @precondition(lambda self: self._created)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self._attempt(self._kernel.cancel(data.draw(st.sampled_from(self._created)), ""))

    @rule(seconds=st.sampled_from([1, 10, 31, 400]))
    def pass_time(self, seconds: int) -> None:
        self._clock.advance(seconds)
        self._run(self._kernel.expire_leases())

    @invariant()
    def what_is_final_stays_as_it_is(self) -> None:
        for row in self._rows():
            before = self._before.get(row.id)
            if before is not None and before.final:
                assert row == before
            if before is not None:
                assert row.fencing_token >= before.fencing_token
                assert row.attempt >= before.attempt
                assert row.log_line_count >= before.log_line_count
            self._before[row.id] = row

    @invariant()
    def each_lease_has_a_token_of_its_own(self) -> None:
        assert len(self._leases) == len(set(self._leases))

    @invariant()
    def limits_and_attempts_hold(self) -> None:
        rows = self._rows()
        assert sum(row.concurrency_key == "k" and row.state in LEASED for row in rows) <= LIMIT
        assert all(1 <= row.attempt <= row.max_attempts for row in rows)

    @invariant()
    def a_lease_is_there_exactly_while_a_worker_holds_the_task(self) -> None:
        for row in self._rows():
            assert (row.lease_expire_time is not None) == (row.state in LEASED)
            assert (row.end_time is not None) == (row.state in FINAL)

    @invariant()
    def every_end_was_told_once(self) -> None:
        assert Counter(self._ended) == Counter(row.id for row in self._rows() if row.final)

    @invariant()
    def logs_are_numbered_without_gaps(self) -> None:
        for row in self._rows():
            lines = self._run(
                self._database.read(lambda c, row=row: log_store.read(c, row.id, after_seq=0, limit=10_000))
            )
            assert [line.seq for line in lines] == list(range(1, row.log_line_count + 1))


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
