"""`switchyard doctor`: looks at everything the system needs and says what to do."""

import os
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from server.cli.connection import connect, find_target
from server.cli.failures import CommandFailed, ExitCode
from server.cli.output import Output
from server.cli.session import JsonOption, KeyOption, ServerOption
from server.config import ConfigInvalid, ServerConfig

if TYPE_CHECKING:
    from server.cli.installation.diagnosis import Check


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("doctor")(doctor)


def doctor(server: ServerOption = None, api_key: KeyOption = None, as_json: JsonOption = False) -> None:
    """Look at browser, disk, database, queue and ports, and say what to do. Exit code 1 when something is wrong."""
    from server.cli.installation import diagnosis  # brings Redis and more, which no other command needs

    output = Output(as_json=as_json)
    try:
        config = ServerConfig.from_environment(os.environ)
    except ConfigInvalid as error:
        raise CommandFailed(str(error), ExitCode.USAGE) from error
    checks = []
    with connect(find_target(server, api_key, os.environ)) as connection:
        for check in diagnosis.examine(config, os.environ, connection):
            checks.append(check)
            show(output, check)
    wrong = [check.name for check in checks if not check.ok]
    if as_json:
        output.record({"ok": not wrong, "checks": [asdict(check) for check in checks]})
    if wrong:
        raise CommandFailed(f"{len(wrong)} of {len(checks)} checks found a fault: {', '.join(wrong)}")


def show(output: Output, check: "Check") -> None:
    """Print one check for people."""
    if output.as_json:
        return
    output.line(f"{'ok   ' if check.ok else 'WRONG'}  {check.name:<18} {check.found}", style="" if check.ok else "red")
    if not check.ok and check.advice:
        output.line(f"{'':<25} {check.advice}")
