"""`switchyard users`: who may log in."""

from enum import Enum
from typing import Annotated, Final, TypeAlias

import grpc
import typer

from server.cli.accounts.passwords import AskOption, StdinOption, read_password
from server.cli.failures import CommandFailed, ExitCode
from server.cli.pages import PAGE_SIZE, pages
from server.cli.plain import enum_name, enum_names, enum_number, local_time, to_plain
from server.cli.session import Session, remote
from switchyard.auth.v1 import access_pb2, auth_service_pb2
from switchyard.auth.v1 import user_service_pb2 as pb

group = typer.Typer(name="users", help="Who may log in.", no_args_is_help=True)

ROLE: Final = access_pb2.Role.DESCRIPTOR
Role = Enum("Role", {name: name for name in enum_names(ROLE)}, type=str)  # type: ignore[misc]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the user.")]
# What a call sends along besides the credential.
Metadata: TypeAlias = tuple[tuple[str, str], ...]


@remote(group, "create")
def create(
    session: Session,
    username: NameArgument,
    role: Annotated[list[Role], typer.Option(help="A role; may be repeated. Each includes the ones below it.")],
    tenant: Annotated[str | None, typer.Option(help="The owner id it is bound to. Without it: sees all.")] = None,
    password_stdin: StdinOption = False,
) -> None:
    """Create a user. The password is asked for, or read from standard input; never an argument others could see."""
    request = pb.CreateUserRequest(
        username=username,
        password=read_password(from_stdin=password_stdin),
        roles=[enum_number(ROLE, each.value) for each in role],  # type: ignore[misc]
        tenant_id=tenant,
    )
    user = session.connection.users.CreateUser(request).user
    session.output.answer(to_plain(user), f"created {user.username}: {roles_text(user)}")


@remote(group, "list")
def list_users(session: Session) -> None:
    """List users by name."""
    request = pb.ListUsersRequest(page_size=PAGE_SIZE)
    users = [user for page in pages(session.connection.users.ListUsers, request) for user in page.users]
    rows = ((user.username, roles_text(user), user.tenant_id or "all", local_time(user.created_at)) for user in users)
    columns = ("NAME", "ROLES", "TENANT", "CREATED")
    session.output.table([to_plain(user) for user in users], columns, rows, empty="there are no users")


@remote(group, "me")
def me(session: Session) -> None:
    """Show whom the server takes the credential for."""
    answer = session.connection.auth.GetMe(auth_service_pb2.GetMeRequest())
    facts = [
        ("Name", answer.user_id),
        ("Roles", roles_text(answer)),
        ("Tenant", answer.tenant_id or "all"),
        ("Access checks", "off (JWT_DEV_MODE)" if answer.dev_mode else "on"),
    ]
    session.output.facts(to_plain(answer), facts)


@remote(group, "update")
def update(
    session: Session,
    username: NameArgument,
    role: Annotated[list[Role] | None, typer.Option(help="A role, in place of those it has; may be repeated.")] = None,
    tenant: Annotated[
        str | None, typer.Option(help="The owner id it is bound to from now on; '' for none: sees all.")
    ] = None,
    password: AskOption = False,
    password_stdin: StdinOption = False,
) -> None:
    """Change roles, tenant or password of a user, and end its sessions."""
    request = pb.UpdateUserRequest(
        username=username,
        roles=[enum_number(ROLE, each.value) for each in role or ()],  # type: ignore[misc]
        tenant_id=tenant,
    )
    if password or password_stdin:
        request.password = read_password(from_stdin=password_stdin)
    if request == pb.UpdateUserRequest(username=username):
        raise CommandFailed("nothing to change: give --role, --tenant, --password or --password-stdin", ExitCode.USAGE)
    user = session.connection.users.UpdateUser(request).user
    session.output.answer(to_plain(user), f"changed {user.username}: {roles_text(user)}")


@remote(group, "password")
def change_password(
    session: Session,
    username: NameArgument,
    password_stdin: Annotated[
        bool,
        typer.Option("--password-stdin", help="Read the present one and the new one from standard input, a line each."),
    ] = False,
) -> None:
    """Change one's own password, which needs no credential but the present one, and end one's sessions."""
    present = read_password("Present password", from_stdin=password_stdin, twice=False)
    request = auth_service_pb2.ChangePasswordRequest(
        current_password=present, new_password=read_password("New password", from_stdin=password_stdin)
    )
    bearer = log_in(session, username, present)
    try:
        answer = session.connection.auth.ChangePassword(request, metadata=bearer)
    finally:
        session.connection.auth.Logout(auth_service_pb2.LogoutRequest(), metadata=bearer)
    session.output.answer(to_plain(answer), f"changed the password of {username}")


def log_in(session: Session, username: str, password: str) -> Metadata:
    """Return what makes a call one of this user.

    Raises:
        CommandFailed: name or password is wrong. The hint at other credentials would lead astray.
    """
    request = auth_service_pb2.LoginRequest(username=username, password=password)
    try:
        token = session.connection.auth.Login(request).access_token
    except grpc.RpcError as error:
        call: grpc.Call = error  # type: ignore[assignment]
        if call.code() is not grpc.StatusCode.UNAUTHENTICATED:
            raise
        raise CommandFailed(call.details() or "", ExitCode.REFUSED) from error
    return (("authorization", f"Bearer {token}"),)


@remote(group, "delete")
def delete(session: Session, username: NameArgument) -> None:
    """Delete a user and end its sessions."""
    answer = session.connection.users.DeleteUser(pb.DeleteUserRequest(username=username))
    session.output.answer(to_plain(answer), f"deleted {username}")


def roles_text(user: pb.User | auth_service_pb2.GetMeResponse) -> str:
    """Return the roles of a user in words."""
    return ", ".join(str(enum_name(ROLE, role)) for role in user.roles)
