"""Percent-decoding of path segments (RFC 3986, section 2.1). A plus sign is a plus sign."""

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.errors import BadRequest

_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODED_SLASH: Final = re.compile(r"(%2[Ff])")


def decode(segment: str) -> str:
    """`segment` with every escape decoded once.

    Raises:
        BadRequest: an escape is broken, or the bytes are no UTF-8.
    """
    if "%" not in segment:
        return segment
    if _ESCAPE.search(segment):
        raise BadRequest("path must have two hexadecimal digits behind each %")
    try:
        return unquote_to_bytes(segment).decode()
    except UnicodeDecodeError as error:
        raise BadRequest("path must be percent-encoded UTF-8") from error


def decode_but_slashes(segment: str) -> str:
    """As `decode`, but %2F and %2f stay as they are."""
    if "%2" not in segment:
        return decode(segment)
    # Split keeps the separators: encoded slashes are at the odd places.
    pieces = _ENCODED_SLASH.split(segment)
    return "".join(piece if place % 2 else decode(piece) for place, piece in enumerate(pieces))
