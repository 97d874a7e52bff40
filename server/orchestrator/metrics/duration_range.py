"""Ranges of durations, and percentiles read from counts. Pure.

Exact percentiles of a million durations would need them in order. Counted by range, it is known which range a
percentile lies in; only the durations inside that one have to be looked at.
"""

from collections.abc import Callable, Iterable, Mapping
from itertools import accumulate
from typing import Final

# Ranges in each doubling of the duration: each is about 3 % wide.
_PER_DOUBLING_BITS: Final = 5


def range_of(duration_ms: int) -> int:
    """Return the number of the range `duration_ms` (at least 0) lies in; longer durations lie in higher ranges."""
    shift = max(0, duration_ms.bit_length() - _PER_DOUBLING_BITS - 1)
    return (shift << _PER_DOUBLING_BITS) + (duration_ms >> shift)


def percentile(fraction: float, by_range: Mapping[int, int], inside: Callable[[int], Mapping[int, int]]) -> float:
    """Return a percentile, interpolated between the two durations next to it; 0 when nothing was counted.

    Args:
        fraction: 0 to 1; 0.5 is the median.
        by_range: how many durations lie in each range.
        inside: returns how many there are of each duration in a range.
    """
    total = sum(by_range.values())
    if not total:
        return 0.0
    place = (total - 1) * fraction
    low = int(place)
    below = _at(low, by_range, inside)
    if place == low:
        return float(below)
    above = _at(low + 1, by_range, inside)
    return below + (above - below) * (place - low)


def _at(index: int, by_range: Mapping[int, int], inside: Callable[[int], Mapping[int, int]]) -> int:
    """Return the duration at `index` (from 0) of all durations in order."""
    number, before = _find(index, sorted(by_range.items()))
    duration, _ = _find(index - before, sorted(inside(number).items()))
    return duration


def _find(index: int, counts: Iterable[tuple[int, int]]) -> tuple[int, int]:
    """Return the key that the thing at `index` is counted under, and how many are counted under smaller keys."""
    pairs = list(counts)
    ends = accumulate(count for _, count in pairs)
    for (key, count), end in zip(pairs, ends, strict=True):
        if index < end:
            return key, end - count
    raise IndexError(index)
