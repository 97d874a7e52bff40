"""What is seen in the environment at one moment, and how a report says it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from workers.supervise import connections, editor, files, terminals
from workers.supervise.settings import Settings


@dataclass(frozen=True, slots=True)
class Connections:
    """How many there are at one moment."""

    ide: int
    ssh: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known at `time`. Times are aware; None is never."""

    time: datetime
    connections: Connections
    last_ide: datetime | None
    last_ssh: datetime | None


class Observer:
    """Looks at the environment. What was once seen stays known, as terminals and connections go away."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._last_ide: datetime | None = None
        self._last_ssh: datetime | None = None

    def connections(self) -> Connections:
        """Return how many there are now; cheap."""
        return Connections(connections.count(self._settings.ide_port), connections.count(self._settings.ssh_port))

    def look(self, seen: Connections) -> Snapshot:
        """Return all that can be told now. `seen`: counted before, so that our own connections are not among them."""
        now = datetime.now(UTC)
        self._last_ide = newest(self._last_ide, self._ide_use(seen, now), now=now)
        self._last_ssh = newest(self._last_ssh, self._ssh_input(seen), now=now)
        return Snapshot(now, seen, self._last_ide, self._last_ssh)

    def _ide_use(self, seen: Connections, now: datetime) -> datetime | None:
        settings = self._settings
        told = editor.last_use(settings.ide_port, settings.ide_token) if settings.ide_port else None
        if told is not None:
            return told
        return now if seen.ide else moment(files.newest_change(settings.workspace, now=now.timestamp()))

    def _ssh_input(self, seen: Connections) -> datetime | None:
        return moment(terminals.last_input(connected=seen.ssh > 0)) if self._settings.ssh_port else None


def newest(known: datetime | None, found: datetime | None, *, now: datetime) -> datetime | None:
    """Return the later one of two times; one that is still to come counts as `now`."""
    times = [time for time in (known, found) if time is not None]
    return min(max(times), now) if times else None


def moment(seconds: float | None) -> datetime | None:
    """Return seconds since the epoch as a time."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def as_report(snapshot: Snapshot) -> dict[str, Any]:
    """Return the body of a report. What never happened is left out."""
    times = {"lastIDEActivity": snapshot.last_ide, "lastSSHActivity": snapshot.last_ssh}
    return {
        "snapshot": {
            **{name: time_text(time) for name, time in times.items() if time is not None},
            "activeIDEConnections": snapshot.connections.ide,
            "activeSSHConnections": snapshot.connections.ssh,
        },
        "timestamp": time_text(snapshot.time),
    }


def time_text(time: datetime) -> str:
    """Return a time as 2025-10-24T11:00:00.000Z (RFC 3339)."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
