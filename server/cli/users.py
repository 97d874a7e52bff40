"""`switchyard users`: who may log in."""

import sys
from enum import Enum
from typing import Annotated, Final

import typer

from server.cli.failures import CommandFailed, ExitCode
from server.cli.plain import enum_name, enum_names, enum_number, local_time, to_plain
from server.cli.session import Session, remote
from switchyard.auth.v1 import access_pb2
from switchyard.auth.v1 import user_service_pb2 as pb

group = typer.Typer(name="users", help="Who may log in.", no_args_is_help=True)

ROLE: Final = access_pb2.Role.DESCRIPTOR
Role = Enum("Role", {name: name for name in enum_names(ROLE)}, type=str)  # type: ignore[misc]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the user.")]


@remote(group, "create")
def create(
    session: Session,
    username: NameArgument,
    role: Annotated[list[Role], typer.Option(help="A role; may be repeated. Each includes the ones below it.")],
    tenant: Annotated[str | None, typer.Option(help="The owner id it is bound to. Without it: sees all.")] = None,
    password_stdin: Annotated[bool, typer.Option(help="Read the password from standard input.")] = False,
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


def read_password(*, from_stdin: bool) -> str:
    """Return the first line of standard input, or what somebody types twice.

    Raises:
        CommandFailed: there is nobody to ask.
    """
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise CommandFailed("there is no terminal to ask for the password; use --password-stdin", ExitCode.USAGE)
    password: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return password


@remote(group, "list")
def list_users(session: Session) -> None:
    """List users by name."""
    users: list[pb.User] = []
    request = pb.ListUsersRequest(page_size=1000)
    while True:
        page = session.connection.users.ListUsers(request)
        users.extend(page.users)
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    rows = ((user.username, roles_text(user), user.tenant_id or "all", local_time(user.created_at)) for user in users)
    columns = ("NAME", "ROLES", "TENANT", "CREATED")
    session.output.table([to_plain(user) for user in users], columns, rows, empty="there are no users")


@remote(group, "delete")
def delete(session: Session, username: NameArgument) -> None:
    """Delete a user and end its sessions."""
    answer = session.connection.users.DeleteUser(pb.DeleteUserRequest(username=username))
    session.output.answer(to_plain(answer), f"deleted {username}")


def roles_text(user: pb.User) -> str:
    """Return the roles of a user in words."""
    return ", ".join(str(enum_name(ROLE, role)) for role in user.roles)
