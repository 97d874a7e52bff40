"""What a request makes of a schedule. Pure."""

from dataclasses import replace
from typing import Final

from server.database.text import storable
from server.orchestrator.schedules import cron, fire_times
from server.orchestrator.schedules.schedule_row import NewSchedule, ScheduleRow
from switchyard.orchestrator.v1 import schedule_service_pb2 as pb
from switchyard.orchestrator.v1 import workflow_pb2
from switchyard.orchestrator.v1.schedule_pb2 import Schedule

DEFAULT_ZONE: Final = "UTC"
DEFAULT_PRIORITY: Final = 10


def asked_for(request: pb.CreateScheduleRequest, *, tenant: str) -> NewSchedule:
    """Return the schedule that `request` asks for, with the defaults of what it leaves open."""
    return NewSchedule(
        workflow_id=request.workflow_id,
        tenant=tenant,
        name=storable(request.schedule_name),
        cron=request.cron_expression,
        zone=request.timezone or DEFAULT_ZONE,
        enabled=request.enabled if request.HasField("enabled") else True,
        priority=request.priority if request.HasField("priority") else DEFAULT_PRIORITY,
        mode=request.execution_mode or workflow_pb2.EXECUTION_MODE_LAN,
        catch_up=request.catch_up_policy or Schedule.CATCH_UP_POLICY_ONCE,
        overlap=request.overlap_policy or Schedule.OVERLAP_POLICY_SKIP,
        variables=request.variables,
        metadata=request.metadata,
    )


def changed(row: ScheduleRow, request: pb.UpdateScheduleRequest, *, now: int) -> ScheduleRow:
    """Return `row` as `request` wants it, but for `next_run`; what it leaves out stays.

    Raises:
        InvalidArgument: the new expression or the new zone is none.
    """
    asked = replace(
        row,
        name=storable(request.schedule_name) if request.HasField("schedule_name") else row.name,
        cron=request.cron_expression if request.HasField("cron_expression") else row.cron,
        zone=(request.timezone or DEFAULT_ZONE) if request.HasField("timezone") else row.zone,
        enabled=request.enabled if request.HasField("enabled") else row.enabled,
        priority=request.priority if request.HasField("priority") else row.priority,
        mode=request.execution_mode or row.mode,
        catch_up=request.catch_up_policy or row.catch_up,
        overlap=request.overlap_policy or row.overlap,
        variables=request.variables if request.HasField("variables") else row.variables,
        metadata=request.metadata if request.HasField("metadata") else row.metadata,
    )
    cron.parse(asked.cron)
    fire_times.check_zone(asked.zone)
    return row if asked == row else replace(asked, update_time=now)


def keeps_next_run(before: ScheduleRow, after: ScheduleRow) -> bool:
    """Whether `after` fires next when `before` does."""
    return (before.cron, before.zone, before.enabled) == (after.cron, after.zone, after.enabled)
