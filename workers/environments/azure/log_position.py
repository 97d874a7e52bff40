"""Where somebody is who follows a log that can only be asked for its last lines. Pure."""

from collections.abc import Sequence


class LogPosition:
    """Tells which lines are new, from lines that begin with the time at which they were printed.

    Azure tells the last lines, at most 4 MB of them, of the process that runs now. Told apart are lines with different
    times or texts, so none is lost or repeated as long as all that was printed between two looks fits into one answer.
    When more was printed, or a process of the container was followed by another before its last lines were seen, those
    are gone. Source: https://learn.microsoft.com/rest/api/container-instances/containers/list-logs
    """

    def __init__(self, seen: Sequence[str] = ()) -> None:
        self._seen = list(seen)

    def is_in(self, stamped: Sequence[str]) -> bool:
        """Return whether `stamped` reaches back to the last line that was seen, so that nothing can be missing."""
        return not self._seen or self._seen[-1] in stamped

    def new_lines(self, stamped: Sequence[str]) -> Sequence[str]:
        """Return those of `stamped`, the newest lines, oldest first, that are new; they count as seen then."""
        new = stamped[self._known(stamped) :]
        if stamped:
            self._seen = list(stamped)
        return new

    def _known(self, stamped: Sequence[str]) -> int:
        """Return how many of `stamped`, from its beginning, are up to the last line that was seen."""
        for end in range(len(stamped), 0, -1):
            both = min(end, len(self._seen))
            if both and stamped[end - 1] == self._seen[-1] and list(stamped[end - both : end]) == self._seen[-both:]:
                return end
        # The answers do not meet: what is older than the last line was seen, or is lost.
        last = _time_of(self._seen[-1]) if self._seen else ""
        return sum(1 for line in stamped if last and _time_of(line) <= last)


def text_of(stamped: str) -> str:
    """Return what was printed, without the time at which it was."""
    return stamped.partition(" ")[2].removesuffix("\r")


def _time_of(stamped: str) -> str:
    # RFC 3339 with nine digits in UTC sorts as text.
    return stamped.partition(" ")[0]
