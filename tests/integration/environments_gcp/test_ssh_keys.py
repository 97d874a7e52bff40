"""The item `ssh-keys` of a machine's metadata."""

from datetime import UTC, datetime, timedelta

import pytest

from workers.environments.gcp.ssh_keys import with_key

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
KEY = "ssh-ed25519 AAAAmine"


def line(key: str, end: str) -> str:
    return f'switchyard:{key} google-ssh {{"userName":"switchyard","expireOn":"{end}"}}'


def test_a_key_is_good_for_an_hour() -> None:
    assert with_key("", KEY, now=NOON) == line(KEY, "2030-01-01T13:00:00+0000")


@pytest.mark.parametrize(
    "other",
    [
        "ann:ssh-rsa AAAAanns ann@example.com",
        "switchyard:ssh-rsa AAAA by hand",
        # Those of others are their own business, also when their time is over.
        'ann:ssh-rsa AAAAanns google-ssh {"userName":"ann@example.com","expireOn":"2020-01-01T00:00:00+0000"}',
        # Of another worker.
        line("ssh-ed25519 AAAAother", "2030-01-01T12:00:01+0000"),
    ],
)
def test_keys_of_others_stay(other: str) -> None:
    assert with_key(other, KEY, now=NOON) == f"{other}\n{line(KEY, '2030-01-01T13:00:00+0000')}"


def test_a_key_of_a_worker_goes_when_its_time_is_over() -> None:
    other = line("ssh-ed25519 AAAAother", "2030-01-01T12:00:00+0000")

    assert with_key(other, KEY, now=NOON) == line(KEY, "2030-01-01T13:00:00+0000")


def test_a_key_is_renewed_shortly_before_its_time_is_over() -> None:
    first = with_key("", KEY, now=NOON)
    assert first is not None

    assert with_key(first, KEY, now=NOON + timedelta(minutes=49)) is None
    assert with_key(first, KEY, now=NOON + timedelta(minutes=51)) == line(KEY, "2030-01-01T13:51:00+0000")
