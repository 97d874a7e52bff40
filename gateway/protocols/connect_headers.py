"""What Connect says in headers. Source: https://connectrpc.com/docs/protocol."""

import re
from collections.abc import Mapping
from typing import Final

from gateway.errors import BadRequest
from gateway.protocols.message_coding import GZIP

# "Timeout-Milliseconds": at most 10 digits. Zero is no positive number but harmless: it has run out.
_MILLISECONDS: Final = re.compile(rb"[0-9]{1,10}")


def asked_seconds(headers: Mapping[bytes, bytes]) -> float | None:
    """Seconds in Connect-Timeout-Ms; None without one. Raises BadRequest."""
    text = headers.get(b"connect-timeout-ms")
    if text is None:
        return None
    if not _MILLISECONDS.fullmatch(text):
        raise BadRequest("header Connect-Timeout-Ms must be a number of at most 10 digits")
    return int(text) / 1000


def check_version(headers: Mapping[bytes, bytes]) -> None:
    """Raise BadRequest for another version of the protocol than ours. None at all is allowed: tools leave it out."""
    if headers.get(b"connect-protocol-version", b"1") != b"1":
        raise BadRequest("header Connect-Protocol-Version must be 1")


def takes_gzip(accepted: bytes | None, *, sent: str | None) -> bool:
    """Whether the caller reads gzip: it says so, or says nothing and sent gzip itself."""
    if accepted is None:
        return sent == GZIP.decode()
    return GZIP in [coding.strip() for coding in accepted.split(b",")]
