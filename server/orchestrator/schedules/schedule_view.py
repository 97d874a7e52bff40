"""Schedules and their ledger as the contract shows them."""

from server.clock import to_timestamp
from server.orchestrator.schedules.schedule_row import OccurrenceRow, ScheduleRow
from switchyard.orchestrator.v1 import schedule_pb2 as pb


def schedule(row: ScheduleRow) -> pb.Schedule:
    """Return `row` as a message."""
    return pb.Schedule(
        schedule_id=row.id,
        workflow_id=row.workflow_id,
        schedule_name=row.name,
        cron_expression=row.cron,
        enabled=row.enabled,
        priority=row.priority,
        execution_mode=row.mode,
        next_run=None if row.next_run is None else to_timestamp(row.next_run),
        last_run=None if row.last_run is None else to_timestamp(row.last_run),
        run_count=row.run_count,
        failure_count=row.failure_count,
        created_at=to_timestamp(row.create_time),
        updated_at=to_timestamp(row.update_time),
        timezone=row.zone,
        catch_up_policy=row.catch_up,
        overlap_policy=row.overlap,
        variables=row.variables or "{}",
        metadata=row.metadata or "{}",
    )


def occurrence(row: OccurrenceRow) -> pb.Occurrence:
    """Return `row` as a message."""
    return pb.Occurrence(
        fire_time=to_timestamp(row.fire_time),
        status=row.status,
        reason=row.reason,
        job_id=row.job_id,
        recorded_at=to_timestamp(row.record_time),
    )
