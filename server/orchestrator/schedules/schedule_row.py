"""Schedules and their ledger as they are stored. Times are micros."""

from dataclasses import dataclass
from typing import TypeAlias

from switchyard.orchestrator.v1 import workflow_pb2
from switchyard.orchestrator.v1.schedule_pb2 import Occurrence, Schedule

CatchUp: TypeAlias = Schedule.CatchUpPolicy.ValueType
Overlap: TypeAlias = Schedule.OverlapPolicy.ValueType
Mode: TypeAlias = workflow_pb2.ExecutionMode.ValueType
Status: TypeAlias = Occurrence.Status.ValueType


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSchedule:
    """A schedule to be stored. `tenant` is that of its workflow, "" for one that everybody may see.

    `variables` and `metadata` are texts of JSON objects, empty when none were sent.
    """

    workflow_id: str
    tenant: str
    name: str
    cron: str
    zone: str = "UTC"
    enabled: bool = True
    priority: int = 10
    mode: Mode = workflow_pb2.EXECUTION_MODE_LAN
    catch_up: CatchUp = Schedule.CATCH_UP_POLICY_ONCE
    overlap: Overlap = Schedule.OVERLAP_POLICY_SKIP
    variables: str = ""
    metadata: str = ""


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """One row of the table `schedules`, in the order of its columns.

    `next_run` is None while the schedule is disabled, and when there is no fire time any more. `record_count` is how
    many rows of the ledger are its.
    """

    number: int
    id: str
    workflow_id: str
    tenant: str
    name: str
    cron: str
    zone: str
    enabled: bool
    priority: int
    mode: Mode
    catch_up: CatchUp
    overlap: Overlap
    next_run: int | None
    last_run: int | None
    run_count: int
    failure_count: int
    record_count: int
    create_time: int
    update_time: int
    variables: str
    metadata: str


@dataclass(frozen=True, slots=True)
class OccurrenceRow:
    """One row of the table `occurrences`, in the order of its columns.

    `by_hand` is 1 for a trigger by hand, 0 for a fire time. `live` is 1 as long as its job is not known to have ended.
    """

    schedule_number: int
    fire_time: int
    by_hand: int
    status: Status
    reason: str
    job_id: str | None
    live: int
    record_time: int
