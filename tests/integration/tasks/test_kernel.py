"""The kernel over a real database: claims, leases, ends."""

import asyncio
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from server.clock import SECOND
from server.database.database import Database
from server.errors import LeaseLost, NotFound, TaskFinal
from server.tasks import pruning, store, task_list
from server.tasks.kernel import Kernel
from server.tasks.lifecycle import Failed, Progress, Succeeded
from server.tasks.sweep import Sweep
from server.tasks.task import NewTask, TaskRow
from switchyard.tasks.v1.task_pb2 import Task
from tests.integration.tasks.parts import NOON, HandClock, NoteQueue, claim, claimed, run


async def test_a_task_is_stored_as_it_was_asked_for(kernel: Kernel) -> None:
    created = await kernel.create(run(priority=3, max_attempts=4, key="k", limit=2, not_before=NOON))

    assert await kernel.get(created.id) == created
    assert (created.state, created.attempt, created.create_time) == (Task.STATE_QUEUED, 1, NOON)


async def test_the_best_task_is_claimed_first(kernel: Kernel) -> None:
    names = ["late", "old", "young", "urgent"]
    rows = [await kernel.create(run(priority=p)) for p in (20, 10, 10, 0)]
    of = {row.id: name for row, name in zip(rows, names, strict=True)}

    order = [await claim(kernel) for _ in names]

    assert [of[row.id] for row in order if row] == ["urgent", "old", "young", "late"]


async def test_only_the_kinds_a_worker_can_do_are_claimed(kernel: Kernel) -> None:
    await kernel.create(run(kind="deliver_webhook"))

    assert await claim(kernel, "run_bot", "validate_bot") is None
    assert await claim(kernel, "deliver_webhook") is not None


async def test_a_task_is_not_claimed_before_its_time(kernel: Kernel, clock: HandClock) -> None:
    await kernel.create(run(not_before=NOON + 2 * SECOND))

    clock.advance(1.999)
    early = await claim(kernel)
    clock.advance(0.001)

    assert early is None
    assert await claim(kernel) is not None


async def test_many_workers_never_share_a_task(kernel: Kernel) -> None:
    for n in range(20):
        await kernel.create(run(f"bot_instances/{n}"))

    rows = await asyncio.gather(*(claim(kernel) for _ in range(30)))

    ids = [row.id for row in rows if row]
    assert len(ids) == len(set(ids)) == 20


async def test_a_limit_holds_however_many_workers_claim_at_once(kernel: Kernel) -> None:
    for n in range(12):
        await kernel.create(run(f"bot_instances/{n}", key="k", limit=3))
    for n in range(2):
        await kernel.create(run(f"bot_instances/free-{n}"))

    rows = [row for row in await asyncio.gather(*(claim(kernel) for _ in range(20))) if row]

    assert sorted(row.concurrency_key for row in rows) == ["", "", "k", "k", "k"]


async def test_a_finished_task_makes_room_below_the_limit(kernel: Kernel) -> None:
    first = await claimed(kernel, run(key="k", limit=1))
    second = await kernel.create(run(key="k", limit=1))
    full = await claim(kernel)

    await kernel.finish(first.id, first.fencing_token, Succeeded())

    next_one = await claim(kernel)
    assert full is None
    assert next_one is not None
    assert next_one.id == second.id


async def test_a_token_grows_with_every_claim(kernel: Kernel, clock: HandClock) -> None:
    row = await claimed(kernel, run(max_attempts=5))
    tokens = [row.fencing_token]

    await kernel.release(row.id, row.fencing_token)
    again = await claim(kernel)
    assert again is not None
    tokens.append(again.fencing_token)
    clock.advance(60)
    await kernel.expire_leases()
    clock.advance(60)
    again = await claim(kernel)
    assert again is not None
    tokens.append(again.fencing_token)

    assert tokens == sorted(set(tokens))


