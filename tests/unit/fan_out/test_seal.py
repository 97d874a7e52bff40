"""What crosses between servers is read by them alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.fan_out.seal import KNOWN_NAMES, NotSealed, Seal

KEY = b"k" * 32


@given(st.lists(st.binary(max_size=100), max_size=4))
def test_another_process_with_the_key_reads_what_was_sealed(texts: list[bytes]) -> None:
    one, other = Seal(KEY), Seal(KEY)

    assert [other.open(one.close(text)) for text in texts] == texts


def test_a_process_knows_its_own_messages() -> None:
    one, other = Seal(KEY), Seal(KEY)
    sealed = one.close(b"a secret")

    assert (one.ours(sealed), other.ours(sealed)) == (True, False)
    assert b"secret" not in sealed


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_whatever_was_changed_on_the_way_is_not_opened(place: int, by: int) -> None:
    sealed = bytearray(Seal(KEY).close(b"text"))
    sealed[place % len(sealed)] ^= by

    with pytest.raises(NotSealed):
        Seal(KEY).open(bytes(sealed))


@pytest.mark.parametrize(
    "sealed",
    [b"", b"short", Seal(b"o" * 32).close(b"of another installation")],
    ids=["nothing", "too short", "another installation"],
)
def test_what_was_not_sealed_with_the_key_is_not_opened(sealed: bytes) -> None:
    with pytest.raises(NotSealed):
        Seal(KEY).open(sealed)


def test_what_has_come_before_is_not_opened_again() -> None:
    one, other = Seal(KEY), Seal(KEY)
    first, second = one.close(b"1"), one.close(b"2")
    other.open(second)

    for sealed in (first, second):
        with pytest.raises(NotSealed):
            other.open(sealed)
    assert other.open(one.close(b"3")) == b"3"


def test_of_many_processes_the_newest_are_remembered() -> None:
    other = Seal(KEY)
    for _ in range(2 * KNOWN_NAMES):
        other.open(Seal(KEY).close(b""))

    assert len(other._others) == KNOWN_NAMES
