"""Claims of one subject: what waits for one holder alone, one at a time per key."""

import asyncio

import pytest
import sqlalchemy as sa

from server.database.database import Database
from server.tasks import claiming, store
from server.tasks.claiming import NO_CLAIM_HOOKS
from server.tasks.kernel import Kernel
from server.tasks.lifecycle import Succeeded
from server.tasks.store import Change
from server.tasks.task import NewTask, TaskRow
from switchyard.tasks.v1.task_pb2 import Task
from tests.integration.tasks.parts import NOON, claim, run


async def take(database: Database, subject: str) -> TaskRow | None:
    def work(connection: sa.Connection) -> TaskRow | None:
        return claiming.claim(
            connection,
            worker_id="w1",
            worker_host="host1",
            kinds=("run_bot",),
            lease_seconds=30,
            now=NOON,
            hooks=NO_CLAIM_HOOKS,
            subject=subject,
        )

    return await database.write(work)


async def test_only_tasks_of_the_subject_are_claimed(kernel: Kernel, database: Database) -> None:
    await kernel.create(run("s/1", key="k1", limit=1))
    wanted = await kernel.create(run("s/2", key="k2", limit=1))

    first, second = await take(database, "s/2"), await take(database, "s/2")

    assert first is not None
    assert (first.id, second) == (wanted.id, None)


async def test_the_limit_of_a_key_holds_over_all_subjects(kernel: Kernel, database: Database) -> None:
    for subject in ("s/1", "s/2"):
        await kernel.create(run(subject, key="k", limit=1))

    claimed = await asyncio.gather(take(database, "s/1"), take(database, "s/2"))

    held = [row for row in claimed if row is not None]
    assert len(held) == 1
    await kernel.finish(held[0].id, held[0].fencing_token, Succeeded())
    assert await take(database, "s/2" if held[0].subject == "s/1" else "s/1") is not None


async def test_the_best_task_of_the_subject_is_claimed_first(kernel: Kernel, database: Database) -> None:
    low = await kernel.create(run("s/1", key="k", limit=9, priority=20))
    old = await kernel.create(run("s/1", key="k", limit=9))
    young = await kernel.create(run("s/1", key="k", limit=9))

    order = [await take(database, "s/1") for _ in range(3)]

    assert [row.id for row in order if row] == [old.id, young.id, low.id]


async def test_a_task_that_waits_is_given_up_and_its_end_is_told_to_its_kind(
    kernel: Kernel, database: Database
) -> None:
    ends: list[str] = []
    row = await kernel.create(run("s/1"))

    def note_end(_connection: sa.Connection, task: TaskRow, _now: int) -> list[NewTask]:
        ends.append(task.id)
        return []

    def work(connection: sa.Connection) -> Change | None:
        hooks = {"run_bot": note_end}
        return store.give_up(connection, row.id, error_type="Lost", error_message="no", now=NOON, hooks=hooks)

    first, second = await database.write(work), await database.write(work)

    assert first is not None
    assert (first.task.state, first.task.error_type, second, ends) == (Task.STATE_FAILED, "Lost", None, [row.id])


async def test_a_task_that_somebody_works_on_is_not_given_up(kernel: Kernel, database: Database) -> None:
    row = await kernel.create(run("s/1"))
    await claim(kernel)

    given_up = await database.write(
        lambda connection: store.give_up(connection, row.id, error_type="Lost", error_message="no", now=NOON, hooks={})
    )

    assert given_up is None
    assert (await kernel.get(row.id)).state == Task.STATE_RUNNING


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_tasks_of_the_subject_that_have_ended_are_not_looked_at(database: Database) -> None:
    """Source: https://www.sqlite.org/eqp.html."""
    query = claiming._best_of(1, ("subject",)).compile(
        dialect=sa.create_engine("sqlite://").dialect, compile_kwargs={"render_postcompile": True}
    )

    def plan(connection: sa.Connection) -> str:
        given = {**query.params, "subject": "s/1", "kind_0": "run_bot", "now": NOON}
        values = tuple(given[name] for name in query.positiontup or ())
        return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values).all())

    assert "USING INDEX ix_tasks_waiting_subject (subject=? AND kind=?)" in await database.read(plan)
