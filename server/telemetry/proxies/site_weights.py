"""What sessions at a site weigh: half as much with every six hours that pass. Pure; times are micros."""

from dataclasses import dataclass
from typing import Final, Self

from server.clock import SECOND

HALF_LIFE_MICROS: Final = 6 * 3600 * SECOND
# After so long not even ten thousand sessions weigh a hundredth of one.
FORGOTTEN_MICROS: Final = 20 * HALF_LIFE_MICROS


@dataclass(frozen=True, slots=True)
class Weights:
    """Sessions that ended, each with the weight it had at `time`."""

    successes: float
    failures: float
    time: int

    @property
    def sessions(self) -> float:
        """All of them."""
        return self.successes + self.failures

    @property
    def rate(self) -> float:
        """Successes of all, 0 to 1; 0 when there are none."""
        return self.successes / self.sessions if self.sessions else 0.0

    def at(self, now: int) -> Self:
        """Return what is left of the weights at `now`; before `time` it is the weights themselves."""
        if now <= self.time:
            return self
        left = 0.5 ** ((now - self.time) / HALF_LIFE_MICROS)
        return type(self)(self.successes * left, self.failures * left, now)

    def plus(self, other: "Weights") -> "Weights":
        """Return both together, at the later of their times. The order in which sessions are added does not matter."""
        mine, theirs = self.at(other.time), other.at(self.time)
        return Weights(mine.successes + theirs.successes, mine.failures + theirs.failures, mine.time)

    def minus(self, part: "Weights") -> "Weights":
        """Return these without `part` of them, at the later of their times."""
        mine, less = self.at(part.time), part.at(self.time)
        # A sum and its parts differ in the last digits.
        return Weights(max(0.0, mine.successes - less.successes), max(0.0, mine.failures - less.failures), mine.time)


def of_session(*, success: bool, now: int) -> Weights:
    """Return the weight of one session that ends at `now`."""
    return Weights(float(success), float(not success), now)
