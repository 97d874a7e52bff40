"""The course of one call over its attempts: what each failure is answered with.

Holds no connection: both clients ask it what to do, and do it each in its own way.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from time import monotonic
from typing import Any, Final

import grpc

from .errors import DeadlineExceeded, of_call
from .failure import SwitchyardError
from .resources.reasons import CredentialExpired, ReaderTooSlow
from .retry import Retry

# Answer to a failure: get a new access token, then call at once.
RENEW: Final = -1.0


class Attempts:
    """One call that is being made.

    `deadline` is in seconds of the monotonic clock, `renewable` says that a refresh token is there to replace an access
    token that has expired.
    """

    def __init__(
        self,
        retry: Retry,
        *,
        repeatable: bool,
        renewable: bool,
        deadline: float,
        clock: Callable[[], float] = monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._retry = retry
        self._repeatable = repeatable
        self._renewable = renewable
        self._deadline = deadline
        self._clock = clock
        self._chance = chance
        self._made = 0

    def after(self, error: Any) -> float:
        """Return the seconds to wait before the next attempt, or RENEW; `error` is what ended the last one.

        Raises:
            SwitchyardError: there is no next attempt.
        """
        failure = of_call(error)
        self._made += 1
        if self._renewable and isinstance(failure, CredentialExpired):
            self._renewable = False
            return RENEW
        pause = self._retry.pause(failure, attempt=self._made, repeatable=self._repeatable, jitter=self._chance())
        if pause is None or self._clock() + pause >= self._deadline:
            raise failure from error
        return pause

    def left(self) -> float | None:
        """Return the seconds that the next attempt may take; None is no limit.

        Raises:
            DeadlineExceeded: none are left.
        """
        if self._deadline == float("inf"):
            return None
        left = self._deadline - self._clock()
        if left <= 0:
            raise DeadlineExceeded("Deadline Exceeded", code=grpc.StatusCode.DEADLINE_EXCEEDED)
        return left


class Reconnection:
    """A stream that may break: how long it is tried to be opened again, and how fast.

    Before its first message it is as patient as a call is; afterwards it comes back for `reconnect_seconds`.
    `repeatable` says that it may be opened twice, `resumable` that it then goes on without loss.
    """

    def __init__(
        self,
        retry: Retry,
        *,
        repeatable: bool,
        resumable: bool,
        clock: Callable[[], float] = monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._retry = retry
        self._repeatable = repeatable
        self._resumable = resumable
        self._clock = clock
        self._chance = chance
        self._begun = False
        self._failures = 0
        self._break_time = 0.0
        self._renewed = False

    def received(self) -> None:
        """Note that a message has come: the stream stands."""
        self._begun = True
        self._failures = 0
        self._renewed = False

    def after(self, error: Any, *, renewable: bool) -> float:
        """Return the seconds to wait before the stream is opened again, or RENEW; `error` is what ended it.

        Raises:
            SwitchyardError: it is not opened again.
        """
        failure = of_call(error)
        if renewable and not self._renewed and isinstance(failure, CredentialExpired):
            self._renewed = True
            return RENEW
        self._failures += 1
        if self._failures == 1:
            self._break_time = self._clock()
        pause = self._pause(failure)
        if pause is None:
            raise failure from error
        return pause

    def _pause(self, failure: SwitchyardError) -> float | None:
        jitter = self._chance()
        if not self._begun:
            return self._retry.pause(failure, attempt=self._failures, repeatable=self._repeatable, jitter=jitter)
        if not (self._resumable and broken(failure)):
            return None
        if self._clock() - self._break_time > self._retry.reconnect_seconds:
            return None
        return self._retry.backoff(self._failures, jitter)


def broken(failure: SwitchyardError) -> bool:
    """Whether a stream that stood ended because something on the way went away, or because it was read too slowly."""
    if failure.code is grpc.StatusCode.INTERNAL:
        # A proxy resets the streams of a server that went away. A server's own fault has a reason.
        return not failure.reason
    return failure.code is grpc.StatusCode.UNAVAILABLE or isinstance(failure, ReaderTooSlow)
