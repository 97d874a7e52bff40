"""`switchyard secret`: what workflows refer to by name, and nobody reads back."""

import sys
from typing import Annotated

import typer

from server.cli.failures import CommandFailed, ExitCode
from server.cli.plain import local_time, to_plain
from server.cli.session import Session, remote
from switchyard.orchestrator.v1 import secret_service_pb2 as pb

group = typer.Typer(name="secret", help="Secrets of workflows.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What workflows call it: {{secrets.NAME}}.")]


@remote(group, "list")
def list_secrets(session: Session) -> None:
    """List secrets by name, without their values."""
    secrets: list[pb.Secret] = []
    request = pb.ListSecretsRequest(page_size=1000)
    while True:
        page = session.connection.secrets.ListSecrets(request)
        secrets.extend(page.secrets)
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    rows = ((secret.name, local_time(secret.updated_at), secret.updated_by) for secret in secrets)
    columns = ("NAME", "CHANGED", "BY")
    session.output.table([to_plain(secret) for secret in secrets], columns, rows, empty="there are no secrets")


@remote(group, "set")
def set_secret(session: Session, name: NameArgument) -> None:
    """Set a secret. Its value is asked for, or read from standard input; never an argument others could see."""
    secret = session.connection.secrets.PutSecret(pb.PutSecretRequest(name=name, value=read_value())).secret
    session.output.answer(to_plain(secret), f"set {name}")


def read_value() -> str:
    """Return what somebody types, or all of standard input without the line break at its end.

    Raises:
        CommandFailed: there is no value.
    """
    if sys.stdin.isatty():
        value: str = typer.prompt("Value", hide_input=True, err=True)
        return value
    value = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not value:
        raise CommandFailed("standard input holds no value", ExitCode.USAGE)
    return value


@remote(group, "delete")
def delete(session: Session, name: NameArgument) -> None:
    """Delete a secret."""
    answer = session.connection.secrets.DeleteSecret(pb.DeleteSecretRequest(name=name))
    session.output.answer(to_plain(answer), f"deleted {name}")
