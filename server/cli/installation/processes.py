"""The commands that become a process of the system: server, gateway, worker, backup and the like."""

import os
import sys
from typing import Annotated

import typer

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("up")(up)
    app.command("server")(server)
    app.command("migrate", context_settings={**PASS_ON, "help_option_names": []})(migrate)
    app.command("backup")(backup)
    app.command("restore")(restore)
    app.command("gateway", context_settings={**PASS_ON, "help_option_names": []})(gateway)
    app.command("worker")(worker)
    app.command("robot", context_settings={**PASS_ON, "help_option_names": []})(robot)
    app.command("supervise", context_settings={**PASS_ON, "help_option_names": []})(supervise)
    app.command("demo")(demo)


def up() -> None:
    """Start everything: queue, server and worker. Settings come from the environment; the README lists them."""
    become("server.cli.installation.up")


def server() -> None:
    """Start the server alone."""
    become("server")


def migrate(context: typer.Context) -> None:
    """Bring the database up to date, apart from any server. Takes the options of `python -m server.migrate`."""
    become("server.migrate", *context.args)


def backup(
    file: Annotated[str, typer.Argument(help="Where to write it, a new file; with --verify, which one to prove.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Write nothing; read FILE and compare all that is in it.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Save database and data folder to one file while the system runs, and read it again.

    Settings come from the environment, as those of the server. A file that was written is proven already.
    """
    become("server.backup", "verify" if verify else "create", file, *(["--json"] if as_json else []))


def restore(
    file: Annotated[str, typer.Argument(help="A file that `switchyard backup` has written.")],
    force: Annotated[
        bool, typer.Option("--force", help="Move what is there aside; a Postgres database is replaced.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Put a backup back into DATA_DIR and DATABASE_URL, while no server runs.

    Broken off, it is run again; until then no server starts there.
    """
    options = [*(["--force"] if force else []), *(["--json"] if as_json else [])]
    become("server.backup", "restore", file, *options)


def gateway(context: typer.Context) -> None:
    """Start a gateway alone, before a server elsewhere. Takes the options of `python -m gateway`."""
    become("gateway", *context.args)


def worker() -> None:
    """Start one worker alone."""
    become("workers")


def robot(context: typer.Context) -> None:
    """Start a robot for a server elsewhere. Takes the options of `python -m workers.robot`."""
    become("workers.robot", *context.args)


def supervise(context: typer.Context) -> None:
    """Report who uses the environment this runs in. Takes the options of `python -m workers.supervise`."""
    become("workers.supervise", *context.args)


def demo(
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port on 127.0.0.1; 0 takes a free one.")] = 8090,
) -> None:
    """Serve a small feed page on this machine that bots can post to."""
    become("workers.demo", "--port", str(port))


def become(module: str, *arguments: str) -> None:
    """Replace this process, so that nothing of the command line stays in memory and signals arrive directly."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 -- an argument list, no shell
