"""What environments cost, by the table of prices. Pure."""

from dataclasses import dataclass
from typing import Final

from server.environments.costs.prices import HOURS_OF_MONTH, PRICE_DATE, PRICES
from switchyard.environments.v1.cost_service_pb2 import Rates

HOUR_SECONDS: Final = 3600
# Digits behind the point: a millionth of a dollar.
DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Size:
    """What is paid for: whose prices, cores, GB of memory, GB of storage."""

    provider: str
    cpu_cores: int
    memory_gb: int
    storage_gb: int


@dataclass(frozen=True, slots=True)
class Cost:
    """US dollars so far; `total` is the sum of the shown parts."""

    compute: float
    storage: float

    @property
    def total(self) -> float:
        """Return both together."""
        return round(self.compute + self.storage, DIGITS)


def so_far(size: Size, *, running_seconds: int, seconds: int) -> Cost:
    """Return what an environment has cost that ran for `running_seconds` of the `seconds` since it was made."""
    compute = _compute_hour(size) * running_seconds / HOUR_SECONDS
    storage = _storage_hour(size) * seconds / HOUR_SECONDS
    return Cost(round(compute, DIGITS), round(storage, DIGITS))


def rates(size: Size) -> Rates:
    """Return what an environment costs while it runs, and while it does not."""
    running = _compute_hour(size) + _storage_hour(size)
    return Rates(
        running_hour=round(running, DIGITS),
        stopped_hour=round(_storage_hour(size), DIGITS),
        running_month=round(running * HOURS_OF_MONTH, DIGITS),
        price_date=PRICE_DATE,
    )


def _compute_hour(size: Size) -> float:
    prices = PRICES[size.provider]
    return size.cpu_cores * prices.core_hour + size.memory_gb * prices.memory_gb_hour


def _storage_hour(size: Size) -> float:
    return size.storage_gb * PRICES[size.provider].storage_gb_month / HOURS_OF_MONTH
