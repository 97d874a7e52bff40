"""Time inside the server: whole microseconds since the epoch, UTC, called micros.

Whatever needs the present takes a `Clock`, so that a test can pass its own.
"""

import time
from collections.abc import Callable
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

Clock = Callable[[], int]

SECOND: Final = 1_000_000
"""Micros in a second."""


def now_micros() -> int:
    """Return the time of the system clock in micros."""
    return time.time_ns() // 1_000


def to_timestamp(micros: int) -> Timestamp:
    """Return `micros` as the contract writes times."""
    seconds, rest = divmod(micros, SECOND)
    return Timestamp(seconds=seconds, nanos=rest * 1_000)


def from_timestamp(timestamp: Timestamp) -> int:
    """Return `timestamp` in micros; what is finer is cut off."""
    return timestamp.seconds * SECOND + timestamp.nanos // 1_000
