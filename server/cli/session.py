"""What all commands that call the server share: their common options, the connection and the output."""

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, Final, ParamSpec

import typer

from server.cli.connection import Connection, connect, find_target
from server.cli.output import Output

P = ParamSpec("P")
Command = Callable[Concatenate["Session", P], None]

ServerOption = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="HOST:PORT",
        envvar="SWITCHYARD_SERVER",
        help="gRPC address of the server. Without it: GRPC_HOST:GRPC_PORT.",
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        metavar="KEY",
        envvar="SWITCHYARD_API_KEY",
        help="Credential. Without it, for a server on this machine: the one in DATA_DIR/credentials.env.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@dataclass(frozen=True)
class Session:
    """One command at work."""

    connection: Connection
    output: Output


def common_parameters() -> list[inspect.Parameter]:
    """Return the options that every command of a server has."""
    options: list[tuple[str, Any, Any]] = [
        ("server", ServerOption, None),
        ("api_key", KeyOption, None),
        ("as_json", JsonOption, False),
    ]
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, annotation, default in options
    ]


COMMON: Final = common_parameters()


def remote(group: typer.Typer, name: str) -> Callable[[Command[P]], Command[P]]:
    """Make a function that takes a Session first into the command `name` of `group`, with the common options."""

    def register(function: Command[P]) -> Command[P]:
        own = list(inspect.signature(function).parameters.values())[1:]

        def command(*, server: str | None, api_key: str | None, as_json: bool, **values: Any) -> None:
            output = Output(as_json=as_json)
            with connect(find_target(server, api_key, os.environ)) as connection:
                function(Session(connection, output), **values)  # type: ignore[call-arg]

        parameters = [*(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own), *COMMON]
        # typer reads both.
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        command.__doc__ = function.__doc__
        group.command(name)(command)
        return function

    return register
