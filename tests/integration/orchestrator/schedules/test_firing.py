"""What becomes of fire times: the ledger, the jobs and the counters, whatever the clock and the jobs do."""

import asyncio
from dataclasses import replace

import pytest
import sqlalchemy as sa
from google.protobuf.any_pb2 import Any as AnyMessage

from server.clock import SECOND
from server.orchestrator.schedules import firing, occurrence_store, schedule_store
from server.orchestrator.schedules.firing import TIMES_AT_ONCE
from server.orchestrator.schedules.metrics import SECONDS_LATE
from server.orchestrator.schedules.retention import Retention
from server.orchestrator.schedules.schedule_row import OccurrenceRow
from server.orchestrator.schedules.scheduler import Scheduler
from server.orchestrator.tables import SCHEDULES, WORKFLOWS
from server.tasks.lifecycle import Failed, Succeeded
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1.job_worker_service_pb2 import RunWorkflow
from switchyard.orchestrator.v1.schedule_pb2 import Occurrence, Schedule
from switchyard.orchestrator.v1.workflow_pb2 import EXECUTION_MODE_INTERNET
from switchyard.tasks.v1.task_pb2 import Task
from tests.integration.orchestrator.schedules.parts import MINUTE, WORKFLOW, Bench, at

SKIP, ONCE, ALL = Schedule.CATCH_UP_POLICY_SKIP, Schedule.CATCH_UP_POLICY_ONCE, Schedule.CATCH_UP_POLICY_ALL
ALLOW, CANCEL = Schedule.OVERLAP_POLICY_ALLOW, Schedule.OVERLAP_POLICY_CANCEL


def payload(job: TaskRow) -> RunWorkflow:
    packed, run = AnyMessage.FromString(job.payload), RunWorkflow()
    assert packed.Unpack(run)
    return run


async def end(bench: Bench, outcome: Succeeded | Failed = Succeeded()) -> None:  # noqa: B008 - it never changes
    """Claim the best job and end it."""
    row = await bench.kernel.claim(worker_id="w1", worker_host="h1", kinds=["run_workflow"])
    assert row is not None
    await bench.kernel.finish(row.id, row.fencing_token, outcome)


async def execute(bench: Bench, *statements: str) -> None:
    """Change the database behind the back of the server."""
    for statement in statements:
        await bench.database.write(lambda connection, text=statement: connection.execute(sa.text(text)))  # type: ignore[misc]


async def test_a_fire_time_becomes_a_job_a_row_and_a_count(bench: Bench) -> None:
    row = await bench.add(priority=3, mode=EXECUTION_MODE_INTERNET, variables='{"a":1}')

    await bench.tick("2026-06-01 09:00")

    [job], [record], now = await bench.jobs(), await bench.ledger(row), at("2026-06-01 09:00")
    assert (job.kind, job.priority, job.subject) == ("run_workflow_internet", 3, f"workflows/{WORKFLOW}")
    assert (job.attempt_timeout_seconds, job.title) == (600, "Daily Report")
    run = payload(job)
    assert (run.schedule_id, run.version, run.variables) == (row.id, 3, '{"a":1}')
    assert record == OccurrenceRow(row.number, now, 0, Occurrence.STATUS_FIRED, "", job.id, 1, now)
    stored = await bench.get(row)
    assert stored == replace(row, next_run=at("2026-06-01 10:00"), last_run=now, run_count=1, record_count=1)


async def test_it_is_counted_how_late_a_schedule_fires_but_not_what_is_made_up_for(bench: Bench) -> None:
    await bench.add(catch_up=ONCE)
    before = late_samples()
    await bench.tick("2026-06-01 09:00:03")

    await bench.tick("2026-06-01 12:30")

    assert late_samples() == {"_count": before["_count"] + 1, "_sum": before["_sum"] + 3}


def late_samples() -> dict[str, float]:
    [family] = SECONDS_LATE.collect()
    wanted = ("_count", "_sum")
    return {name: one.value for one in family.samples for name in wanted if one.name == f"{family.name}{name}"}


async def test_nothing_is_due_before_its_time(bench: Bench) -> None:
    row = await bench.add()

    await bench.tick("2026-06-01 08:59:59")

    assert await bench.ledger(row) == []


