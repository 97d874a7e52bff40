"""Keeps a few processes running: starts them in order, restarts one that dies, stops them in the opposite order.

One thread, no event loop: a signal wakes the loop through a pipe, so an idle supervisor costs no processor time, and
it imports little because it stays in memory as long as the system runs.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NoReturn

# Seconds before restart number 1, 2, ...; the last one repeats.
RESTART_SECONDS: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
# A child that lived this long starts again at the head of RESTART_SECONDS.
STEADY_SECONDS: Final = 60.0
# Between two checks of children that are alive, in seconds.
CHECK_SECONDS: Final = 5.0
# Checks in a row that may fail before a living child is ended and started anew.
CHECK_FAILURES: Final = 3

STOP_SIGNALS: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

# What calls itself so is meant to outlive whoever has made it, but not us: holders of environments on this machine.
# Asked to end, they take this long at most with what they hold; then they are killed.
LASTING_NAME: Final = "sy-env"
LASTING_SECONDS: Final = 5.0

# Source: linux/prctl.h.
PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36


class StartFailed(Exception):
    """A process ended, or was not ready in time, when it was started for the first time."""


@dataclass(frozen=True)
class Program:
    """A process to keep running.

    `ready` is asked after each start until it says yes, at most `ready_seconds` long. `healthy` is asked every few
    seconds while it runs. `before_restart` gets the number of restarts in a row, from 1. At a stop, a process that is
    alive `stop_by_seconds` after the stop was asked for is killed; what others do not use of their time is its own.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    ready: Callable[[], bool]
    ready_seconds: float
    stop_by_seconds: float
    healthy: Callable[[], bool] = lambda: True
    before_restart: Callable[[int], object] = lambda _: None


@dataclass
class Child:
    """A program and the process that runs it now, if any. Times are of the monotonic clock."""

    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    restarts: int = 0
    restart_at: float | None = None
    failed_checks: int = 0
    came_up: bool = False


class Stopped(Exception):
    """A signal asked for the end."""


@dataclass
class Supervisor:
    """Runs `programs`. `say` gets one line for each thing an operator wants to know."""

    programs: Sequence[Program]
    say: Callable[[str], None]
    children: list[Child] = field(default_factory=list)
    stop_requests: int = 0

    def run(self, when_ready: Callable[[], None]) -> int:
        """Start all programs, call `when_ready`, keep them running until a stop signal; return the exit code.

        0 after a stop in order, 130 when a second signal cut it short.

        Raises:
            StartFailed: a program did not come up the first time. Those before it have been stopped.
        """
        adopt_orphans()
        with wakeups(stop_signals()) as wakeup:
            try:
                for program in self.programs:
                    self._start_first(program, wakeup)
                when_ready()
                self._keep_running(wakeup)
            except Stopped:
                exit_code = self._stop(wakeup)
            except StartFailed:
                self._stop(wakeup)
                raise
        return exit_code

    def _start_first(self, program: Program, wakeup: int) -> None:
        child = Child(program)
        self.children.append(child)
        self._spawn(child)
        limit = time.monotonic() + program.ready_seconds
        while not program.ready():
            self._wait(wakeup, seconds=0.05)
            if child.process is None:
                raise StartFailed(f"{program.name} could not start; its own message stands above")
            if time.monotonic() > limit:
                raise StartFailed(f"{program.name} was not ready within {program.ready_seconds:.0f} s")
        child.came_up = True

    def _keep_running(self, wakeup: int) -> NoReturn:
        next_check = time.monotonic() + CHECK_SECONDS
        while True:
            due = [child.restart_at for child in self.children if child.restart_at is not None]
            self._wait(wakeup, seconds=max(0.0, min([next_check, *due]) - time.monotonic()))
            now = time.monotonic()
            for child in self.children:
                if child.restart_at is not None and child.restart_at <= now:
                    self._restart(child)
            if now >= next_check:
                self._check()
                next_check = now + CHECK_SECONDS

    def _restart(self, child: Child) -> None:
        child.program.before_restart(child.restarts)
        self._spawn(child)

    def _check(self) -> None:
        for child in self.children:
            if child.process is None or child.program.healthy():
                child.failed_checks = 0
                continue
            child.failed_checks += 1
            if child.failed_checks == CHECK_FAILURES:
                self.say(f"{child.program.name} does not answer; ending it")
                send(child.process.pid, signal.SIGKILL)

    def _spawn(self, child: Child) -> None:
        child.process = subprocess.Popen(
            child.program.command,
            env=child.program.environment,
            stdin=subprocess.DEVNULL,
            process_group=0,  # Ctrl-C reaches only us; we end the others in order
            preexec_fn=end_with_parent(os.getpid()),
        )
        child.started, child.restart_at, child.failed_checks = time.monotonic(), None, 0

    def _wait(self, wakeup: int, *, seconds: float) -> None:
        """Sleep until a signal arrives or `seconds` have passed, then look after dead children.

        Raises:
            Stopped: a stop signal has arrived.
        """
        self._receive(wakeup, seconds=seconds)
        self._reap()
        if self.stop_requests:
            raise Stopped

    def _receive(self, wakeup: int, *, seconds: float) -> None:
        readable, _, _ = select.select([wakeup], [], [], seconds)
        if readable:
            self.stop_requests += sum(number in STOP_SIGNALS for number in os.read(wakeup, 512))

    def _reap(self) -> None:
        for pid, exit_code in dead_children():
            for child in self.children:
                if child.process is not None and child.process.pid == pid:
                    self._bury(child, child.process, exit_code)

    def _bury(self, child: Child, process: subprocess.Popen[bytes], exit_code: int) -> None:
        process.returncode = exit_code  # reaped here, so Popen need not look for it
        child.process = None
        if self.stop_requests:
            return
        # What a dead process left behind has lost its owner: nobody will ever use or stop it.
        kill_orphans(keep={c.process.pid for c in self.children if c.process is not None} | lasting_children())
        now = time.monotonic()
        child.restarts = 1 if now - child.started >= STEADY_SECONDS else child.restarts + 1
        pause = RESTART_SECONDS[min(child.restarts, len(RESTART_SECONDS)) - 1]
        child.restart_at = now + pause
        if child.came_up:
            self.say(f"{child.program.name} ended ({describe_exit(exit_code)}); starting it again in {pause:g} s")

    def _stop(self, wakeup: int) -> int:
        self.stop_requests = max(1, self.stop_requests)
        if all(child.came_up for child in self.children):
            self.say("stopping; a second Ctrl-C ends everything at once")
        asked = time.monotonic()
        for child in reversed(self.children):
            self._stop_child(child, wakeup, limit=asked + child.program.stop_by_seconds)
            # Now they are ours, if that was a worker: they end while the others do.
            for pid in lasting_children():
                send(pid, signal.SIGTERM)
        self._await_lasting(wakeup)
        kill_orphans(keep=frozenset())
        return 0 if self.stop_requests == 1 else 130

    def _await_lasting(self, wakeup: int) -> None:
        limit = time.monotonic() + LASTING_SECONDS
        while lasting_children() and self.stop_requests == 1 and time.monotonic() < limit:
            self._receive(wakeup, seconds=max(0.0, limit - time.monotonic()))
            self._reap()

    def _stop_child(self, child: Child, wakeup: int, *, limit: float) -> None:
        if child.process is None:
            return
        send(child.process.pid, signal.SIGTERM)
        while child.process is not None and self.stop_requests == 1 and time.monotonic() < limit:
            self._receive(wakeup, seconds=max(0.0, limit - time.monotonic()))
            self._reap()
        if child.process is not None:
            send_group(child.process.pid, signal.SIGKILL)
            child.process.wait()
            child.process = None


