"""Processes by name, by tree and by what they use, from /proc. A pid alone says little: it is given anew."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Process:
    """One process; `start` is when it was started, in ticks since boot."""

    pid: int
    start: int

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """Return the living process that has this pid now, None when there is none."""
        start = _start_of_living(pid)
        return None if start is None else cls(pid, start)

    @property
    def alive(self) -> bool:
        """Whether it lives. A zombie does not."""
        return _start_of_living(self.pid) == self.start

    def send(self, number: signal.Signals) -> None:
        """Signal this process and no other; one that has ended gets nothing."""
        try:
            descriptor = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return
        try:
            if self.alive:
                signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            return
        finally:
            os.close(descriptor)


def marked(variable: str, value: str) -> Iterator[Process]:
    """Yield the living processes of ours that were started with this variable."""
    wanted = f"{variable}={value}".encode()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:  # ended since it was listed, or somebody else's
            continue
        if wanted in environment.split(b"\0") and (process := Process.of(int(entry.name))) is not None:
            yield process


def memory_bytes(pids: Iterable[int]) -> dict[int, int]:
    """Return what each of the processes has in memory, shared pages counted whole: quick, and never too little."""
    used: dict[int, int] = {}
    for pid in pids:
        with suppress(OSError):
            used[pid] = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    return used


def own_memory_bytes(pids: Iterable[int]) -> dict[int, int]:
    """Return what each of the processes has in memory, with its share of what it shares (proc_pid_smaps(5), Pss)."""
    used: dict[int, int] = {}
    for pid in pids:
        with suppress(OSError, StopIteration):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            used[pid] = next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Pss:"))
    return used


def _start_of_living(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # proc_pid_stat(5): the name stands in parentheses and may itself hold any; the state is field 3, the start 22.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else int(fields[19])
