"""`switchyard up` and `make run`: everything with one command, and all of it gone afterwards."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.end_to_end.system import ROOT, wait_until
from tests.ports import free_port

COMMAND = [sys.executable, "-m", "server.cli.main"]


@dataclass
class Installation:
    """A data folder and ports of its own, and what was started in it."""

    folder: Path
    environment: dict[str, str]

    @property
    def log(self) -> str:
        return (self.folder / "up.log").read_text(errors="replace")

    @property
    def queue_socket(self) -> Path:
        return Path(next(word for line in self.log.splitlines() for word in line.split() if word.endswith(".sock")))

    def up(self) -> subprocess.Popen[bytes]:
        with (self.folder / "up.log").open("wb") as log:
            process = subprocess.Popen(
                [*COMMAND, "up"], cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(lambda: "is running" in self.log or process.poll() is not None, timeout=40, what=lambda: self.log)
        return process

    def switchyard(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words], cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )

    def checks(self) -> dict[str, bool]:
        answer = json.loads(self.switchyard("doctor", "--json").stdout)
        return {check["name"]: check["ok"] for check in answer["checks"]}


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    """An installation that a test starts and stops itself."""
    return new_installation(tmp_path)


def new_installation(folder: Path) -> Installation:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    own = {name: str(free_port()) for name in ("PORT", "GRPC_PORT", "AGENT_PORT")}
    return Installation(folder, {**clean, **own, "DATA_DIR": str(folder / "data")})


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, psutil.Process]]:
    """An installation that runs; tests may kill its parts."""
    installation = new_installation(tmp_path_factory.mktemp("up"))
    process = installation.up()
    assert "is running" in installation.log, installation.log
    yield installation, psutil.Process(process.pid)
    process.terminate()
    process.wait(timeout=35)


def part(process: psutil.Process, words: str) -> psutil.Process | None:
    """The process below `process` whose command line holds `words`."""
    for child in process.children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if words in " ".join(child.cmdline()):
                return child
    return None


Running = tuple[Installation, psutil.Process]


def test_it_says_where_everything_is_and_doctor_finds_no_fault(running: Running) -> None:
    installation, _ = running

    assert f"http://127.0.0.1:{installation.environment['PORT']}/docs" in installation.log
    assert f"127.0.0.1:{installation.environment['GRPC_PORT']}" in installation.log
    assert f"http://127.0.0.1:{installation.environment['AGENT_PORT']}" in installation.log
    assert f"{installation.folder}/data/credentials.env (made just now" in installation.log
    assert set(installation.checks().values()) == {True}


@pytest.mark.parametrize("words", ["valkey-server", "-m server", "-m workers"])
def test_a_part_that_is_killed_comes_back(running: Running, words: str) -> None:
    installation, process = running
    victim = part(process, words)
    assert victim is not None

    victim.kill()

    wait_until(
        lambda: (found := part(process, words)) is not None and found.pid != victim.pid,
        timeout=15,
        what=lambda: installation.log,
    )
    wait_until(lambda: all(installation.checks().values()), timeout=30, what=lambda: installation.log)
    assert "ended (SIGKILL); starting it again" in installation.log


def test_a_stop_leaves_no_process_and_exits_with_0(installation: Installation) -> None:
    process = installation.up()
    parts = psutil.Process(process.pid).children(recursive=True)

    process.terminate()

    assert process.wait(timeout=30) == 0
    assert [part for part in parts if part.is_running() and part.status() != psutil.STATUS_ZOMBIE] == []
    assert list((installation.folder / "data").glob("*.sock")) == []


def test_a_taken_port_is_one_line_and_exit_code_1(running: Running, tmp_path: Path) -> None:
    installation, _ = running
    other = Installation(tmp_path, {**installation.environment, "DATA_DIR": str(tmp_path / "other")})

    done = other.switchyard("up")

    assert done.returncode == 1
    assert f"127.0.0.1:{installation.environment['PORT']} cannot be used" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_data_folder_serves_one_system_at_a_time(running: Running) -> None:
    installation, process = running

    done = installation.switchyard("up")

    assert done.returncode == 1
    assert f"is in use by process {process.pid}" in done.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GRPC_PORT", "many"),
        ("REDIS_URL", "http://x"),
        ("HOST", "a b"),
        ("CHROMIUM_PATH", "/nowhere"),
        ("WORKER_SLOTS", "0"),
    ],
)
def test_a_wrong_variable_is_named_in_one_line(installation: Installation, variable: str, value: str) -> None:
    installation.environment[variable] = value

    done = installation.switchyard("up")

    assert done.returncode == 1
    assert variable in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_server_that_cannot_start_is_not_tried_again(installation: Installation) -> None:
    installation.environment["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/nothing"

    done = installation.switchyard("up")

    assert done.returncode == 1
    assert "server could not start" in done.stderr
    assert "starting it again" not in done.stderr


def test_a_long_data_folder_gets_its_socket_elsewhere(installation: Installation) -> None:
    data = installation.folder / ("long-" * 20)
    installation.environment["DATA_DIR"] = str(data)
    process = installation.up()

    socket_path = installation.queue_socket
    mode = socket_path.parent.stat().st_mode & 0o777
    process.terminate()

    assert process.wait(timeout=30) == 0
    assert mode == 0o700
    assert not socket_path.parent.exists()


def test_ctrl_c_at_make_run_ends_with_0(installation: Installation) -> None:
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(ROOT)
        os.execvpe("make", ["make", "run"], installation.environment)
    output = b""
    while b"is running" not in output:
        output += os.read(terminal, 4096)

    os.write(terminal, b"\x03")

    with contextlib.suppress(OSError):  # Linux's way to say that the terminal is closed
        while piece := os.read(terminal, 4096):
            output += piece
    _, status = os.waitpid(process, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 0, output.decode(errors="replace")


def test_sigterm_at_make_run_leaves_no_process(installation: Installation) -> None:
    with (installation.folder / "up.log").open("wb") as log:
        make = subprocess.Popen(
            ["make", "run"],
            cwd=ROOT,
            env=installation.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    wait_until(lambda: "is running" in installation.log, timeout=40, what=lambda: installation.log)
    parts = psutil.Process(make.pid).children(recursive=True)

    make.send_signal(signal.SIGTERM)

    make.wait(timeout=30)
    assert [part for part in parts if part.is_running() and part.status() != psutil.STATUS_ZOMBIE] == []
