"""How long a call may take: what the client asks for, within what the gateway allows."""

import re
from typing import Final

import grpc

from gateway.backend import CallFailed
from gateway.errors import BadRequest

# Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Timeout".
GRPC_TIMEOUT: Final = re.compile(rb"([0-9]{1,8})([HMSmun])")
UNITS: Final = {b"H": 3600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
# The header can say 11,000 years, which clocks cannot. Nothing waits longer than this anyway.
FOREVER_SECONDS: Final = 365 * 24 * 3600.0


def timeout_seconds(header: bytes, longest: float | None) -> float | None:
    """Seconds a call may take by its Grpc-Timeout and by `longest`; None for no limit.

    Raises:
        BadRequest: the header is no such time.
        CallFailed: the time is over before it begins.
    """
    return allowed_seconds(asked_seconds(header), longest)


def asked_seconds(header: bytes | None) -> float | None:
    """Seconds in a Grpc-Timeout ("500m" is half a second); None without one. Raises BadRequest."""
    if header is None:
        return None
    found = GRPC_TIMEOUT.fullmatch(header)
    if found is None:
        raise BadRequest("header Grpc-Timeout must be up to 8 digits and a unit: H, M, S, m, u or n")
    return int(found[1]) * UNITS[found[2]]


def allowed_seconds(asked: float | None, longest: float | None) -> float | None:
    """Seconds a call may take of those that were asked for; None for no limit.

    Raises:
        CallFailed: the time is over before it begins.
    """
    if asked is None:
        return longest
    if asked == 0:
        # A call that is made without time may still succeed or not, as chance has it.
        raise CallFailed(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")
    return min(asked, FOREVER_SECONDS if longest is None else longest)
