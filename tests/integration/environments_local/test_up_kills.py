"""Environments under the supervisor of `switchyard up`: they outlive a worker, and never the supervisor."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from tests.integration.environments_local.conftest import Machine, answers
from tests.integration.workers.board import until
from tests.integration.workers.conftest import ROOT

ENVIRONMENT = "env-under0000001"
SUPERVISOR = """
import os, pathlib, sys
from server.cli.installation.supervisor import Supervisor
from server.cli.installation.up import worker_program
import dataclasses
program = dataclasses.replace(
    worker_program(dict(os.environ)),
    command=[sys.executable, "-m", "tests.integration.environments_local.lone_worker", *sys.argv[1:]],
)
sys.exit(Supervisor([program], lambda line: print(line, flush=True)).run(pathlib.Path(sys.argv[1], "up").touch))
"""

Start = Callable[[], subprocess.Popen[bytes]]


@pytest.fixture
def start(machine: Machine) -> Iterator[Start]:
    """Start the supervisor of one worker with one environment."""
    started: list[subprocess.Popen[bytes]] = []
    for name in ("worker.log", "up"):
        (machine.data_dir / name).unlink(missing_ok=True)

    def start() -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISOR, str(machine.data_dir), ENVIRONMENT],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'generated/python'}"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def workers(machine: Machine) -> list[tuple[int, str]]:
    """The workers so far: pid and address of the environment."""
    try:
        lines = Path(machine.data_dir / "worker.log").read_text().splitlines()
    except FileNotFoundError:
        return []
    return [(int(pid), url) for pid, url in (line.split() for line in lines)]


def is_up(machine: Machine) -> bool:
    return (machine.data_dir / "up").exists() and len(workers(machine)) == 1


async def test_it_outlives_a_killed_worker_and_ends_with_a_stop(start: Start, machine: Machine) -> None:
    supervisor = start()
    await until(lambda: is_up(machine))
    pid, url = workers(machine)[0]
    processes = machine.processes(ENVIRONMENT)

    os.kill(pid, signal.SIGKILL)

    await until(lambda: len(workers(machine)) == 2)
    assert answers(url)
    assert workers(machine)[1][1] == url
    assert machine.processes(ENVIRONMENT) == processes

    supervisor.terminate()

    assert supervisor.wait(timeout=20) == 0
    assert machine.processes(ENVIRONMENT) == []
    assert await machine.standing(ENVIRONMENT) == FoundEnvironment.STANDING_STOPPED
    assert (await machine.log(ENVIRONMENT))[-1] == "switchyard: the environment has ended"


async def test_it_ends_when_the_supervisor_is_killed(start: Start, machine: Machine) -> None:
    supervisor = start()
    await until(lambda: is_up(machine))

    supervisor.kill()
    supervisor.wait()

    await until(lambda: machine.processes(ENVIRONMENT) == [])
    # A process that is ending shows nothing of itself before it is gone.
    async with asyncio.timeout(10):
        while await machine.standing(ENVIRONMENT) != FoundEnvironment.STANDING_STOPPED:
            await asyncio.sleep(0.01)


async def test_it_ends_when_the_supervisor_is_killed_after_its_worker(start: Start, machine: Machine) -> None:
    supervisor = start()
    await until(lambda: is_up(machine))

    os.kill(workers(machine)[0][0], signal.SIGKILL)
    supervisor.kill()
    supervisor.wait()

    await until(lambda: machine.processes(ENVIRONMENT) == [])
