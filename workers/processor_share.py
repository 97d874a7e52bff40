"""Where the processor is scarce, runs and their browsers stand behind the programs that watch over them.

A server that answers late because five browsers start beside it is no use to anybody. Nothing is taken from a run that
has the machine for itself.

Linux weighs sessions first and processes within a session after that, where it groups them; both are told. Source:
sched(7), "The autogroup feature".
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from workers.runner import linux

# From 0, as everybody, to 19. With 10 a process weighs a tenth of others.
NICENESS: Final = 10


def stand_back() -> None:
    """Stand behind others from now on, with all that this process makes in its session."""
    os.nice(NICENESS)
    _weigh(os.getpid())


def have_sessions_stand_back() -> None:
    """Have those stand behind others that began a session of their own below this process, as a browser does."""
    for pid in linux.descendants(os.getpid()):
        with suppress(ProcessLookupError):
            if os.getsid(pid) == pid:
                _weigh(pid)


def _weigh(leader: int) -> None:
    # There is no such file where nothing is grouped; whoever asks often is told to ask later.
    with suppress(OSError):
        Path(f"/proc/{leader}/autogroup").write_text(str(NICENESS), encoding="ascii")
