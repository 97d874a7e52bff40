"""What may happen to accounts."""

from typing import Final

import pytest

from server.accounts import lifecycle
from server.errors import LastAdmin, TooManyAttempts

SECOND: Final = 1_000_000
NOW: Final = 1_700_000_000 * SECOND


def ago(*seconds: float) -> list[int]:
    return [NOW - int(one * SECOND) for one in seconds]


@pytest.mark.parametrize(
    "failures",
    [
        [],
        ago(1, 2, 3, 4),
        # The fifth one is five minutes old and counts no longer.
        ago(1, 2, 3, 4, 300),
    ],
)
def test_a_login_is_allowed_until_five_wrong_passwords(failures: list[int]) -> None:
    lifecycle.check_attempts(failures, now=NOW)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(ago(1, 2, 3, 4, 299.5), "1"), (ago(1, 2, 3, 4, 100), "200"), (ago(0, 0, 0, 0, 0), "300")],
)
def test_the_sixth_attempt_has_to_wait_until_the_fifth_is_old(failures: list[int], seconds: str) -> None:
    with pytest.raises(TooManyAttempts) as refusal:
        lifecycle.check_attempts(failures, now=NOW)

    assert refusal.value.metadata == {"retry_after": seconds}


def test_the_last_admin_stays() -> None:
    with pytest.raises(LastAdmin, match=r"^ann is the last admin$"):
        lifecycle.check_admin_remains("ann", was_admin=True, stays_admin=False, others=0)


@pytest.mark.parametrize(("was", "stays", "others"), [(True, True, 0), (True, False, 1), (False, False, 0)])
def test_other_changes_leave_an_admin(was: bool, stays: bool, others: int) -> None:
    lifecycle.check_admin_remains("ann", was_admin=was, stays_admin=stays, others=others)
