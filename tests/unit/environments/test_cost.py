"""What environments cost, by the table of prices."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.environments.costs import cost
from server.environments.costs.cost import Size
from server.environments.costs.prices import PRICES

AZURE = Size("azure", 2, 4, 20)
HOUR = 3600

SIZES = st.builds(Size, st.sampled_from(sorted(PRICES)), st.integers(1, 4), st.integers(1, 16), st.integers(10, 100))
SPANS = st.integers(0, 10 * 365 * 24 * HOUR)


def test_an_hour_that_runs_costs_processor_memory_and_storage() -> None:
    spent = cost.so_far(AZURE, running_seconds=HOUR, seconds=HOUR)

    assert spent.compute == pytest.approx(2 * 0.0405 + 4 * 0.00445)
    assert spent.storage == pytest.approx(20 * 0.06 / 730, abs=1e-6)
    assert spent.total == pytest.approx(spent.compute + spent.storage)


def test_an_hour_that_is_stopped_costs_storage_only() -> None:
    spent = cost.so_far(AZURE, running_seconds=0, seconds=HOUR)

    assert (spent.compute, spent.total) == (0.0, spent.storage)
    assert spent.storage > 0


def test_this_machine_costs_nothing() -> None:
    size = Size("local", 4, 16, 100)

    assert cost.so_far(size, running_seconds=HOUR, seconds=HOUR).total == 0.0
    assert cost.rates(size).running_month == 0.0


@given(SIZES)
def test_rates_are_what_an_hour_costs(size: Size) -> None:
    rates = cost.rates(size)

    assert rates.running_hour == pytest.approx(cost.so_far(size, running_seconds=HOUR, seconds=HOUR).total, abs=2e-6)
    assert rates.stopped_hour == pytest.approx(cost.so_far(size, running_seconds=0, seconds=HOUR).total, abs=2e-6)
    assert rates.running_month == pytest.approx(rates.running_hour * 730, abs=1e-3)


@given(SIZES, SPANS, SPANS)
def test_more_time_never_costs_less(size: Size, one: int, other: int) -> None:
    less, more = sorted((one, other))

    before = cost.so_far(size, running_seconds=less, seconds=more)
    after = cost.so_far(size, running_seconds=more, seconds=more)

    assert 0 <= before.total <= after.total
