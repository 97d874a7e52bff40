"""Instants on a command line: as tables show them, in the time zone of this machine, or as JSON has them."""

from datetime import datetime
from typing import Annotated, Final

import typer
from google.protobuf import timestamp_pb2

FORMATS: Final = ["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]

SinceOption = Annotated[
    datetime | None,
    typer.Option(formats=FORMATS, metavar="TIME", help="Only what is newer, or of that time."),
]
UntilOption = Annotated[datetime | None, typer.Option(formats=FORMATS, metavar="TIME", help="Only what is older.")]


def to_timestamp(instant: datetime | None) -> timestamp_pb2.Timestamp | None:
    """Return an instant as messages have it; without a time zone it is in that of this machine. None stays None."""
    if instant is None:
        return None
    timestamp = timestamp_pb2.Timestamp()
    timestamp.FromDatetime(instant.astimezone())
    return timestamp
