"""The commands that become a process of the system: up, server, gateway, worker, demo."""

import os
import sys
from typing import Annotated

import typer

PASS_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("up")(up)
    app.command("server")(server)
    app.command("gateway", context_settings={**PASS_ON, "help_option_names": []})(gateway)
    app.command("worker")(worker)
    app.command("demo")(demo)


def up() -> None:
    """Start everything: queue, server and worker. Settings come from the environment; the README lists them."""
    become("server.cli.up")


def server() -> None:
    """Start the server alone."""
    become("server")


def gateway(context: typer.Context) -> None:
    """Start a gateway alone, before a server elsewhere. Takes the options of `python -m gateway`."""
    become("gateway", *context.args)


def worker() -> None:
    """Start one worker alone."""
    become("workers")


def demo(
    port: Annotated[int, typer.Option(min=0, max=65535, help="TCP port on 127.0.0.1; 0 takes a free one.")] = 8090,
) -> None:
    """Serve a small feed page on this machine that bots can post to."""
    become("workers.demo", "--port", str(port))


def become(module: str, *arguments: str) -> None:
    """Replace this process, so that nothing of the command line stays in memory and signals arrive directly."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 -- an argument list, no shell
