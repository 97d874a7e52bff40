"""Sessions as the contract shows them. Pure."""

from collections.abc import Mapping
from typing import Final

from server.clock import to_timestamp
from server.comfy.session_row import SessionRow, Standing, standing
from server.comfy.workflow_path import FOLDER
from switchyard.comfy.v1 import session_service_pb2 as pb
from switchyard.comfy.v1.session_pb2 import Session

STATE: Final[Mapping[Standing, Session.State.ValueType]] = {
    Standing.STARTING: Session.STATE_STARTING,
    Standing.READY: Session.STATE_READY,
    Standing.FINISHING: Session.STATE_STOPPING,
    Standing.STOPPING: Session.STATE_STOPPING,
    Standing.GONE: Session.STATE_ENDED,
    Standing.OVER: Session.STATE_ENDED,
}


def reason(row: SessionRow) -> str:
    """Return why a session is not active, in a sentence; empty while it is."""
    match standing(row):
        case Standing.READY:
            return ""
        case Standing.STARTING:
            return "the session is starting"
        case Standing.FINISHING:
            return "the session was stopped and finishes its prompts"
        case Standing.STOPPING:
            return f"the session is being stopped: {row.cancel_reason or 'somebody asked for it'}"
    return row.error_message or row.cancel_reason or "the session has ended"


def session(row: SessionRow) -> Session:
    """Return a session without the address of its browser."""
    over = standing(row) in (Standing.GONE, Standing.OVER)
    shown = Session(
        id=row.id,
        name=row.name,
        state=STATE[standing(row)],
        reason=reason(row) if over else "",
        mode=row.mode,
        url=row.url,
        port=row.port,
        headless=row.headless if row.in_browser else None,
        on_restart=row.on_restart,
        frontend_version=row.frontend_version,
        workflow_path=user_data_path(row.workflow_path),
        create_time=to_timestamp(row.create_time),
        active_time=to_timestamp(row.active_time),
    )
    if row.ready_time is not None:
        shown.ready_time.CopyFrom(to_timestamp(row.ready_time))
    if row.end_time is not None:
        shown.end_time.CopyFrom(to_timestamp(row.end_time))
    return shown


def status(row: SessionRow, *, prompts_active: int) -> pb.GetSessionStatusResponse:
    """Return how it is with a session."""
    stands = standing(row)
    active = stands is Standing.READY
    shown = pb.GetSessionStatusResponse(
        active=active,
        port=row.port if active else None,
        url=row.url,
        session=row.name,
        state=STATE[stands],
        reason=None if active else reason(row),
        mode=row.mode,
        headless=row.headless if row.in_browser else None,
        frontend_version=row.frontend_version,
        workflow_path=user_data_path(row.workflow_path),
        prompts_active=prompts_active,
        create_time=to_timestamp(row.create_time),
    )
    if row.end_time is not None:
        shown.end_time.CopyFrom(to_timestamp(row.end_time))
    return shown


def status_of_nothing(name: str) -> pb.GetSessionStatusResponse:
    """Return how it is with a name under which nothing was started."""
    return pb.GetSessionStatusResponse(session=name, reason="no session of that name was started")


def started(row: SessionRow, browser_endpoint: str | None) -> pb.StartSessionResponse:
    """Return the answer to whoever started a session that takes calls."""
    details = pb.StartSessionResponse.Details(
        port=row.port,
        url=row.url,
        headless=row.headless if row.in_browser else None,
        session=row.name,
        session_id=row.id,
        browser_endpoint=browser_endpoint,
    )
    return pb.StartSessionResponse(success=True, message="Session started", details=details)


def stopped(finishing: int) -> pb.StopSessionResponse:
    """Return the answer to whoever stopped a session that finishes so many prompts first."""
    ahead = {0: "", 1: "; 1 prompt is finished first"}.get(finishing, f"; {finishing} prompts are finished first")
    return pb.StopSessionResponse(success=True, message=f"Session stopped{ahead}")


def user_data_path(below: str | None) -> str | None:
    """Return the path in ComfyUI's user data of a file below `workflows/`; None for none."""
    return None if below is None else f"{FOLDER}{below}"
