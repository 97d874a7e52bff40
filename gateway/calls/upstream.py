"""Where all calls of a gateway go, and what goes along with one."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.backend import Backend, Metadata
from gateway.calls.departure import Departure, LongCalls
from gateway.errors.problem import ErrorReasons

# Calls shorter than this are not watched for a client that leaves.
WATCH_AFTER_SECONDS: Final = 0.05


class CallFacts(NamedTuple):
    """What goes with a call beside its request."""

    metadata: Metadata
    timeout_seconds: float | None


@dataclass(frozen=True, slots=True)
class Upstream:
    """The backend, and what holds for all calls to it. One per gateway."""

    backend: Backend
    reasons: ErrorReasons
    stuck_reader_seconds: float
    """A reader that takes nothing of its stream for so long is dropped."""
    open_streams: set[Departure] = field(default_factory=set)
    """What ends each stream that is open now."""
    long_calls: LongCalls = field(default_factory=lambda: LongCalls(WATCH_AFTER_SECONDS))
