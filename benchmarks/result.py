"""One row of the table."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What was asked, what was found, and whether it is enough."""

    what: str
    target: str
    found: str
    met: bool

    def as_markdown(self) -> str:
        """The row as a line of a Markdown table."""
        return f"| {self.what} | {self.target} | {self.found} | {'yes' if self.met else '**no**'} |"


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` (0 to 1) of `values` lie, interpolated."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
