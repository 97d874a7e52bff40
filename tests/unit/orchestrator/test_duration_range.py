"""Ranges of durations, and percentiles that are exact although they are read from counts."""

from collections import Counter
from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.orchestrator.metrics.duration_range import percentile, range_of

milliseconds = st.integers(0, 10_000_000)


def read(fraction: float, durations: list[int]) -> float:
    by_range = Counter(map(range_of, durations))
    return percentile(fraction, by_range, lambda number: Counter(ms for ms in durations if range_of(ms) == number))


@given(milliseconds)
def test_a_longer_duration_never_lies_in_a_lower_range(duration_ms: int) -> None:
    assert range_of(duration_ms) <= range_of(duration_ms + 1) <= range_of(duration_ms) + 1


@given(st.integers(1_000, 10_000_000))
def test_a_range_is_narrow(duration_ms: int) -> None:
    assert range_of(duration_ms + duration_ms // 16 + 1) > range_of(duration_ms)


@given(st.lists(milliseconds, min_size=2))
def test_percentiles_are_those_of_the_durations_themselves(durations: list[int]) -> None:
    cuts = quantiles(durations, n=100, method="inclusive")

    for place in (50, 90, 99):
        assert read(place / 100, durations) == pytest.approx(cuts[place - 1])


def test_a_percentile_of_nothing_is_zero() -> None:
    assert read(0.5, []) == 0.0


def test_a_percentile_of_one_duration_is_that_one() -> None:
    assert read(0.99, [7]) == 7.0
