"""Every figure equals one that is computed from the rows by brute force, however the rows came about and whenever they
were added to the sums."""

import asyncio
import tempfile
from contextlib import suppress
from pathlib import Path
from statistics import quantiles
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from server.clock import SECOND
from server.database.database import open_database
from server.errors import InvalidArgument, LeaseLost, TaskFinal
from server.orchestrator import services
from server.orchestrator.jobs import job_store
from server.orchestrator.jobs.new_job import KINDS, new_job
from server.orchestrator.metrics import activity_store, analytics, job_sums
from server.orchestrator.metrics.job_sums import DAY, HOUR, Window
from server.tasks import task_counts, task_list
from server.tasks.kernel import Kernel
from server.tasks.lifecycle import Cancelled, Failed, Succeeded
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1 import job_pb2, workflow_pb2
from switchyard.orchestrator.v1.job_worker_service_pb2 import RunWorkflow
from switchyard.tasks.v1.task_pb2 import Task
from tests.integration.database.databases import USUAL_DIALECT, database_url
from tests.integration.tasks.parts import HandClock, NoteQueue

REFUSALS = (LeaseLost, TaskFinal, InvalidArgument)
# Nearly always rows only; a full hour; days; a week.
REACHES = tuple(hours * HOUR * SECOND // 4 for hours in (1, 6, 4 * 72, 4 * 24 * 9))
TENANTS = ("", "acme", "globex")
ROBOTS = ("r1", "r2")

outcomes = st.sampled_from(
    [
        Succeeded(b""),
        Succeeded(b""),
        Failed("TimeoutError", "x"),
        Failed("", ""),
        Failed("SelectorNotFound", "x", retryable=True, retry_delay_seconds=0),
        Cancelled(b""),
    ]
)

durations = st.one_of(st.integers(0, 70_000), st.integers(0, 100 * SECOND), st.just(20 * 60 * SECOND))


class Figures(RuleBasedStateMachine):
    """Random jobs of random tenants by random robots, and sums that are brought up to date at random moments."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self._loop = asyncio.new_event_loop()
        self._clock = HandClock()
        self._database: Any = self._run(open_database(database_url(USUAL_DIALECT, Path(self._folder.name))))
        self._kernel = Kernel(
            self._database,
            NoteQueue(),
            self._clock,
            dict.fromkeys(KINDS, services.on_job_final),
            claim_hooks=services.CLAIM_HOOKS,
        )
        self._created: list[str] = []
        self._leases: list[tuple[str, int]] = []

    def teardown(self) -> None:
        self._run(self._database.close())
        self._loop.close()
        self._folder.cleanup()

    def _run(self, awaitable: Any) -> Any:
        return self._loop.run_until_complete(awaitable)

    def _attempt(self, awaitable: Any) -> None:
        with suppress(*REFUSALS):  # A refusal is an answer; what matters is the state it leaves.
            self._run(awaitable)

    def _scan(self, query: Any) -> Any:
        return self._run(self._database.scan(query))

    @rule(
        jobs=st.lists(
            st.tuples(st.sampled_from(["w1", "w2", "w3"]), st.sampled_from(TENANTS), durations, outcomes),
            min_size=1,
            max_size=8,
        )
    )
    def run_jobs(self, jobs: list[tuple[str, str, int, Any]]) -> None:
        """Most jobs: they are claimed, take their time and end."""
        for workflow, tenant, micros, outcome in jobs:
            self.submit(workflow, tenant, workflow_pb2.EXECUTION_MODE_LAN)
            self.claim(ROBOTS[micros % 2])
            self._clock.now += micros
            if self._leases:
                self._attempt(self._kernel.finish(*self._leases[-1], outcome))

    @rule(
        workflow=st.sampled_from(["w1", "w2", "w3"]),
        tenant=st.sampled_from(TENANTS),
        mode=st.sampled_from([workflow_pb2.EXECUTION_MODE_LAN, workflow_pb2.EXECUTION_MODE_INTERNET]),
    )
    def submit(self, workflow: str, tenant: str, mode: Any) -> None:
        payload = RunWorkflow(workflow_id=f"{workflow}-{tenant}", workflow_name=workflow)
        self._created.append(self._run(self._kernel.create(new_job(payload, mode=mode, tenant=tenant))).id)

    @rule(robot=st.sampled_from(ROBOTS))
    def claim(self, robot: str) -> None:
        row = self._run(self._kernel.claim(worker_id=robot, worker_host="h", kinds=KINDS))
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

    @precondition(lambda self: self._created)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self._attempt(self._kernel.cancel(data.draw(st.sampled_from(self._created)), ""))

    @rule(
        micros=st.sampled_from(
            [1, 999, 1_000, 77_777, SECOND, 31 * SECOND, HOUR * SECOND, 11 * HOUR * SECOND, 3 * DAY * SECOND]
        )
    )
    def pass_time(self, micros: int) -> None:
        self._clock.now += micros

    @rule()
    def expire(self) -> None:
        self._run(self._kernel.expire_leases())

    @rule(limit=st.integers(1, 12))
    def fold(self, limit: int) -> None:
        self._run(self._database.write(lambda connection: job_sums.fold(connection, limit=limit)))

    def _rows(self, tenant: str | None) -> list[TaskRow]:
        rows: list[TaskRow] = self._scan(lambda c: task_list.list_tasks(c, limit=10_000, tenant=tenant))
        return rows

    @invariant()
    def analytics_are_what_the_rows_amount_to(self) -> None:
        for tenant in (None, "acme"):
            rows = self._rows(tenant)
            for micros in REACHES:
                window = Window(self._clock() - micros, tenant)
                found = self._scan(lambda c, window=window: analytics.read(c, window))
                assert_analytics(found, [row for row in rows if row.end_time and row.end_time >= window.begin])

    @invariant()
    def todays_figures_are_what_the_rows_amount_to(self) -> None:
        today = self._clock() // (DAY * SECOND)
        for tenant in (None, "acme"):
            rows = self._rows(tenant)
            window = Window(today * DAY * SECOND, tenant)
            for robot in ROBOTS:
                found = self._scan(
                    lambda c, window=window, robot=robot: job_sums.read_robot(
                        c, window, job_sums.read_rows(c, window), robot
                    )
                )
                own = [r for r in rows if r.last_worker_id == robot and (r.end_time or 0) >= window.begin]
                completed = [r for r in own if r.state == Task.STATE_SUCCEEDED]
                assert found.completed == len(completed)
                assert found.failed == sum(r.state == Task.STATE_FAILED for r in own)
                assert found.duration_ms == sum(map(milliseconds, completed))
            states = self._scan(lambda c, tenant=tenant: task_counts.by_state(c, KINDS, tenant=tenant))
            for state in Task.State.values():
                assert states.get(state, 0) == sum(row.state == state for row in rows)
            created = self._scan(lambda c, tenant=tenant: task_counts.created_on(c, KINDS, today, tenant=tenant))
            assert created == sum(row.create_time >= window.begin for row in rows)

    @invariant()
    def lists_are_what_the_rows_say(self) -> None:
        for tenant in (None, "acme"):
            rows = self._rows(tenant)
            for status in (job_pb2.Job.STATUS_UNSPECIFIED, *job_store.STATES_OF):
                for workflow in ("", "w1-acme"):
                    for robot in ("", "r1"):
                        filters = job_store.Filters(status, workflow, robot, tenant)
                        found = self._scan(lambda c, filters=filters: job_store.newest(c, filters, limit=3))
                        wanted = [row for row in rows if passes(row, status, workflow, robot)]
                        assert [job.id for job in found] == [row.id for row in wanted[:3]]

    @invariant()
    def each_claim_and_each_end_is_an_event(self) -> None:
        events = self._scan(lambda c: activity_store.newest(c, activity_store.Filters(), limit=10_000))
        rows = self._rows(None)
        assert sum(event.title == "Job started" for event in events) == sum(row.fencing_token for row in rows)
        ended = sorted(event.job_id for event in events if event.title != "Job started")
        assert ended == sorted(row.id for row in rows if row.final)


def passes(row: TaskRow, status: Any, workflow: str, robot: str) -> bool:
    return (
        (not status or row.state in job_store.STATES_OF[status])
        and (not workflow or row.subject == f"workflows/{workflow}")
        and (not robot or row.last_worker_id == robot)
    )


def milliseconds(row: TaskRow) -> int:
    assert row.start_time is not None
    assert row.end_time is not None
    return (row.end_time - row.start_time) // 1000


def assert_analytics(found: Any, ended: list[TaskRow]) -> None:
    completed = [row for row in ended if row.state == Task.STATE_SUCCEEDED]
    failed = [row for row in ended if row.state == Task.STATE_FAILED]
    durations = sorted(map(milliseconds, completed))
    total = len(completed) + len(failed)
    assert found.total_jobs == total
    assert found.success_rate == (round(100 * len(completed) / total, 2) if total else 0)
    assert found.failure_rate == (round(100 * len(failed) / total, 2) if total else 0)
    assert found.average_duration_ms == (sum(durations) / len(durations) if durations else 0)
    for place, shown in ((50, found.p50_duration_ms), (90, found.p90_duration_ms), (99, found.p99_duration_ms)):
        assert abs(shown - interpolated(durations, place)) < 1e-6
    errors: dict[str, int] = {}
    for row in failed:
        errors[row.error_type or "Unknown"] = errors.get(row.error_type or "Unknown", 0) + 1
    assert {one.error_type: one.count for one in found.error_distribution} == errors
    means: dict[str, list[int]] = {}
    for row in completed:
        means.setdefault(row.subject.removeprefix("workflows/"), []).append(milliseconds(row))
    slowest = sorted(((-sum(each) / len(each), name) for name, each in means.items()))
    assert [(-one.average_duration_ms, one.workflow_id) for one in found.slowest_workflows] == slowest


def interpolated(durations: list[int], place: int) -> float:
    """The percentile as the standard library has it."""
    if len(durations) < 2:
        return float(sum(durations))
    return quantiles(durations, n=100, method="inclusive")[place - 1]


TestFigures = Figures.TestCase
TestFigures.settings = settings(
    max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