async def test_a_worker_that_comes_back_cannot_report(kernel: Kernel, clock: HandClock) -> None:
    lost = await claimed(kernel, run(max_attempts=2))
    clock.advance(31)
    await kernel.expire_leases()
    clock.advance(10)
    await claim(kernel)

    for report in (
        kernel.renew(lost.id, lost.fencing_token),
        kernel.report_progress(lost.id, lost.fencing_token, Progress(0.5, "")),
        kernel.finish(lost.id, lost.fencing_token, Succeeded()),
        kernel.release(lost.id, lost.fencing_token),
    ):
        with pytest.raises(LeaseLost):
            await report


async def test_a_renewed_lease_does_not_expire(kernel: Kernel, clock: HandClock) -> None:
    row = await claimed(kernel)

    for _ in range(5):
        clock.advance(20)
        await kernel.renew(row.id, row.fencing_token)
        await kernel.expire_leases()

    assert (await kernel.get(row.id)).state == Task.STATE_RUNNING


async def test_a_report_on_an_unknown_task_has_lost_its_lease(kernel: Kernel) -> None:
    with pytest.raises(LeaseLost):
        await kernel.renew("nobody", 1)


async def test_an_unknown_task_cannot_be_cancelled(kernel: Kernel) -> None:
    with pytest.raises(NotFound):
        await kernel.cancel("nobody", "")


async def test_a_queued_task_that_is_cancelled_never_starts(kernel: Kernel) -> None:
    row = await kernel.create(run())

    cancelled = await kernel.cancel(row.id, "enough")

    assert cancelled.state == Task.STATE_CANCELLED
    assert await claim(kernel) is None
    assert await kernel.cancel(row.id, "again") == cancelled


async def test_a_final_task_never_changes(kernel: Kernel, database: Database, clock: HandClock) -> None:
    row = await claimed(kernel)
    final = await kernel.finish(row.id, row.fencing_token, Succeeded())
    clock.advance(100)

    with pytest.raises(TaskFinal):
        await kernel.cancel(row.id, "")
    with pytest.raises(LeaseLost):
        await kernel.report_progress(row.id, row.fencing_token, Progress(1.0, ""))
    await kernel.expire_leases()
    await kernel.extend_leases()
    with pytest.raises(AssertionError):
        await database.write(lambda connection: store.put(connection, final, final))

    assert await kernel.get(row.id) == final


async def test_a_cancel_and_a_success_at_the_same_moment_leave_one_end(kernel: Kernel) -> None:
    for _ in range(10):
        row = await claimed(kernel)

        await asyncio.gather(
            kernel.cancel(row.id, ""), kernel.finish(row.id, row.fencing_token, Succeeded()), return_exceptions=True
        )

        final = await kernel.get(row.id)
        assert final.state == Task.STATE_SUCCEEDED


async def test_every_cause_of_an_end_calls_the_hook_in_its_transaction(
    database: Database, queue: NoteQueue, clock: HandClock
) -> None:
    def tell(_: sa.Connection, task: TaskRow, now: int) -> Sequence[NewTask]:
        assert now == clock.now
        return [run(f"told/{task.id}/{Task.State.Name(task.state)}", kind="deliver_webhook")]

    kernel = Kernel(database, queue, clock, {"run_bot": tell})
    finished = await claimed(kernel)
    await kernel.finish(finished.id, finished.fencing_token, Succeeded())
    await kernel.finish(finished.id, finished.fencing_token, Succeeded())
    queued = await kernel.create(run())
    await kernel.cancel(queued.id, "")
    lost = await claimed(kernel)
    clock.advance(40)
    await kernel.expire_leases()
    released = await claimed(kernel)
    await kernel.cancel(released.id, "")
    await kernel.release(released.id, released.fencing_token)

    told = await database.read(lambda connection: task_list.list_tasks(connection, limit=10, kind="deliver_webhook"))

    assert [row.subject for row in reversed(told)] == [
        f"told/{finished.id}/STATE_SUCCEEDED",
        f"told/{queued.id}/STATE_CANCELLED",
        f"told/{lost.id}/STATE_FAILED",
        f"told/{released.id}/STATE_CANCELLED",
    ]
    assert queue.kinds.count("deliver_webhook") == 4


