"""Runs a program so that nothing of it outlives it, and so that it sees no more than it should.

By bubblewrap where that works: a read-only system, no folder of ours but its own, processes and /tmp of its own.
Elsewhere by `tree.py`, which only sees to the end of everything: the program can then read whatever its user can.
Both are command lines that run another one and end with its exit code.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workers.environments.local.folder import Folder

_PROBE_SECONDS: Final = 10.0
# Empty inside: places for what is running outside, and for what others have left.
_EMPTIED: Final = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/home", "/root")  # noqa: S108 - replaced, not used
# Secrets of the machine that a root without capabilities could still read as their owner.
_MASKED: Final = ("/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-")
# Settings of the machine's kernel: they belong to root, and a root without capabilities may still write them.
_FIXED: Final = ("/proc/sys", "/proc/irq", "/proc/bus", "/proc/sysrq-trigger")
_RESOLVER: Final = "/etc/resolv.conf"

# Name of bubblewrap's processes in /proc.
BUBBLEWRAP_NAME: Final = "bwrap"


@dataclass(frozen=True, slots=True)
class Enclosure:
    """How the programs of one environment are run. `bubblewrap` is its path, None: it cannot be used."""

    folder: Folder
    hidden: Sequence[str]
    shown: Sequence[str]
    bubblewrap: str | None

    def around(self, command: Sequence[str]) -> list[str]:
        """Return the command line that runs `command` in the workspace."""
        if self.bubblewrap is None:
            return [sys.executable, "-P", "-m", "workers.environments.local.tree", str(os.getpid()), *command]
        return [self.bubblewrap, *self._view(), "--chdir", str(self.folder.workspace), "--", *command]

    def runtime_dir(self) -> str:
        """Return a folder in memory for what programs keep while they run. Editors put their token there."""
        if self.bubblewrap is not None:
            return "/tmp/.runtime"  # noqa: S108 - inside, where nobody else is
        memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - the folder made there is ours alone
        return tempfile.mkdtemp(prefix="switchyard-env-", dir=memory)

    def _view(self) -> Iterator[str]:
        """Yield the arguments that say what is seen; later ones lie on top of earlier ones."""
        yield from ("--unshare-pid", "--unshare-ipc", "--unshare-uts", "--hostname", self.folder.environment_id)
        # Without the last a root inside could take the mounts away again.
        yield from ("--die-with-parent", "--new-session", "--cap-drop", "ALL")
        yield from ("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc")
        for path in _real(_FIXED):
            yield from ("--ro-bind", path, path)
        emptied = [path for path in _real({*_EMPTIED, os.path.expanduser("~")}) if path != "/"]  # noqa: PTH111 - never fails
        for path in emptied:
            yield from ("--tmpfs", path)
        for path in _real({*self.shown, os.path.realpath(_RESOLVER)}):
            if any(Path(path).is_relative_to(above) for above in emptied) and path not in emptied:
                yield from ("--ro-bind", path, path)
        for path in _real(self.hidden):
            yield from ("--tmpfs", path)
        for path in _real(_MASKED):
            yield from ("--ro-bind", "/dev/null", path)
        for own in (self.folder.workspace, self.folder.home):
            yield from ("--bind", str(own), str(own))


def enclosure_of(folder: Folder, hidden: Sequence[str], shown: Sequence[str]) -> Enclosure:
    """Return how programs are run here: with bubblewrap if it is there and works, for namespaces may be forbidden."""
    path = shutil.which(BUBBLEWRAP_NAME)
    if path is not None:
        isolated = Enclosure(folder, hidden, shown, path)
        try:
            probe = isolated.around(["true"])
            if subprocess.run(probe, capture_output=True, timeout=_PROBE_SECONDS, check=False).returncode == 0:
                return isolated
        except (OSError, subprocess.TimeoutExpired):
            pass  # as good as none
    return Enclosure(folder, hidden, shown, None)


def _real(paths: Iterable[str]) -> list[str]:
    """Return those that are there, links resolved, parents before what is below them."""
    return sorted({os.path.realpath(path) for path in paths if os.path.exists(path)})  # noqa: PTH110 - never fails
