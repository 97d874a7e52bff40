"""Rates of several servers, measured in turn, round by round."""

from collections.abc import Mapping, Sequence

from benchmarks.result import percentile


class Rounds:
    """Requests per second by server, one mapping for each round.

    What else the machine does changes over seconds and holds all servers of a round alike. So two servers are compared
    within each round, and the median of these ratios counts.
    """

    def __init__(self, rounds: Sequence[Mapping[str, float]]) -> None:
        self._rounds = rounds

    def ratio(self, ours: str, theirs: str) -> float:
        """How many times the requests of `theirs` we answer."""
        return percentile([each[ours] / each[theirs] for each in self._rounds], 0.5)

    def rates(self, ours: str, theirs: str) -> str:
        """The median rates of both, in words."""
        one, other = (percentile([each[name] for each in self._rounds], 0.5) for name in (ours, theirs))
        return f"{one:,.0f}/s against {other:,.0f}/s"