async def test_a_hook_that_fails_undoes_the_end(database: Database, queue: NoteQueue, clock: HandClock) -> None:
    def fail(_: sa.Connection, task: TaskRow, __: int) -> Sequence[NewTask]:
        raise KeyError(task.id)

    kernel = Kernel(database, queue, clock, {"run_bot": fail})
    row = await claimed(kernel)

    with pytest.raises(KeyError):
        await kernel.finish(row.id, row.fencing_token, Succeeded())

    assert (await kernel.get(row.id)).state == Task.STATE_RUNNING


async def test_the_sweep_takes_back_leases_and_announces_what_is_due(
    kernel: Kernel, queue: NoteQueue, clock: HandClock
) -> None:
    row = await claimed(kernel, run(max_attempts=2))
    sweep = Sweep(kernel)
    queue.kinds.clear()

    clock.advance(31)
    await sweep.tick()
    not_yet = list(queue.kinds)
    clock.advance(5)
    await sweep.tick()

    assert (await kernel.get(row.id)).attempt == 2
    assert not_yet == []
    assert queue.kinds == ["run_bot"]


async def test_a_start_of_the_server_gives_live_leases_a_whole_term(kernel: Kernel, clock: HandClock) -> None:
    row = await claimed(kernel)
    clock.advance(300)

    sweeping = asyncio.create_task(Sweep(kernel, interval_seconds=0.01).run())
    await asyncio.sleep(0.1)
    after_start = await kernel.get(row.id)
    sweeping.cancel()
    await asyncio.wait([sweeping])

    assert after_start.state == Task.STATE_RUNNING
    assert after_start.lease_expire_time == clock.now + 30 * SECOND


async def test_waiting_for_the_end_wakes_with_it(kernel: Kernel) -> None:
    row = await claimed(kernel)
    waiting = asyncio.create_task(kernel.wait_final(row.id, 10))
    await asyncio.sleep(0)

    await kernel.finish(row.id, row.fencing_token, Failed("StepFailed", "no"))

    async with asyncio.timeout(0.5):
        assert (await waiting).state == Task.STATE_FAILED


async def test_waiting_for_the_end_gives_up_in_time(kernel: Kernel) -> None:
    row = await kernel.create(run())

    assert (await kernel.wait_final(row.id, 0.05)).state == Task.STATE_QUEUED


async def test_a_new_task_wakes_those_who_watch_its_subject(kernel: Kernel) -> None:
    with kernel.changes.watch("bot_instances/1") as watch:
        await kernel.create(run("bot_instances/1"))

        assert await watch.wait(1.0)


async def test_tasks_of_a_subject(kernel: Kernel, database: Database) -> None:
    rows = [await kernel.create(run("bot_instances/1")) for _ in range(3)]
    await kernel.create(run("bot_instances/2"))
    await kernel.cancel(rows[2].id, "")

    def look(connection: sa.Connection) -> tuple[object, ...]:
        subject = ("bot_instances/1", "run_bot")
        newest = store.newest_of_subject(connection, *subject)
        active = store.active_of_subject(connection, *subject)
        older = task_list.list_of_subject(connection, *subject, limit=10, before_id=rows[1].id)
        unknown = task_list.list_of_subject(connection, *subject, limit=10, before_id="unknown")
        count = task_list.count_of_subject(connection, *subject)
        return newest and newest.id, active and active.id, [row.id for row in older], unknown, count

    assert await database.read(look) == (rows[2].id, rows[1].id, [rows[0].id], [], 3)


async def test_counts_of_waiting_and_held_tasks(kernel: Kernel, database: Database) -> None:
    held = await claimed(kernel)
    await kernel.cancel(held.id, "")
    await claimed(kernel)
    for _ in range(3):
        await kernel.create(run())

    assert await database.read(task_list.counts) == (3, 2)


async def test_deleting_a_subject_leaves_nothing_of_it(kernel: Kernel, database: Database) -> None:
    gone = await claimed(kernel, run("bot_instances/1"))
    stays = await kernel.create(run("bot_instances/2"))

    removed = await database.write(lambda connection: pruning.delete_of_subject(connection, "bot_instances/1"))

    assert removed == (gone.id,)
    assert [row.id for row in await database.read(lambda c: task_list.list_tasks(c, limit=10))] == [stays.id]
    with pytest.raises(LeaseLost):
        await kernel.finish(gone.id, gone.fencing_token, Succeeded())
