"""`switchyard sessions`, `switchyard events`: browser sessions, also of others than bots, and what happens in them."""

import json
from collections.abc import Iterable
from enum import Enum
from typing import Annotated, Any, Final

import typer

from server.cli.csv_export import show_csv
from server.cli.output import Output
from server.cli.plain import enum_name, enum_names, enum_number, local_time, to_plain
from server.cli.session import Session, remote
from switchyard.telemetry.v1 import event_service_pb2, session_pb2
from switchyard.telemetry.v1 import session_service_pb2 as pb

sessions = typer.Typer(name="sessions", help="Browser sessions.", no_args_is_help=True)
events = typer.Typer(name="events", help="What happens in browser sessions.", no_args_is_help=True)

STATUS: Final = session_pb2.Session.Status.DESCRIPTOR
Status = Enum("Status", {name: name for name in enum_names(STATUS)}, type=str)  # type: ignore[misc]

SessionArgument = Annotated[str, typer.Argument(metavar="SESSION", help="Id of the session.")]
StatusOption = Annotated[Status | None, typer.Option(help="Only this status.")]
CountryOption = Annotated[str, typer.Option(metavar="CODE", help="Only this country code.")]
PageOption = Annotated[int, typer.Option(min=1)]
OfSessionOption = Annotated[str, typer.Option("--session", metavar="SESSION", help="Only those of this session.")]
TypeOption = Annotated[str, typer.Option("--type", metavar="TYPE", help="Only this type, for example page_load.")]


@remote(sessions, "list")
def list_sessions(
    session: Session,
    status: StatusOption = None,
    country: CountryOption = "",
    search: Annotated[str, typer.Option(metavar="TEXT", help="Only with this in id, profile or proxy.")] = "",
    page: PageOption = 1,
    per_page: Annotated[int, typer.Option(min=1, max=100)] = 20,
) -> None:
    """List sessions, newest first."""
    request = pb.ListSessionsRequest(
        status=to_status(status), country=country, search=search, page=page, per_page=per_page
    )
    answer = session.connection.browser_sessions.ListSessions(request)
    rows = (
        (
            one.id,
            one.profile_id,
            str(enum_name(STATUS, one.status)),
            one.proxy,
            one.country,
            local_time(one.start_time),
            duration_text(one),
            one.error,
        )
        for one in answer.sessions
    )
    columns = ("SESSION", "PROFILE", "STATUS", "PROXY", "COUNTRY", "STARTED", "TOOK", "ERROR")
    session.output.table(to_plain(answer), columns, rows, empty="there are no sessions")
    note_further(session.output, answer)


def to_status(status: Status | None) -> session_pb2.Session.Status.ValueType | None:
    """Return what a filter asks for; None when it asks for nothing."""
    return None if status is None else enum_number(STATUS, status.value)  # type: ignore[return-value]


def duration_text(session: session_pb2.Session) -> str:
    """Return how long it took; empty while it is active."""
    return f"{session.duration:.1f} s" if session.HasField("duration") else ""


def note_further(output: Output, answer: pb.ListSessionsResponse | event_service_pb2.ListEventsResponse) -> None:
    """Tell how to see more, where there is more."""
    if answer.total_pages > answer.page:
        output.note(f"page {answer.page} of {answer.total_pages}, {answer.total} in all; --page shows more")


@remote(sessions, "show")
def show(
    session: Session,
    session_id: SessionArgument,
    limit: Annotated[int, typer.Option("--events", min=1, max=10_000, help="At most so many events.")] = 100,
) -> None:
    """Show a session and what happened in it, oldest first."""
    request = pb.GetSessionRequest(session_id=session_id, event_limit=limit)
    answer = session.connection.browser_sessions.GetSession(request)
    one = answer.session
    facts = [
        ("Session", one.id),
        ("Profile", one.profile_id),
        ("Status", str(enum_name(STATUS, one.status))),
        ("Device", one.device),
        ("Target", one.target_url),
        ("Proxy", one.proxy),
        ("Country", one.country),
        ("Started", local_time(one.start_time)),
        ("Took", duration_text(one)),
        ("Error", one.error),
    ]
    session.output.facts(to_plain(answer), facts)
    if not session.output.as_json and answer.events:
        show_events(session.output, None, answer.events)
    if answer.event_count > len(answer.events):
        session.output.note(f"{answer.event_count} events in all; --events shows more")


def show_events(output: Output, plain: Any, found: Iterable[session_pb2.Event]) -> None:
    """Print events, which are `plain` for programs."""
    rows = (
        (str(event.id), local_time(event.timestamp), event.event_type, event.session_id, details_text(event))
        for event in found
    )
    output.table(plain, ("EVENT", "TIME", "TYPE", "SESSION", "DETAILS"), rows, empty="there are no events")


def details_text(event: session_pb2.Event) -> str:
    """Return the details of an event, name by name: "url: http://127.0.0.1/, load_time_ms: 120"."""
    details = json.loads(event.details) if event.details else {}
    return ", ".join(f"{name}: {value}" for name, value in details.items())


@remote(sessions, "delete")
def delete(session: Session, session_id: SessionArgument) -> None:
    """Delete a session with its events; no figure holds it any more."""
    answer = session.connection.browser_sessions.DeleteSession(pb.DeleteSessionRequest(session_id=session_id))
    session.output.answer(to_plain(answer), f"deleted {session_id}")


@remote(sessions, "export")
def export_sessions(session: Session, status: StatusOption = None, country: CountryOption = "") -> None:
    """Print all sessions, newest first, as CSV."""
    request = pb.ExportSessionsRequest(status=to_status(status), country=country)
    show_csv(session.output, session.connection.browser_sessions.ExportSessions(request))


@remote(events, "list")
def list_events(
    session: Session,
    session_id: OfSessionOption = "",
    event_type: TypeOption = "",
    page: PageOption = 1,
    per_page: Annotated[int, typer.Option(min=1, max=200)] = 50,
) -> None:
    """List events, newest first."""
    request = event_service_pb2.ListEventsRequest(
        session_id=session_id, event_type=event_type, page=page, per_page=per_page
    )
    answer = session.connection.events.ListEvents(request)
    show_events(session.output, to_plain(answer), answer.events)
    note_further(session.output, answer)


@remote(events, "export")
def export_events(session: Session, session_id: OfSessionOption = "", event_type: TypeOption = "") -> None:
    """Print all events, oldest first, as CSV."""
    request = event_service_pb2.ExportEventsRequest(session_id=session_id, event_type=event_type)
    show_csv(session.output, session.connection.events.ExportEvents(request))
