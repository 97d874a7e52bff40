"""Passwords: typed by somebody, or read from standard input; never an argument, which others could see."""

import sys
from typing import Annotated

import typer

from server.cli.failures import CommandFailed, ExitCode

AskOption = Annotated[bool, typer.Option("--password", help="Ask for a password.")]
StdinOption = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]


def read_password(what: str = "Password", *, from_stdin: bool, twice: bool = True) -> str:
    """Return the next line of standard input, or what somebody types, `twice` to be sure of it.

    Raises:
        CommandFailed: there is nobody to ask.
    """
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise CommandFailed("there is no terminal to ask for the password; use --password-stdin", ExitCode.USAGE)
    password: str = typer.prompt(what, hide_input=True, confirmation_prompt=twice, err=True)
    return password
