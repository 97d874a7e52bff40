"""How many connections a port has, as the kernel's tables tell.

Source: proc(5), /proc/net/tcp: local address and port, remote address and port, state, all in hexadecimal.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

TABLES: Final = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
# Source: include/net/tcp_states.h.
_ESTABLISHED: Final = "01"


def count(port: int) -> int:
    """Return how many established connections have `port` at this end; none for port 0."""
    return sum(established(lines, port) for lines in map(_lines, TABLES)) if port else 0


def established(lines: Iterable[str], port: int) -> int:
    """Return how many of these rows are established connections with `port` at this end."""
    ours = f":{port:04X}"
    return sum(local.endswith(ours) and state == _ESTABLISHED for local, state in map(_row, lines))


def _row(line: str) -> tuple[str, str]:
    words = line.split(None, 4)
    return (words[1], words[3]) if len(words) > 3 else ("", "")


def _lines(table: Path) -> list[str]:
    try:
        return table.read_text("ascii").splitlines()
    except OSError:  # a kernel without IPv6, or no Linux
        return []
