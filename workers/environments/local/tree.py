"""`python -m workers.environments.local.tree PARENT COMMAND...`: runs a command, and ends all it has made with it.

What takes the place of bubblewrap where that cannot be used. It ends with the exit code of the command; SIGTERM, or the
end of the process PARENT that has started it, ends the command first.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Final

from workers.runner import linux

# From SIGTERM to SIGKILL.
TERM_SECONDS: Final = 1.0
KILL_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.02


class _Asked(Exception):
    """It is to end."""


def main() -> int:
    """Run the command of the arguments; return its exit code, 128 and the signal if one has ended it."""
    parent, command = int(sys.argv[1]), sys.argv[2:]
    signal.signal(signal.SIGTERM, _stop)
    linux.adopt_orphans()
    linux.asked_with_parent(parent)
    try:
        child = subprocess.Popen(command)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201 - as a shell would
        return 127
    exit_code = 128 + signal.SIGTERM
    with suppress(_Asked):
        exit_code = _wait(child.pid)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end_descendants()
    return exit_code if exit_code >= 0 else 128 - exit_code


def end_descendants() -> None:
    """End every process below this one, which adopts orphans: SIGTERM, then SIGKILL.

    A look at the tree can miss a process whose parent ends meanwhile; to have no child cannot be mistaken.
    """
    told: set[int] = set()
    begin = time.monotonic()
    while _reap():
        late = time.monotonic() - begin > TERM_SECONDS
        for pid in linux.descendants(os.getpid()):
            if late or pid not in told:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
                told.add(pid)
        if time.monotonic() - begin > KILL_SECONDS:
            return
        time.sleep(LOOK_SECONDS)


def _wait(pid: int) -> int:
    """Return the exit code of a child, negative for a signal, and collect the others that end meanwhile."""
    while True:
        ended, status = os.wait()
        if ended == pid:
            return os.waitstatus_to_exitcode(status)


def _reap() -> bool:
    """Collect the children that have ended; return whether a child is left. Without one nothing is left below."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
        return True
    return False


def _stop(_number: int, _frame: object) -> None:
    raise _Asked


if __name__ == "__main__":
    sys.exit(main())
