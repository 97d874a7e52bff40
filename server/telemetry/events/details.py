"""`details` of an event: JSON text of an object, which is stored and shown as it was sent.

Only passwords in addresses are left out, as they are of everything else that a session tells. Pure.
"""

import re
from typing import Any, Final

import orjson

from server import json_text
from server.clock import SECOND
from server.errors import InvalidArgument, TooLarge
from server.telemetry.sessions.addresses import bare_text

# Source: the comment of `NewEvent.details`.
LARGEST_BYTES: Final = 64 * 1024

LOAD_TIME_KEY: Final = "load_time_ms"
_LONGEST_LOAD_MS: Final = 86_400_000
_MICROS_IN_MS: Final = SECOND // 1_000

NONE: Final = "{}"

# Possessive, so that no text makes the search remember every character.
_STRING: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"')


def checked(text: str) -> str:
    """Return details within the bounds of the contract as they are stored; an empty text stands for none.

    Raises:
        TooLarge: the text has more than 64 KiB of UTF-8.
        InvalidArgument: without passwords two of its keys are the same.
    """
    if len(text) > LARGEST_BYTES or (not text.isascii() and len(text.encode()) > LARGEST_BYTES):
        raise TooLarge("details must have at most 64 KiB as JSON", field="details")
    return bare(text) if _may_hold_password(text) else text or NONE


def bare(text: str) -> str:
    """Return JSON text of an object without user and password in the addresses in its strings.

    Raises:
        InvalidArgument: without them two of its keys are the same.
    """
    cleaned = _STRING.sub(_bare_string, text)
    fault = None if cleaned == text else json_text.fault_of_object(cleaned)
    if fault is not None:
        raise InvalidArgument.field("details", fault)
    return cleaned


def _bare_string(found: re.Match[str]) -> str:
    if not _may_hold_password(found[0]):
        return found[0]
    # A cut in the text itself could leave half an escape behind.
    value = orjson.loads(found[0])
    cleaned = bare_text(value)
    return found[0] if cleaned == value else orjson.dumps(cleaned).decode()


def _may_hold_password(text: str) -> bool:
    """Whether JSON text has anything that may stand for the "@" behind a password; see `addresses`."""
    if "@" in text or "%40" in text or "\\u" in text:
        return True
    return not text.isascii() and ("\uff20" in text or "\ufe6b" in text)


def load_time_micros(text: str) -> int | None:
    """Return the micros that `load_time_ms` of details stands for.

    None when they have none, or none that is a number from 0 to a day.
    """
    # Escapes may spell the key in other ways.
    if LOAD_TIME_KEY not in text and "\\" not in text:
        return None
    value: Any = orjson.loads(text).get(LOAD_TIME_KEY)
    # By type, because a boolean is an int to Python.
    if type(value) not in (int, float) or not 0 <= value <= _LONGEST_LOAD_MS:
        return None
    micros: int = round(value * _MICROS_IN_MS)
    return micros
