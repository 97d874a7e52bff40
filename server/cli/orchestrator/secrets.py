"""`switchyard secret`: what workflows refer to by name, and nobody reads back."""

import sys
from typing import Annotated

import typer

from server.cli.failures import CommandFailed, ExitCode
from server.cli.pages import PAGE_SIZE, pages
from server.cli.plain import local_time, to_plain
from server.cli.session import Session, remote
from switchyard.orchestrator.v1 import secret_service_pb2 as pb

group = typer.Typer(name="secret", help="Secrets of workflows.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What workflows call it: {{secrets.NAME}}.")]

TenantOption = Annotated[
    str | None, typer.Option(help="Whose it is, '' for those of no tenant. Without it: of your own, if any.")
]


@remote(group, "list")
def list_secrets(session: Session, tenant: TenantOption = None) -> None:
    """List secrets by name, without their values."""
    request = pb.ListSecretsRequest(page_size=PAGE_SIZE, tenant_id=tenant)
    secrets = [secret for page in pages(session.connection.secrets.ListSecrets, request) for secret in page.secrets]
    rows = ((secret.name, local_time(secret.updated_at), secret.updated_by) for secret in secrets)
    columns = ("NAME", "CHANGED", "BY")
    session.output.table([to_plain(secret) for secret in secrets], columns, rows, empty="there are no secrets")


@remote(group, "set")
def set_secret(session: Session, name: NameArgument, tenant: TenantOption = None) -> None:
    """Set a secret. Its value is asked for, or read from standard input; never an argument others could see."""
    request = pb.PutSecretRequest(name=name, value=read_value(), tenant_id=tenant)
    secret = session.connection.secrets.PutSecret(request).secret
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
def delete(session: Session, name: NameArgument, tenant: TenantOption = None) -> None:
    """Delete a secret."""
    request = pb.DeleteSecretRequest(name=name, tenant_id=tenant)
    answer = session.connection.secrets.DeleteSecret(request)
    session.output.answer(to_plain(answer), f"deleted {name}")
