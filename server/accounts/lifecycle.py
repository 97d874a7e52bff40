"""What may happen to accounts and sessions.

Pure: times are passed in, in microseconds.
"""

from collections.abc import Sequence
from typing import Final

from server.clock import SECOND
from server.errors import LastAdmin, TooManyAttempts

FAILURES_ALLOWED: Final = 5
FAILURE_WINDOW: Final = 300 * SECOND


def check_attempts(failures: Sequence[int], *, now: int) -> None:
    """Refuse another login after five wrong passwords within five minutes.

    `failures` are the times of wrong passwords from one address, the newest first.

    Raises:
        TooManyAttempts: with the seconds until the next attempt is allowed.
    """
    recent = [time for time in failures if time > now - FAILURE_WINDOW]
    if len(recent) < FAILURES_ALLOWED:
        return
    wait = recent[FAILURES_ALLOWED - 1] + FAILURE_WINDOW - now
    seconds = max(1, -(-wait // SECOND))
    raise TooManyAttempts(f"Too many wrong passwords. Try again in {seconds} s", retry_after=str(seconds))


def check_admin_remains(username: str, *, was_admin: bool, stays_admin: bool, others: int) -> None:
    """Refuse a change that leaves nobody who may do everything. An admin here is one who sees every tenant.

    Raises:
        LastAdmin: `username` is the last one; `others` counts the remaining ones.
    """
    if was_admin and not stays_admin and others == 0:
        raise LastAdmin(username)
