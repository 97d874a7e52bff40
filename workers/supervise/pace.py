"""When the next report is due. Pure: times are seconds of the monotonic clock."""

from typing import Final

from workers.supervise.snapshot import Connections

_FIRST_PAUSE_SECONDS: Final = 1.0
# A server that asks for more is asked again all the same.
_LONGEST_PAUSE_SECONDS: Final = 3_600.0


class Pace:
    """A report each `report_seconds`, and at once when connections come or go.

    After one that did not arrive the next one waits: 1 s, then twice as long each time, up to `report_seconds`, or as
    long as the server asked for. Meanwhile nothing is at once.
    """

    def __init__(self, report_seconds: float) -> None:
        self._report_seconds = report_seconds
        self._reported: Connections | None = None
        self._due = 0.0
        self._pause = 0.0

    def due(self, now: float, seen: Connections) -> bool:
        """Say whether a report has to be made of `seen`."""
        changed = self._reported is not None and seen != self._reported and not self._pause
        return changed or now >= self._due

    def delivered(self, now: float, seen: Connections) -> None:
        """Take that a report with `seen` has arrived."""
        self._reported, self._pause = seen, 0.0
        self._due = now + self._report_seconds

    def failed(self, now: float, *, retry_seconds: float | None = None) -> None:
        """Take that a report has not arrived; `retry_seconds` is what the server asked for."""
        self._pause = min(max(_FIRST_PAUSE_SECONDS, 2 * self._pause), self._report_seconds)
        self._due = now + min(self._pause if retry_seconds is None else retry_seconds, _LONGEST_PAUSE_SECONDS)