async def test_a_fire_time_is_dealt_with_once_however_often_one_looks(bench: Bench) -> None:
    row = await bench.add()

    for _ in range(3):
        await bench.tick("2026-06-01 09:00")

    assert await bench.told(row) == ["09:00 fired"]


async def test_two_schedulers_at_once_fire_once(bench: Bench) -> None:
    rows = [await bench.add() for _ in range(30)]
    other = Scheduler(bench.database, bench.kernel, bench.clock)
    other.begin()
    bench.set("2026-06-01 09:00")

    await asyncio.gather(*(one.fire_due() for one in (bench.scheduler, other) for _ in range(3)))
    # What one of them held was passed by.
    await bench.scheduler.fire_due()

    assert {tuple(await bench.told(row)) for row in rows} == {("09:00 fired",)}
    await bench.consistent()


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (SKIP, ["09:00 missed", "10:00 missed", "11:00 missed"]),
        (ONCE, ["09:00 missed", "10:00 missed", "11:00 late"]),
        (ALL, ["09:00 late", "10:00 late", "11:00 late"]),
    ],
)
async def test_a_server_that_starts_deals_with_what_passed_as_the_policy_says(
    bench: Bench, policy: Schedule.CatchUpPolicy.ValueType, expected: list[str]
) -> None:
    row = await bench.add(catch_up=policy)

    await bench.restart("2026-06-01 11:30")

    assert await bench.told(row) == expected
    assert all(record.reason.startswith("no server ran at that time") for record in await bench.ledger(row))
    assert (await bench.get(row)).next_run == at("2026-06-01 12:00")
    await bench.consistent()


async def test_what_is_made_up_for_runs_one_after_the_other(bench: Bench) -> None:
    await bench.add(catch_up=ALL)

    await bench.restart("2026-06-01 11:30")

    first = await bench.kernel.claim(worker_id="w1", worker_host="h1", kinds=["run_workflow"])
    assert first is not None
    assert first.id == (await bench.jobs())[0].id
    assert await bench.kernel.claim(worker_id="w2", worker_host="h1", kinds=["run_workflow"]) is None


async def test_a_long_absence_is_worked_off_in_steps_and_leaves_a_row_for_each_time(bench: Bench) -> None:
    minutely = await bench.add("* * * * *", catch_up=ALL)
    hourly = await bench.add()

    await bench.restart("2026-06-02 08:30:30")

    rows = await bench.ledger(minutely)
    assert len(rows) == 24 * 60 > 10 * TIMES_AT_ONCE
    assert [row.status for row in rows] == [Occurrence.STATUS_MISSED] * 1340 + [Occurrence.STATUS_LATE] * 100
    assert len(await bench.ledger(hourly)) == 24
    await bench.consistent()


async def test_what_is_due_now_comes_before_what_is_long_overdue(bench: Bench) -> None:
    await bench.add("0 9 * * *")
    await bench.database.write(lambda connection: connection.execute(sa.update(SCHEDULES).values(next_run=1)))
    bench.set("2026-06-01 08:59")
    on_time = await bench.add()
    bench.set("2026-06-01 09:00")

    due = await bench.database.write(
        lambda connection: schedule_store.due_locked(connection, now=bench.clock(), limit=1, aside=())
    )

    assert [row.id for row in due] == [on_time.id]


async def test_a_job_that_has_not_ended_skips_the_next_time(bench: Bench) -> None:
    row = await bench.add()

    await bench.tick("2026-06-01 09:00")
    await bench.tick("2026-06-01 10:00")
    await end(bench)
    await bench.tick("2026-06-01 11:00")

    assert await bench.told(row) == ["09:00 fired", "10:00 skipped", "11:00 fired"]
    [first, _], skipped = await bench.jobs(), (await bench.ledger(row))[1]
    assert skipped.reason == f"job {first.id} had not ended; overlap_policy is skip"
    assert (await bench.get(row)).run_count == 2


async def test_jobs_may_overlap_where_that_is_allowed(bench: Bench) -> None:
    row = await bench.add(overlap=ALLOW)

    await bench.tick("2026-06-01 09:00")
    await bench.tick("2026-06-01 10:00")

    assert await bench.told(row) == ["09:00 fired", "10:00 fired"]