@contextlib.contextmanager
def wakeups(signals: frozenset[signal.Signals]) -> Iterator[int]:
    """Give a file descriptor from which the numbers of arriving `signals`, and of SIGCHLD, can be read as bytes."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    os.set_blocking(reader, False)
    previous_fd = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    previous = {number: signal.signal(number, ignore) for number in (*signals, signal.SIGCHLD)}
    try:
        yield reader
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(previous_fd)
        os.close(reader)
        os.close(writer)


def stop_signals() -> frozenset[signal.Signals]:
    """Return the signals that end us. A hang-up is not among them under `nohup`, which has it ignored."""
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return STOP_SIGNALS - {signal.SIGHUP}
    return STOP_SIGNALS


def ignore(number: int, frame: object) -> None:
    """Do nothing: the wakeup descriptor has the number already. SIG_IGN would be inherited by children."""


def dead_children() -> Iterator[tuple[int, int]]:
    """Reap every child that has ended; yield its pid and exit code, negative for a signal."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, os.waitstatus_to_exitcode(status)


def describe_exit(exit_code: int) -> str:
    """Say how a process ended: "exit code 1" or "SIGKILL"."""
    return signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"


def send(pid: int, number: signal.Signals) -> None:
    """Signal a process that may have ended in the meantime."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def send_group(pid: int, number: signal.Signals) -> None:
    """Signal the process group that `pid` leads, which may have ended in the meantime."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)


def adopt_orphans() -> None:
    """Become the parent of processes whose own parent dies, so that none outlives us. Only on Linux."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def kill_orphans(*, keep: frozenset[int] | set[int]) -> None:
    """Kill every child but `keep`, and what those leave behind in turn."""
    while orphans := [pid for pid in present_children() if pid not in keep]:
        for pid in orphans:
            send(pid, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)


def lasting_children() -> set[int]:
    """Return the pids of those of our children that outlive what has made them."""
    found = set()
    for pid in present_children():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if Path(f"/proc/{pid}/comm").read_text(errors="replace").rstrip("\n") == LASTING_NAME:
                found.add(pid)
    return found


def present_children() -> list[int]:
    """List the pids of our children; empty where the kernel does not tell."""
    try:
        listing = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(pid) for pid in listing.split()]


def end_with_parent(parent: int) -> Callable[[], None]:
    """Return what a new child calls first so that it is asked to end when `parent`, its parent, dies. Only on Linux."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None

    def arrange() -> None:
        if prctl is None:
            return
        prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return arrange
