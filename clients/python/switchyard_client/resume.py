"""How a stream that broke is opened again: what the request of the next one says after a message of the last."""

from __future__ import annotations

from typing import Any


def behind_cursor(request: Any, message: Any) -> None:
    """Go on behind the last cursor of `message`: its own, that of its end, or that of the last line with one."""
    if cursor := last_cursor(message):
        request.after = cursor


def from_present(_request: Any, _message: Any) -> None:
    """Ask the same again: the first message of such a stream tells how things stand."""


def last_cursor(message: Any) -> str:
    """Return the cursor behind everything in `message`, "" if it has none."""
    fields = message.DESCRIPTOR.fields_by_name
    if "cursor" in fields:
        return str(message.cursor)
    if "end" in fields and message.HasField("end") and (end := getattr(message.end, "cursor", "")):
        return str(end)
    return next((line.cursor for line in reversed(message.lines) if line.cursor), "")
