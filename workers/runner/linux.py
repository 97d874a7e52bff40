"""Two calls of prctl(2) and the process tree of /proc: what Python does not offer."""

import ctypes
import os
import signal
from collections import defaultdict
from pathlib import Path
from typing import Final

# Source: include/uapi/linux/prctl.h
PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36

_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process as soon as the thread that made it ends; exit if `parent` is gone already."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def asked_with_parent(parent: int) -> None:
    """Have the kernel send this process SIGTERM as soon as the thread that made it ends; also if `parent` is gone."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def adopt_orphans() -> None:
    """Become the parent of every process below this one whose own parent ends, instead of init."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def set_name(name: str) -> None:
    """Name this process in what `ps` and /proc show, at most 15 bytes. Forks keep the name, programs they start do not.

    Source: proc_pid_comm(5).
    """
    Path("/proc/self/comm").write_text(name, encoding="utf-8")


def name_of(pid: int) -> str | None:
    """Return the name of a process, None when it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").rstrip("\n")
    except (FileNotFoundError, ProcessLookupError):
        return None


def descendants(pid: int) -> list[int]:
    """Return the living processes below `pid`, parents before children. Zombies are left out.

    One look at a tree that changes: what stands below a process that ends during it may be missing.
    """
    children = _children()
    found: list[int] = []
    queue = [pid]
    while queue:
        below = children.pop(queue.pop(), [])
        found += below
        queue += below
    return found


def children(pid: int) -> list[int]:
    """Return the living children of `pid`. Zombies are left out."""
    return _children()[pid]


def _children() -> defaultdict[int, list[int]]:
    """Return the living children of every process."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent_of_living(entry)) is not None:
            children[parent].append(int(entry.name))
    return children


def _parent_of_living(entry: Path) -> int | None:
    try:
        stat = (entry / "stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # ended since it was listed
        return None
    # proc_pid_stat(5): the name stands in parentheses and may itself hold any; state and parent follow the last one.
    state, parent = stat[stat.rindex(b")") + 2 :].split(maxsplit=2)[:2]
    return None if state in (b"Z", b"X") else int(parent)


def _prctl(option: int, value: int) -> None:
    if _LIBC.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