async def test_the_earlier_job_is_cancelled_where_that_is_wanted(bench: Bench) -> None:
    row = await bench.add(overlap=CANCEL)
    await bench.tick("2026-06-01 09:00")
    await bench.kernel.claim(worker_id="w1", worker_host="h1", kinds=["run_workflow"])

    await bench.tick("2026-06-01 10:00")
    await bench.tick("2026-06-01 11:00")

    assert await bench.told(row) == ["09:00 fired", "10:00 fired", "11:00 fired"]
    jobs = await bench.jobs()
    assert [job.state for job in jobs] == [Task.STATE_CANCELLING, Task.STATE_CANCELLED, Task.STATE_QUEUED]
    assert jobs[0].cancel_reason == "its schedule fires again; overlap_policy is cancel"
    await bench.consistent()


async def test_jobs_that_failed_are_counted_once_they_are_final(bench: Bench) -> None:
    row = await bench.add()
    await bench.tick("2026-06-01 09:00")

    await end(bench, Failed("TimeoutError", "too slow", retryable=True))
    after_retry = (await bench.get(row)).failure_count
    bench.set("2026-06-01 09:10")
    await end(bench, Failed("TimeoutError", "too slow"))

    assert after_retry == 0
    assert (await bench.get(row)).failure_count == 1
    assert await bench.database.read(lambda c: occurrence_store.live_jobs(c, [row.number])) == {}
    assert [record.live for record in await bench.ledger(row)] == [0]


async def test_a_clock_that_is_set_back_fires_nothing_twice(bench: Bench) -> None:
    row = await bench.add(overlap=ALLOW)
    for hour in (9, 10, 11):
        await bench.tick(f"2026-06-01 {hour:02}:00")

    for text in ("2026-06-01 07:00", "2026-06-01 10:00", "2026-06-01 11:59", "2026-06-01 12:00"):
        await bench.tick(text)

    assert await bench.told(row) == ["09:00 fired", "10:00 fired", "11:00 fired", "12:00 fired"]
    await bench.consistent()


async def test_a_clock_that_was_ahead_leaves_no_second_row_for_a_schedule_enabled_afterwards(bench: Bench) -> None:
    row = await bench.add(overlap=ALLOW, catch_up=ALL)
    await bench.tick("2026-06-01 11:00")
    bench.set("2026-06-01 08:45")

    first = await bench.database.read(lambda c: schedule_store.first_run(c, row, now=bench.clock()))

    assert first == at("2026-06-01 12:00")


async def test_a_fire_time_on_record_does_not_fire_again_under_another_expression(bench: Bench) -> None:
    row = await bench.add(overlap=ALLOW, catch_up=ALL)
    await bench.tick("2026-06-01 10:00")
    other = replace(row, cron="*/30 * * * *", next_run=at("2026-06-01 08:30"))
    await bench.database.write(lambda connection: schedule_store.change(connection, other))

    await bench.restart("2026-06-01 11:00")

    assert await bench.told(row) == [
        "08:30 late", "09:00 late", "09:30 late", "10:00 fired", "10:30 late", "11:00 fired",
    ]  # fmt: skip
    await bench.consistent()


async def test_a_clock_that_jumps_ahead_by_hours_does_not_storm(bench: Bench) -> None:
    row = await bench.add("* * * * *")
    await bench.tick("2026-06-01 08:31")
    await end(bench)

    await bench.tick("2026-06-01 14:31")

    rows = await bench.ledger(row)
    assert len(rows) == 361
    # The newest of those that passed; then its job had not ended, and the time that was met was skipped.
    assert [record.status for record in rows if record.status != Occurrence.STATUS_MISSED] == [
        Occurrence.STATUS_FIRED,
        Occurrence.STATUS_LATE,
        Occurrence.STATUS_SKIPPED,
    ]
    assert rows[5].reason.startswith("the server slept at that time, or its clock was set forward")
    assert len(await bench.jobs()) == 2


async def test_a_schedule_whose_workflow_is_gone_is_skipped(bench: Bench) -> None:
    row = await bench.add()
    await bench.database.write(lambda connection: connection.execute(sa.update(WORKFLOWS).values(delete_time=1)))

    await bench.tick("2026-06-01 09:00")

    assert [record.reason for record in await bench.ledger(row)] == ["the workflow was deleted"]
    assert await bench.jobs() == []


