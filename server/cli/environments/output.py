"""`switchyard env` logs, exec: what an environment prints."""

from collections.abc import Iterable
from typing import Annotated, TypeAlias

import typer

from server.cli.environments.facts import EnvironmentArgument
from server.cli.failures import CommandFailed
from server.cli.live_log import show_end
from server.cli.plain import to_plain
from server.cli.session import Session, remote
from switchyard.environments.v1 import output_service_pb2 as pb

group = typer.Typer()

Message: TypeAlias = pb.StreamLogsResponse | pb.ExecResponse


@remote(group, "logs")
def logs(
    session: Session,
    environment_id: EnvironmentArgument,
    tail: Annotated[int, typer.Option("--tail", "-n", min=1, max=10_000, help="So many of the last lines.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what it prints from now on.")] = False,
) -> None:
    """Show what an environment has printed."""
    request = pb.StreamLogsRequest(environment_id=environment_id, tail=tail, follow=follow)
    show(session, session.connection.environment_output.StreamLogs(request))


@remote(group, "exec")
def execute(
    session: Session,
    environment_id: EnvironmentArgument,
    command: Annotated[
        list[str], typer.Argument(metavar="-- PROGRAM [ARGUMENT...]", help="What to run; no shell reads it.")
    ],
    timeout: Annotated[int, typer.Option(min=1, max=3600, metavar="SECONDS", help="It is ended after so long.")] = 60,
) -> None:
    """Run a command in an environment and show what it prints. The exit code is 0 when its own is, else 1."""
    request = pb.ExecRequest(environment_id=environment_id, command=command, timeout_seconds=timeout)
    end = show(session, session.connection.environment_output.Exec(request))
    if end.exit_code:
        raise CommandFailed(f"the command ended with exit code {end.exit_code}")


def show(session: Session, messages: Iterable[Message]) -> pb.OutputEnd:
    """Print lines as they come; return how it ended.

    Raises:
        CommandFailed: not by itself.
    """
    end = pb.OutputEnd()
    for message in messages:
        for line in message.lines:
            if session.output.as_json:
                session.output.record(to_plain(line))
            else:
                session.output.line(line.text)
        if message.HasField("end"):
            end = message.end
            show_end(session.output, end)
    if end.HasField("error"):
        raise CommandFailed(end.error)
    return end
