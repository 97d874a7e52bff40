"""`switchyard tokens`: credentials of programs."""

from typing import Annotated
from uuid import uuid4

import typer

from server.cli.accounts.users import ROLE, Role
from server.cli.pages import PAGE_SIZE, pages
from server.cli.plain import enum_name, enum_number, local_time, to_plain
from server.cli.request_id import RequestIdOption
from server.cli.session import Session, remote
from switchyard.auth.v1 import api_token_service_pb2 as pb

group = typer.Typer(name="tokens", help="API tokens: credentials of programs.", no_args_is_help=True)


@remote(group, "create")
def create(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    role: Annotated[Role | None, typer.Option(help="What it may do. Without it: viewer.")] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(help="What it may reach: bots, orchestrator:read...; may be repeated. Without it: everything."),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=0, max=3650, help="It ends after so long; 0 for never. Without it: 90.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="The owner id it is bound to. Without it: yours.")] = None,
    request_id: RequestIdOption = None,
) -> None:
    """Make a token and print its secret, which is shown this once. It goes where an API key goes."""
    request = pb.CreateApiTokenRequest(
        name=name, scopes=scope, expires_in_days=days, tenant_id=tenant, request_id=request_id or str(uuid4())
    )
    if role is not None:
        request.role = enum_number(ROLE, role.value)  # type: ignore[assignment]
    answer = session.connection.api_tokens.CreateApiToken(request)
    session.output.answer(to_plain(answer), answer.secret)
    session.output.note(f"token {answer.token.token_id} ends {end_text(answer.token)}; its secret is not shown again")


@remote(group, "list")
def list_tokens(session: Session) -> None:
    """List tokens, newest first, without their secrets."""
    request = pb.ListApiTokensRequest(page_size=PAGE_SIZE)
    tokens = [token for page in pages(session.connection.api_tokens.ListApiTokens, request) for token in page.tokens]
    rows = (
        (
            token.token_id,
            token.name,
            str(enum_name(ROLE, token.role)),
            token.tenant_id or "all",
            ", ".join(token.scopes) or "everything",
            token.created_by,
            end_text(token),
            local_time(token.last_used_at) if token.HasField("last_used_at") else "never",
        )
        for token in tokens
    )
    columns = ("TOKEN", "NAME", "ROLE", "TENANT", "REACHES", "MADE BY", "ENDS", "LAST USED")
    session.output.table([to_plain(token) for token in tokens], columns, rows, empty="there are no tokens")


def end_text(token: pb.ApiToken) -> str:
    """Return when a token ends: an instant, or "never"."""
    return local_time(token.expires_at) if token.HasField("expires_at") else "never"


@remote(group, "revoke")
def revoke(
    session: Session,
    token_id: Annotated[str, typer.Argument(metavar="TOKEN", help="Id of the token, as the list shows it.")],
) -> None:
    """End a token at once."""
    answer = session.connection.api_tokens.RevokeApiToken(pb.RevokeApiTokenRequest(token_id=token_id))
    session.output.answer(to_plain(answer), f"revoked {token_id}")
