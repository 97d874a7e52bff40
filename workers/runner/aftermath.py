"""What a run leaves behind when its keeper is killed: processes, which fall to the worker, and a temporary folder.

The worker adopts orphans, so the processes of a lost keeper become its children. Its other children are the zygote,
when a zygote was lost the keepers that one had made, which go on, and the holders of environments on this machine.
"""

import asyncio
import os
import signal
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from workers.runner import linux, own_folder
from workers.runner.keeper import FOLDER_PREFIX, KILL_SECONDS, LOOK_SECONDS
from workers.runner.messages import HOLDER_NAME, KEEPER_NAME, ZYGOTE_NAME

# The end of a keeper is heard when its sockets are closed, which the kernel does shortly before it hands on the
# children; on a busy machine the keeper may be off the processor in between.
HAND_ON_SECONDS: Final = 0.25

# Children that no keeper has left behind. A process without a name has ended.
_OTHERS: Final = (None, KEEPER_NAME, ZYGOTE_NAME, HOLDER_NAME)


async def end_orphans(zygote_pid: Callable[[], int | None]) -> int:
    """Kill what a lost keeper left; return how many processes outlived that for `KILL_SECONDS`."""
    loop = asyncio.get_running_loop()
    begin = loop.time()
    while True:
        orphans = find_orphans(zygote_pid())
        for pid in orphans:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        seconds = loop.time() - begin
        if seconds > KILL_SECONDS or (not orphans and seconds > HAND_ON_SECONDS):
            return len(orphans)
        await asyncio.sleep(LOOK_SECONDS)


def find_orphans(zygote_pid: int | None) -> list[int]:
    """Return the living processes below this one that neither are nor belong to the zygote, a keeper or a holder."""
    found: list[int] = []
    for pid in linux.children(os.getpid()):
        # A keeper has the zygote's name until it has set its own.
        if pid != zygote_pid and linux.name_of(pid) not in _OTHERS:
            found += (pid, *linux.descendants(pid))
    return found


def ended_child() -> int | None:
    """Return a child of this process that has ended and is not collected yet, None when there is none."""
    try:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # there are no children at all
        return None
    return None if ended is None else ended.si_pid


def remove_folders() -> list[Path]:
    """Remove the temporary folders of runs of which neither keeper nor run process is left; return them."""
    return own_folder.remove_abandoned(Path(tempfile.gettempdir()), f"{FOLDER_PREFIX}*")
