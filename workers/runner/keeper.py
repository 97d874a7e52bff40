"""The keeper of one run: sees to it that no process of the run outlives it.

A keeper is forked from the zygote, leads a session and adopts orphans, so that every process a run makes stays below
it in the tree, also a browser that was started in a session of its own. It ends when all of them are gone.
"""

import os
import secrets
import select
import signal
import socket
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from workers.processor_share import stand_back
from workers.runner import linux, own_folder
from workers.runner.messages import KEEPER_NAME, SPARE_NAME, STOP, Ending

# Begins the names of temporary folders of runs.
FOLDER_PREFIX: Final = "switchyard-run-"

# From SIGTERM to SIGKILL. The run itself had its grace before: this is for browsers and drivers to close their files.
TERM_SECONDS: Final = 1.0
# After this many seconds of SIGKILL a process is counted as left (uninterruptible sleep).
KILL_SECONDS: Final = 10.0
# How often the tree is read while processes end.
LOOK_SECONDS: Final = 0.01


def keep(lifeline: socket.socket, run: Callable[[], int], *, not_for_keeper: Sequence[int]) -> NoReturn:
    """Turn this process, freshly forked, into the keeper of a child that calls `run` and exits with its answer.

    `lifeline` is a packet socket to the worker: `STOP` or its end (the worker is gone) end the run. When nothing of the
    run is left the worker is sent an `Ending`, and this process ends. `not_for_keeper` are descriptors that only the
    run holds, so that their other ends see when it is gone.
    """
    _exit_with(lambda: _keep(lifeline, run, not_for_keeper))


def _keep(lifeline: socket.socket, run: Callable[[], int], not_for_keeper: Sequence[int]) -> int:
    linux.set_name(KEEPER_NAME)
    os.setsid()
    linux.adopt_orphans()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    child_ended = _child_signal()
    folder = Path(tempfile.gettempdir(), FOLDER_PREFIX + secrets.token_hex(4))
    lock = own_folder.make(folder)
    keeper = os.getpid()
    run_pid = os.fork()
    if run_pid == 0:
        _exit_with(lambda: _become_run(keeper, lifeline, folder, run))
    for descriptor in not_for_keeper:
        os.close(descriptor)
    ending = _Keeper(lifeline, child_ended, run_pid).watch()
    own_folder.remove(folder, lock)  # not all of it when a process that outlived SIGKILL still writes there
    with suppress(BrokenPipeError, ConnectionResetError):  # the worker is gone; nobody waits for the answer
        lifeline.send(ending.to_bytes())
    return 0


def _become_run(keeper: int, lifeline: socket.socket, folder: Path, run: Callable[[], int]) -> int:
    linux.die_with_parent(keeper)
    linux.set_name(SPARE_NAME)
    stand_back()
    lifeline.close()
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    # Browsers keep a socket below TMPDIR; its path must stay short, so this is not the job folder.
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    return run()


def _exit_with(body: Callable[[], int]) -> NoReturn:
    """End this process with the code that `body` returns, so that no caller's code ever runs in a forked child."""
    code = 1
    try:
        code = body()
    except BaseException:  # noqa: BLE001, also SystemExit: there is nobody above to take it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _child_signal() -> socket.socket:
    """Return a socket that becomes readable each time a child has ended."""
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    return reader


class _Keeper:
    def __init__(self, lifeline: socket.socket, child_ended: socket.socket, run_pid: int) -> None:
        self._lifeline = lifeline
        self._child_ended = child_ended
        self._run_pid = run_pid
        self._exit_code: int | None = None
        self._signals: list[tuple[str, int]] = []

    def watch(self) -> Ending:
        """Wait for the end of the run, or for the word to end it; then end all that is left."""
        poll = select.poll()
        poll.register(self._lifeline, select.POLLIN)
        poll.register(self._child_ended, select.POLLIN)
        order: bytes | None = None
        while self._exit_code is None and order is None:
            for descriptor, _ in poll.poll():
                if descriptor == self._lifeline.fileno():
                    order = self._lifeline.recv(16)
                else:
                    self._child_ended.recv(4096)
                    self._reap()
        left = self._end_all(term_seconds=0.0 if order not in (None, STOP) else TERM_SECONDS)
        return Ending(self._exit_code, tuple(self._signals), left, time.time_ns() // 1000)

    def _end_all(self, *, term_seconds: float) -> int:
        """Send SIGTERM (unless `term_seconds` is 0), then SIGKILL; return how many processes are left."""
        if term_seconds > 0:
            self._end_by(signal.SIGTERM, term_seconds, repeat=False)
        return self._end_by(signal.SIGKILL, KILL_SECONDS, repeat=True)

    def _end_by(self, number: signal.Signals, seconds: float, *, repeat: bool) -> int:
        """Send a signal to all processes below this one and wait for their end; return how many are left.

        `repeat` sends it again at each look, to processes that were forked in between too. Only a tree without children
        is an empty one: a look can miss a process whose parent ends while it reads.
        """
        told: set[int] = set()
        end = time.monotonic() + seconds
        while self._reap():
            living = linux.descendants(os.getpid())
            for pid in living:
                if repeat or pid not in told:
                    self._send(pid, number, first=not told)
                    told.add(pid)
            if time.monotonic() > end:
                return len(living)
            time.sleep(LOOK_SECONDS)
        return 0

    def _send(self, pid: int, number: signal.Signals, *, first: bool) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        if first:
            self._signals.append((number.name, time.time_ns() // 1000))

    def _reap(self) -> bool:
        """Collect every child that has ended, adopted ones too; note the exit code of the run.

        Return whether a child is left. Without one nothing is left below: each orphan became a child.
        """
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return False
            if pid == 0:
                return True
            if pid == self._run_pid:
                self._exit_code = os.waitstatus_to_exitcode(status)
