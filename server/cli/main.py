"""The `switchyard` command: the groups of its commands, and how it ends."""

import os
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated

import typer

from server.cli import tasks
from server.cli.accounts import audit, tokens, users
from server.cli.bots import instances, runs, webhooks
from server.cli.comfy import sessions as comfy
from server.cli.environments import environments
from server.cli.failures import MEANINGS, CommandFailed, ExitCode
from server.cli.installation import doctor, processes
from server.cli.orchestrator import fleet, jobs, node_types, schedules, secrets, workflow_versions, workflows
from server.cli.telemetry import proxies
from server.cli.telemetry import sessions as telemetry

HELP = "Runs Switchyard, and speaks to a running one.\n\nExit codes:\n\n" + "\n\n".join(
    f"  {code.value}  {meaning}" for code, meaning in MEANINGS.items()
)

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


def print_version(wanted: bool) -> None:
    """Print the version and end, if it is asked for."""
    if wanted:
        sys.stdout.write(f"switchyard {metadata.version('switchyard')}\n")
        raise typer.Exit


@app.callback(help=HELP)
def options(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=print_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options that stand before a command."""


processes.register(app)
instances.group.add_typer(runs.group)
instances.group.add_typer(webhooks.group)
workflows.group.add_typer(workflow_versions.group)
workflows.group.add_typer(node_types.group)
for group in (
    instances.group,
    comfy.group,
    environments.group,
    workflows.group,
    jobs.group,
    schedules.group,
    secrets.group,
    fleet.group,
    telemetry.sessions,
    telemetry.events,
    proxies.group,
    tasks.group,
    users.group,
    tokens.group,
    audit.group,
):
    app.add_typer(group)
doctor.register(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Carry out one command line; return its exit code. Refusals are one line on standard error."""
    try:
        # Without standalone mode typer hands errors on, and the code of typer.Exit back.
        return app(args=arguments, prog_name="switchyard", standalone_mode=False) or ExitCode.OK
    except CommandFailed as failure:
        return refuse(str(failure), failure.exit_code)
    except typer.TyperException as error:
        return refuse(error.format_message() or "a command is needed; see --help", ExitCode.USAGE)
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # The reader has what it wanted. The interpreter must not find the closed pipe at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except OSError as error:
        return refuse(f"{error.filename}: {error.strerror}" if error.filename else str(error), ExitCode.FAILED)


def refuse(message: str, exit_code: int) -> int:
    """Print one line on standard error; return `exit_code`."""
    sys.stderr.write(f"switchyard: {message}\n")
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
