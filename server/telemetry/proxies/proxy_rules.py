"""The fixed rule for proxies: what their sessions make of them. Pure; times are micros.

At least 80 % of its ended sessions succeeded: healthy. At least 50 %: flagged. Less: blacklisted. Three failures in a
row disable a proxy for 30 minutes; then it is tried again, and until a session succeeds one more failure is enough.
"""

from dataclasses import dataclass
from typing import Final

from server.clock import SECOND
from switchyard.telemetry.v1.proxy_pb2 import ProxyStatus

HEALTHY_RATE: Final = 0.8
FLAGGED_RATE: Final = 0.5
FAILURES_ALLOWED: Final = 2
DISABLED_MICROS: Final = 30 * 60 * SECOND


@dataclass(frozen=True, slots=True)
class Standing:
    """The failures since the last success, and until when they disable the proxy; None when they never did."""

    failures_in_row: int
    disabled_until: int | None

    def disabled(self, now: int) -> bool:
        """Whether failures disable the proxy at `now`."""
        return self.disabled_until is not None and self.disabled_until > now


CLEAN: Final = Standing(failures_in_row=0, disabled_until=None)


def after_session(standing: Standing, *, success: bool, now: int) -> Standing:
    """Return the standing after a session has ended at `now`.

    What still ran when the proxy was disabled neither prolongs nor shortens that.
    """
    failures = 0 if success else standing.failures_in_row + 1
    if standing.disabled(now):
        return Standing(failures, standing.disabled_until)
    return Standing(failures, now + DISABLED_MICROS if failures > FAILURES_ALLOWED else None)


def success_rate(successes: int, failures: int) -> float:
    """Return the successes of all sessions that have ended, 0 to 1; 0 when none has."""
    ended = successes + failures
    return successes / ended if ended else 0.0


def status(successes: int, failures: int, *, usable: bool) -> ProxyStatus.Status.ValueType:
    """Return how a proxy fares; `usable` says that neither an operator nor failures disable it."""
    if not usable:
        return ProxyStatus.STATUS_BLACKLISTED
    rate = success_rate(successes, failures)
    if rate >= HEALTHY_RATE or not successes + failures:
        return ProxyStatus.STATUS_HEALTHY
    return ProxyStatus.STATUS_FLAGGED if rate >= FLAGGED_RATE else ProxyStatus.STATUS_BLACKLISTED
