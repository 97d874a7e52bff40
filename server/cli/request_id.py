"""What makes a command safe to repeat."""

from typing import Annotated

import typer

RequestIdOption = Annotated[
    str | None, typer.Option(metavar="TEXT", help="Repeating the command with the same id does it only once.")
]
