"""What happens when schedules are due, or one is triggered: jobs, rows of the ledger and counters, in one transaction.

The caller holds the locks of the schedules, and stands in a unit of work. So a job without its row, or a row without
its job, cannot be, wherever the server is killed.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import sqlalchemy as sa
from google.protobuf.any_pb2 import Any as AnyMessage

from server.clock import SECOND
from server.database.after_commit import after_commit
from server.database.text import storable
from server.errors import NotFound, TaskFinal
from server.orchestrator.jobs.new_job import new_job
from server.orchestrator.metrics import activity_store
from server.orchestrator.schedules import catch_up, occurrence_store, schedule_store
from server.orchestrator.schedules.catch_up import Verdict
from server.orchestrator.schedules.fire_times import next_fire_time
from server.orchestrator.schedules.metrics import SECONDS_LATE
from server.orchestrator.schedules.schedule_row import OccurrenceRow, ScheduleRow, Status
from server.orchestrator.workflows import workflow_store
from server.orchestrator.workflows.workflow_store import WorkflowRow
from server.tasks import store
from server.tasks.store import FinalHooks
from server.tasks.task import NewTask, TaskRow
from switchyard.orchestrator.v1.job_worker_service_pb2 import RunWorkflow
from switchyard.orchestrator.v1.metrics_service_pb2 import ActivityEvent
from switchyard.orchestrator.v1.schedule_pb2 import Occurrence, Schedule
from switchyard.orchestrator.v1.workflow_pb2 import TRIGGER_TYPE_SCHEDULED
from switchyard.tasks.v1.task_pb2 import Task

# Fire times of one schedule that are dealt with in one unit of work; the others follow in the next one.
TIMES_AT_ONCE: Final = 100
# A unit of work takes no further schedule once it has so many rows to add to the ledger.
RECORDS_AT_ONCE: Final = 500


def fire_due(
    connection: sa.Connection, rows: Sequence[ScheduleRow], *, watched_since: int, now: int, hooks: FinalHooks
) -> list[TaskRow]:
    """Deal with fire times of `rows` up to `now`, and return the Tasks that are new or were changed.

    Not with all of them when there are very many; then `next_run` of a schedule stays in the past. Fire times before
    `watched_since` passed while no server ran.
    """
    turn = _Turn(connection, rows, now=now, hooks=hooks)
    for row in rows:
        turn.fire_due(row, watched_since=watched_since)
        if len(turn.records) >= RECORDS_AT_ONCE:
            break
    turn.store()
    return turn.tasks


def trigger(connection: sa.Connection, row: ScheduleRow, *, by: str, now: int) -> TaskRow:
    """Queue a job of `row` on behalf of the caller of that name, and return it.

    Raises:
        NotFound: its workflow is gone.
    """
    workflow = workflow_store.require(connection, row.workflow_id, tenant_id=None)
    job = store.insert(connection, _job(row, workflow), now=now)
    newest = occurrence_store.newest_by_hand(connection, row.number, since=now)
    # Two at the same moment are two.
    fire_time = now if newest is None else newest + 1
    reason = storable(f"triggered by {by}")
    record = _record(row, fire_time, Occurrence.STATUS_TRIGGERED, reason, job_id=job.id, now=now)
    occurrence_store.add(connection, [record])
    counted = replace(row, last_run=now, run_count=row.run_count + 1, record_count=row.record_count + 1)
    schedule_store.fired(connection, [counted])
    _tell(connection, row, job, f"{row.name} was {reason}", now=now)
    return job


def on_job_final(connection: sa.Connection, task: TaskRow, _now: int) -> Sequence[NewTask]:
    """Note that a job has ended, and count it if it failed. A hook of the kernel for the kinds of jobs."""
    packed, job = AnyMessage.FromString(task.payload), RunWorkflow()
    packed.Unpack(job)
    if job.schedule_id:
        occurrence_store.job_ended(connection, job.schedule_id, task.id)
        if task.state == Task.STATE_FAILED:
            schedule_store.job_failed(connection, job.schedule_id)
    return ()


class _Turn:
    """One unit of work in which schedules fire: gathers what is to be stored of all of them, and stores it at once."""

    def __init__(self, connection: sa.Connection, rows: Sequence[ScheduleRow], *, now: int, hooks: FinalHooks) -> None:
        numbers = [row.number for row in rows]
        self.tasks: list[TaskRow] = []
        self.records: list[OccurrenceRow] = []
        self._changed: list[ScheduleRow] = []
        self._connection = connection
        self._now = now
        self._hooks = hooks
        self._workflows: dict[str, WorkflowRow | None] = {}
        self._recorded = occurrence_store.recorded_ahead(connection, numbers)
        # Jobs that have not ended, by schedule, and those among the new ones that make up for something.
        self._live = dict(occurrence_store.live_jobs(connection, numbers))
        self._making_up: dict[int, tuple[str, ...]] = {}

    def fire_due(self, row: ScheduleRow, *, watched_since: int) -> None:
        """Deal with the fire times of `row` that are due, the oldest first."""
        times, next_run = _due(row, self._now)
        if not times:
            return
        more = len(times) == TIMES_AT_ONCE + catch_up.MOST
        if more:
            times, next_run = times[:TIMES_AT_ONCE], times[TIMES_AT_ONCE]
        verdicts = catch_up.judge(times, row.catch_up, watched_since=watched_since, now=self._now, more=more)
        recorded = self._recorded.get(row.number, frozenset())
        records = [self._act(row, verdict) for verdict in verdicts if verdict.fire_time not in recorded]
        fired = sum(record.job_id is not None for record in records)
        self.records += records
        self._changed.append(
            replace(
                row,
                next_run=next_run,
                last_run=self._now if fired else row.last_run,
                run_count=row.run_count + fired,
                record_count=row.record_count + len(records),
            )
        )

    def store(self) -> None:
        """Store what was gathered."""
        occurrence_store.add(self._connection, self.records)
        schedule_store.fired(self._connection, self._changed)

    def _act(self, row: ScheduleRow, verdict: Verdict) -> OccurrenceRow:
        """Do as `verdict` says, as far as nothing hinders it, and return what is to be recorded."""
        if not verdict.fires:
            return _record(row, verdict.fire_time, verdict.status, verdict.reason, now=self._now)
        workflow = self._workflow(row)
        hindrance = "the workflow was deleted" if workflow is None else self._overlap(row, verdict)
        if workflow is None or hindrance:
            return _record(row, verdict.fire_time, Occurrence.STATUS_SKIPPED, hindrance, now=self._now)
        job = self._queue(row, verdict, workflow)
        return _record(row, verdict.fire_time, verdict.status, verdict.reason, job_id=job.id, now=self._now)

    def _overlap(self, row: ScheduleRow, verdict: Verdict) -> str:
        """Apply the overlap policy of `row`: cancel what it wants cancelled, and return why it may not fire, if so.

        Jobs that make up for fire times in one turn do not hinder one another; see `_queue`.
        """
        live = self._live.get(row.number, ())
        if not verdict.made_up:
            live += self._making_up.get(row.number, ())
        if live and row.overlap == Schedule.OVERLAP_POLICY_SKIP:
            return f"job {live[0]} had not ended; overlap_policy is skip"
        if row.overlap == Schedule.OVERLAP_POLICY_CANCEL:
            for job_id in live:
                self._cancel(job_id)
            self._live.pop(row.number, None)
        return ""

    def _cancel(self, job_id: str) -> None:
        reason = "its schedule fires again; overlap_policy is cancel"
        try:
            change = store.cancel(self._connection, job_id, reason=reason, now=self._now, hooks=self._hooks)
        except (NotFound, TaskFinal):
            return  # It has ended in the meantime.
        self.tasks += change.rows

    def _queue(self, row: ScheduleRow, verdict: Verdict, workflow: WorkflowRow) -> TaskRow:
        new = _job(row, workflow)
        if verdict.made_up and row.overlap != Schedule.OVERLAP_POLICY_ALLOW:
            # Several may be made up for at once. All of them run, one after the other, the oldest first.
            new = replace(new, concurrency_key=f"schedules/{row.id}", concurrency_limit=1)
        job = store.insert(self._connection, new, now=self._now)
        self.tasks.append(job)
        if verdict.made_up:
            self._making_up[row.number] = (*self._making_up.get(row.number, ()), job.id)
        else:
            late = (self._now - verdict.fire_time) / SECOND
            after_commit(self._connection, lambda: SECONDS_LATE.observe(late))
        _tell(self._connection, row, job, f"{row.name} fired", now=self._now)
        return job

    def _workflow(self, row: ScheduleRow) -> WorkflowRow | None:
        if row.workflow_id not in self._workflows:
            try:
                found = workflow_store.require(self._connection, row.workflow_id, tenant_id=None)
            except NotFound:
                self._workflows[row.workflow_id] = None
            else:
                self._workflows[row.workflow_id] = found
        return self._workflows[row.workflow_id]


def _due(row: ScheduleRow, now: int) -> tuple[list[int], int | None]:
    """Return the fire times of `row` up to `now` that were not dealt with yet, some of the oldest, and the next one."""
    times: list[int] = []
    time = row.next_run
    while time is not None and time <= now and len(times) < TIMES_AT_ONCE + catch_up.MOST:
        times.append(time)
        time = next_fire_time(row.cron, row.zone, time)
    return times, time


def _job(row: ScheduleRow, workflow: WorkflowRow) -> NewTask:
    payload = RunWorkflow(
        workflow_id=row.workflow_id,
        workflow_name=workflow.name,
        version=workflow.version,
        variables=row.variables,
        trigger_type=TRIGGER_TYPE_SCHEDULED,
        schedule_id=row.id,
    )
    return new_job(
        payload,
        mode=row.mode,
        tenant=row.tenant,
        priority=row.priority,
        timeout_seconds=workflow.timeout_seconds,
    )


def _record(
    row: ScheduleRow, fire_time: int, status: Status, reason: str, *, now: int, job_id: str | None = None
) -> OccurrenceRow:
    by_hand = int(status == Occurrence.STATUS_TRIGGERED)
    return OccurrenceRow(row.number, fire_time, by_hand, status, reason, job_id, int(job_id is not None), now)


def _tell(connection: sa.Connection, row: ScheduleRow, job: TaskRow, details: str, *, now: int) -> None:
    """Tell the feed of activity."""
    activity_store.add(
        connection,
        ActivityEvent.TYPE_SCHEDULE_TRIGGERED,
        now=now,
        tenant=row.tenant,
        title="Schedule triggered",
        details=details,
        job_id=job.id,
    )
