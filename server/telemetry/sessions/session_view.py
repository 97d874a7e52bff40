"""Sessions as the contract shows them. Pure."""

from server.clock import SECOND, to_timestamp
from server.telemetry.sessions.session_store import SessionRow
from switchyard.telemetry.v1.session_pb2 import Session


def message(row: SessionRow) -> Session:
    """Return a session as the contract has it."""
    return Session(
        id=row.id,
        profile_id=row.profile_id,
        device=row.device,
        target_url=row.target_url,
        proxy=row.proxy,
        country=row.country,
        start_time=to_timestamp(row.start_time),
        end_time=None if row.end_time is None else to_timestamp(row.end_time),
        duration=None if row.duration_micros is None else row.duration_micros / SECOND,
        success=row.success,
        error=row.error,
        status=row.status,
    )