async def test_a_schedule_that_cannot_be_fired_holds_up_no_other(bench: Bench) -> None:
    broken = await bench.add()
    await bench.database.write(lambda connection: connection.execute(sa.update(SCHEDULES).values(zone="Gone/Away")))
    good = await bench.add()

    await bench.tick("2026-06-01 09:00")
    mended = sa.update(SCHEDULES).values(zone="UTC")
    await bench.database.write(lambda connection: connection.execute(mended))
    await bench.tick("2026-06-01 09:00:30")
    left_alone = await bench.told(broken)
    await bench.tick("2026-06-01 09:01")

    assert await bench.told(good) == ["09:00 fired"]
    assert left_alone == []
    assert await bench.told(broken) == ["09:00 late"]


@pytest.mark.parametrize("bench", ["postgresql"], indirect=True)
async def test_a_server_of_the_database_that_stops_puts_no_schedule_aside(bench: Bench) -> None:
    row = await bench.add()
    # admin_shutdown, as each statement says that is under way when Postgres is stopped.
    stop = "RAISE EXCEPTION 'terminating connection due to administrator command' USING ERRCODE = '57P01'"
    await execute(
        bench,
        f"CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {stop}; END $$",
        "CREATE TRIGGER stopping BEFORE INSERT ON tasks EXECUTE FUNCTION stop()",
    )

    with pytest.raises(sa.exc.DBAPIError, match="administrator command"):
        await bench.tick("2026-06-01 09:00")
    await execute(bench, "DROP TRIGGER stopping ON tasks")
    await bench.tick("2026-06-01 09:00:01")

    assert await bench.told(row) == ["09:00 fired"]


async def test_a_trigger_counts_and_two_at_the_same_moment_are_two(bench: Bench) -> None:
    row = await bench.add(enabled=False)

    def trigger(connection: sa.Connection) -> None:
        for _ in range(2):
            locked = schedule_store.require_locked(connection, row.id, tenant_id=None)
            firing.trigger(connection, locked, by="anna", now=bench.clock())

    await bench.database.write(trigger)

    rows = await bench.ledger(row)
    assert [(one.fire_time - bench.clock(), one.by_hand, one.reason) for one in rows] == [
        (0, 1, "triggered by anna"),
        (1, 1, "triggered by anna"),
    ]
    assert (await bench.get(row)).run_count == 2
    await bench.consistent()


async def test_the_ledger_keeps_its_newest_rows(bench: Bench) -> None:
    row, other = await bench.add(), await bench.add()
    count = occurrence_store.KEPT + 1_234
    rows = [
        OccurrenceRow(row.number, number * MINUTE, 0, Occurrence.STATUS_MISSED, "", None, 0, 0)
        for number in range(count)
    ]

    def fill(connection: sa.Connection) -> None:
        occurrence_store.add(connection, rows)
        schedule_store.fired(connection, [replace(row, record_count=count)])

    await bench.database.write(fill)
    await bench.tick("2026-06-01 09:00")

    await Retention(bench.database).remove()

    left = await bench.ledger(row)
    assert len(left) == occurrence_store.KEPT == (await bench.get(row)).record_count
    assert left[0].fire_time == 1_235 * MINUTE
    assert len(await bench.ledger(other)) == 1


async def test_schedules_of_a_workflow_go_with_it(bench: Bench) -> None:
    row = await bench.add()
    await bench.tick("2026-06-01 09:00")

    gone = await bench.database.write(lambda c: schedule_store.delete_of_workflow(c, WORKFLOW))

    assert gone == 1
    assert await bench.ledger(row) == []
    # A job that is queued stays, and its end finds nothing to count.
    await end(bench, Failed("TimeoutError", "too slow"))


async def test_the_loop_fires_by_the_clock_and_hears_of_changes(bench: Bench) -> None:
    bench.clock.stopped_at, bench.clock.ahead = None, 0
    now = bench.clock()
    # A quarter of a second before a full minute.
    bench.clock.ahead = MINUTE - now % MINUTE - SECOND // 4
    running = asyncio.create_task(bench.scheduler.run())
    await asyncio.sleep(0)
    row = await bench.add("* * * * *")
    bench.scheduler.wake()

    while not (rows := await bench.ledger(row)):
        await asyncio.sleep(0.01)

    running.cancel()
    assert [record.status for record in rows] == [Occurrence.STATUS_FIRED]
