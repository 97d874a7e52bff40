"""The id of the present call: given by the caller or made here, returned, and written into every log line."""

import re
import uuid
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any, Final

METADATA_KEY: Final = "x-request-id"

REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")

# Visible ASCII: fits a metadata value and a log line as it is. A gateway returns to its client what it offers here, so
# this must not be narrower than what a gateway takes.
_ACCEPTABLE: Final = re.compile(r"[\x21-\x7e]{1,128}").fullmatch


def request_id(offered: str | None) -> str:
    """Return the offered id, or a new one when there is none or it would not be safe in a log or a header."""
    return offered if offered and _ACCEPTABLE(offered) else uuid.uuid4().hex


def add_request_id(_logger: object, _level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the id of the present call to a log line, if there is one. A structlog processor."""
    current = REQUEST_ID.get()
    if current:
        event.setdefault("request_id", current)
    return event
