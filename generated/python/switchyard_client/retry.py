"""Whether a failed call is made again, and when.

Pure: no clock, no network, no chance. A call is repeated only if that cannot do a thing twice: it changes nothing, does
the same each time (RFC 9110, section 9.2.2), carries an idempotency key, or the server said that it did nothing yet.
"""

from __future__ import annotations

from dataclasses import dataclass

import grpc

from .failure import SwitchyardError


@dataclass(frozen=True)
class Retry:
    """How patient a client is.

    Attributes:
        attempts: calls in all, 1 to 100; 1 never repeats.
        first_seconds: wait before the second call. Each further wait is twice the one before.
        ceiling_seconds: longest wait. A server that asks for a longer one is not waited for.
        reconnect_seconds: how long a stream that broke is tried to be opened again.
    """

    attempts: int = 5
    first_seconds: float = 0.1
    ceiling_seconds: float = 5.0
    reconnect_seconds: float = 60.0

    def __post_init__(self) -> None:
        if not 1 <= self.attempts <= 100:
            raise ValueError("attempts must be 1 to 100")
        if min(self.first_seconds, self.ceiling_seconds, self.reconnect_seconds) < 0:
            raise ValueError("seconds must not be negative")

    def pause(self, failure: SwitchyardError, *, attempt: int, repeatable: bool, jitter: float) -> float | None:
        """Return the seconds to wait after call number `attempt` (from 1) has failed, None to give up.

        `jitter`, 0 to 1, spreads the calls of clients that failed together over half of the wait.
        """
        if attempt >= self.attempts:
            return None
        if failure.retry_after is not None:
            # Who says when to come back has refused before anything was done.
            asked = max(failure.retry_after, self.backoff(attempt, jitter))
            return asked if asked <= self.ceiling_seconds else None
        if repeatable and failure.code is grpc.StatusCode.UNAVAILABLE:
            return self.backoff(attempt, jitter)
        return None

    def backoff(self, attempt: int, jitter: float) -> float:
        """Return the seconds to wait after failure number `attempt` in a row."""
        return min(self.ceiling_seconds, self.first_seconds * 2.0 ** min(attempt - 1, 60)) * (0.5 + jitter / 2)
