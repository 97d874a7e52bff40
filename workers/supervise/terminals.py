"""When somebody last typed into a terminal that came over SSH.

Source: utmp(5) for the records of logins; the access time of a terminal moves on with what is typed into it.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Final

UTMP: Final = Path("/var/run/utmp")
TERMINALS: Final = Path("/dev/pts")

# Type, pid, line, id, user, host, exit status, session, seconds, microseconds, address, unused.
_RECORD: Final = struct.Struct("=hxxi32s4s32s256shhiii4i20x")
_USER_PROCESS: Final = 7


def last_input(*, connected: bool) -> float | None:
    """Return the time of the last input, in seconds since the epoch; None when there is none.

    Where no logins are recorded, every terminal counts while there is a connection.
    """
    folder = TERMINALS.parent
    times = [input_time(folder / line) for line in logged_in(_read(UTMP))]
    if not times and connected:
        times = [input_time(terminal) for terminal in TERMINALS.glob("[0-9]*")]
    return max((time for time in times if time is not None), default=None)


def logged_in(records: bytes) -> Iterator[str]:
    """Yield the terminals ("pts/0") of those who came from elsewhere; what is cut off at the end is left out."""
    whole = len(records) - len(records) % _RECORD.size
    for kind, _pid, line, _id, _user, host, *_rest in _RECORD.iter_unpack(records[:whole]):
        name = line.rstrip(b"\0").decode("ascii", "replace")
        if kind == _USER_PROCESS and host.rstrip(b"\0") and name.startswith("pts/") and name[4:].isdigit():
            yield name


def input_time(terminal: Path) -> float | None:
    """Return when something was last typed into `terminal`; None when it is gone."""
    try:
        return terminal.stat().st_atime
    except OSError:
        return None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # containers seldom have one
        return b""
