"""The supervisor over real processes that do nothing else than write down what happens to them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.system import wait_until

# Writes "NAME start PID", later "NAME stop" when it gets SIGTERM; with "stubborn" it only writes it.
PROGRAM = """
import os, signal, sys, time
name, *words = sys.argv[1:]
def note(text):
    with open("events", "a") as file:
        file.write(f"{name} {text}\\n")
def stop(number, frame):
    note("stop")
    if "stubborn" not in words:
        sys.exit(0)
signal.signal(signal.SIGTERM, stop)
if "parent" in words:
    import subprocess
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    note(f"orphan {child.pid}")
note(f"start {os.getpid()}")
if "broken" in words:
    sys.exit(3)
while True:
    time.sleep(60)
"""

SUPERVISOR = """
import os, sys, pathlib
from server.cli.installation.supervisor import Program, StartFailed, Supervisor
def program(line):
    name, *words = line.split()
    started = lambda: pathlib.Path("events").exists() and f"{name} start" in pathlib.Path("events").read_text()
    return Program(name, [sys.executable, "program.py", name, *words], dict(os.environ),
                   (lambda: False) if "broken" in words else started, 10, 5)
try:
    code = Supervisor([program(line) for line in sys.argv[1:]], lambda line: print(line, flush=True)).run(
        lambda: print("ready", flush=True))
except StartFailed as error:
    print(error, flush=True)
    code = 1
sys.exit(code)
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a supervisor of the programs described, each by its name and words, and wait until all run."""
    (tmp_path / "program.py").write_text(PROGRAM)
    started: list[subprocess.Popen[str]] = []

    def start(*programs: str, until: str = "ready") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, *programs], cwd=tmp_path, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        assert until in process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def events(folder: Path) -> list[str]:
    return (folder / "events").read_text().splitlines()


def pids(folder: Path, name: str, event: str = "start") -> list[int]:
    return [int(line.split()[2]) for line in events(folder) if line.startswith(f"{name} {event}")]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def await_that(fact: Callable[[], bool]) -> None:
    wait_until(fact, timeout=10, what=lambda: "it has not come true")


def test_programs_are_stopped_in_the_opposite_order_and_the_exit_code_is_0(start: Start, tmp_path: Path) -> None:
    process = start("queue", "server", "worker")

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=10) == 0
    assert [line for line in events(tmp_path) if line.endswith("stop")] == ["worker stop", "server stop", "queue stop"]
    assert not any(alive(pid) for name in ("queue", "server", "worker") for pid in pids(tmp_path, name))


def test_a_program_that_dies_is_started_again(start: Start, tmp_path: Path) -> None:
    start("queue", "server")

    os.kill(pids(tmp_path, "server")[0], signal.SIGKILL)

    await_that(lambda: len(pids(tmp_path, "server")) == 2)
    assert len(pids(tmp_path, "queue")) == 1


def test_a_program_that_cannot_start_ends_everything(start: Start, tmp_path: Path) -> None:
    process = start("queue", "server broken", until="server could not start")

    assert process.wait(timeout=10) == 1
    assert len(pids(tmp_path, "server")) == 1
    assert not alive(pids(tmp_path, "queue")[0])


def test_a_second_signal_ends_programs_that_do_not_stop(start: Start, tmp_path: Path) -> None:
    process = start("queue", "server stubborn")
    process.send_signal(signal.SIGINT)
    await_that(lambda: "server stop" in events(tmp_path))

    process.send_signal(signal.SIGINT)

    assert process.wait(timeout=3) == 130
    assert not alive(pids(tmp_path, "server")[0])


def test_what_a_dead_program_leaves_behind_is_ended(start: Start, tmp_path: Path) -> None:
    start("worker parent")
    (orphan,) = pids(tmp_path, "worker", "orphan")

    os.kill(pids(tmp_path, "worker")[0], signal.SIGKILL)

    await_that(lambda: not alive(orphan))


def test_a_stop_leaves_no_process_behind(start: Start, tmp_path: Path) -> None:
    process = start("worker parent")
    (orphan,) = pids(tmp_path, "worker", "orphan")

    process.send_signal(signal.SIGTERM)

    assert process.wait(timeout=10) == 0
    assert not alive(orphan)


def test_programs_end_when_the_supervisor_is_killed(start: Start, tmp_path: Path) -> None:
    process = start("queue", "server")

    process.kill()

    await_that(lambda: not any(alive(pid) for name in ("queue", "server") for pid in pids(tmp_path, name)))
