"""Who gets Ctrl-C when `make` stands between the shell and us."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def own_foreground() -> Iterator[None]:
    """Be the terminal's foreground process group for as long as the block runs.

    Ctrl-C at a terminal goes to the whole foreground group. Make, once it has got one, ends with an error even when
    its recipe stops in good order; in a group of our own the signal reaches us alone and make sees our exit code.
    Does nothing without a terminal, in the background, or when we lead the group already.
    """
    if not shares_foreground():
        yield
        return
    terminal, group = sys.stdin.fileno(), os.getpgrp()
    os.setpgid(0, 0)
    # Changing the foreground group from outside it raises SIGTTOU; Ctrl-Z would stop us behind make's back.
    previous = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGTTOU, signal.SIGTSTP)}
    os.tcsetpgrp(terminal, os.getpgrp())
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # the terminal was closed
            os.tcsetpgrp(terminal, group)
        for number, handler in previous.items():
            signal.signal(number, handler)


def shares_foreground() -> bool:
    """Say whether we are in the terminal's foreground group without leading it."""
    if not sys.stdin.isatty() or os.getpgrp() == os.getpid():
        return False
    try:
        return os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except OSError:  # a terminal, but not the one that controls us
        return False
