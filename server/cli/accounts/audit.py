"""`switchyard audit`: who changed what, and who was turned away."""

from enum import Enum
from typing import Annotated, Final

import typer

from server.cli.csv_export import show_csv
from server.cli.instants import SinceOption, UntilOption, to_timestamp
from server.cli.plain import enum_name, enum_names, enum_number, local_time, to_plain
from server.cli.session import Session, remote
from switchyard.auth.v1 import audit_service_pb2 as pb

group = typer.Typer(name="audit", help="Who changed what, and who was turned away.", no_args_is_help=True)

OUTCOME: Final = pb.AuditEntry.Outcome.DESCRIPTOR
Outcome = Enum("Outcome", {name: name for name in enum_names(OUTCOME)}, type=str)  # type: ignore[misc]

ActorOption = Annotated[str, typer.Option(metavar="NAME", help="Only those of this user, or token:NAME, api-key...")]
ActionOption = Annotated[
    str, typer.Option(metavar="CALL", help="Only those of this call, for example auth.v1.UserService/DeleteUser.")
]
OutcomeOption = Annotated[Outcome | None, typer.Option(help="Only what was done, or denied.")]


@remote(group, "list")
def list_entries(
    session: Session,
    actor: ActorOption = "",
    action: ActionOption = "",
    outcome: OutcomeOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 50,
    page_token: Annotated[str, typer.Option(metavar="TEXT", help="Asks for a further page.")] = "",
) -> None:
    """List entries, newest first."""
    request = pb.ListAuditEntriesRequest(
        page_size=limit,
        page_token=page_token,
        actor=actor,
        action=action,
        outcome=to_outcome(outcome),
        since=to_timestamp(since),
        until=to_timestamp(until),
    )
    answer = session.connection.audit.ListAuditEntries(request)
    rows = (
        (local_time(entry.timestamp), entry.actor, entry.address, entry.action, entry.resource, outcome_text(entry))
        for entry in answer.entries
    )
    columns = ("TIME", "WHO", "FROM", "CALL", "ABOUT", "OUTCOME")
    session.output.table(to_plain(answer), columns, rows, empty="there are no such entries")
    if answer.next_page_token:
        session.output.note(f"there are more: --page-token {answer.next_page_token}")


def to_outcome(outcome: Outcome | None) -> pb.AuditEntry.Outcome.ValueType | None:
    """Return what a filter asks for; None when it asks for nothing."""
    return None if outcome is None else enum_number(OUTCOME, outcome.value)  # type: ignore[return-value]


def outcome_text(entry: pb.AuditEntry) -> str:
    """Return what came of a call: "done", "denied: Authentication required (3 times)"."""
    reason = f": {entry.reason}" if entry.reason else ""
    times = f" ({entry.count} times)" if entry.count > 1 else ""
    return f"{enum_name(OUTCOME, entry.outcome)}{reason}{times}"


@remote(group, "export")
def export(
    session: Session,
    actor: ActorOption = "",
    action: ActionOption = "",
    outcome: OutcomeOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
) -> None:
    """Print all entries, oldest first, as CSV."""
    request = pb.ExportAuditEntriesRequest(
        actor=actor,
        action=action,
        outcome=to_outcome(outcome),
        since=to_timestamp(since),
        until=to_timestamp(until),
    )
    show_csv(session.output, session.connection.audit.ExportAuditEntries(request))
