"""The fixed rule for proxies."""

import pytest

from server.clock import SECOND
from server.telemetry.proxies import proxy_rules
from server.telemetry.proxies.proxy_rules import CLEAN, DISABLED_MICROS, Standing
from switchyard.telemetry.v1.proxy_pb2 import ProxyStatus

NOON = 43_200 * SECOND


def after(*successes: bool, standing: Standing = CLEAN, now: int = NOON) -> Standing:
    for success in successes:
        standing = proxy_rules.after_session(standing, success=success, now=now)
    return standing


@pytest.mark.parametrize(
    ("successes", "failures", "status"),
    [
        (0, 0, ProxyStatus.STATUS_HEALTHY),  # nothing is known yet
        (1, 0, ProxyStatus.STATUS_HEALTHY),
        (80, 20, ProxyStatus.STATUS_HEALTHY),  # the bound belongs to it
        (79, 21, ProxyStatus.STATUS_FLAGGED),
        (50, 50, ProxyStatus.STATUS_FLAGGED),  # the bound belongs to it
        (49, 51, ProxyStatus.STATUS_BLACKLISTED),
        (0, 1, ProxyStatus.STATUS_BLACKLISTED),
    ],
)
def test_the_status_follows_the_success_rate(successes: int, failures: int, status: int) -> None:
    assert proxy_rules.status(successes, failures, usable=True) == status


def test_a_disabled_proxy_is_blacklisted_whatever_its_rate() -> None:
    assert proxy_rules.status(100, 0, usable=False) == ProxyStatus.STATUS_BLACKLISTED


def test_the_success_rate_without_ended_sessions_is_zero() -> None:
    assert proxy_rules.success_rate(0, 0) == 0.0


def test_two_failures_in_a_row_disable_nothing() -> None:
    assert after(False, False) == Standing(2, None)


def test_three_failures_in_a_row_disable_for_thirty_minutes() -> None:
    standing = after(False, False, False)

    assert standing.disabled_until == NOON + 30 * 60 * SECOND
    assert standing.disabled(NOON + DISABLED_MICROS - 1)
    assert not standing.disabled(NOON + DISABLED_MICROS)


def test_a_success_clears_the_row() -> None:
    assert after(False, False, True, False, False) == Standing(2, None)


def test_one_failure_after_the_thirty_minutes_disables_again() -> None:
    later = NOON + DISABLED_MICROS

    again = after(False, standing=after(False, False, False), now=later)

    assert again.disabled_until == later + DISABLED_MICROS


def test_a_success_after_the_thirty_minutes_gives_three_more() -> None:
    later = NOON + DISABLED_MICROS

    tried = after(True, False, False, standing=after(False, False, False), now=later)

    assert tried == Standing(2, None)


def test_a_failure_meanwhile_does_not_prolong_it() -> None:
    disabled = after(False, False, False)

    assert after(False, standing=disabled, now=NOON + SECOND).disabled_until == disabled.disabled_until


def test_a_success_meanwhile_does_not_shorten_it() -> None:
    disabled = after(False, False, False)

    assert after(True, standing=disabled, now=NOON + SECOND) == Standing(0, disabled.disabled_until)
