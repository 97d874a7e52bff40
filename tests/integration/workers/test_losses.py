"""What happens to runs when a worker, a server or both go away: real processes, really killed."""

import asyncio
import signal
from collections.abc import Callable

import psutil
import pytest

from switchyard.bots.v1 import bot_worker_service_pb2 as bots_pb
from switchyard.tasks.v1 import task_pb2
from tests.integration.workers.board import STATE, ended, until
from tests.integration.workers.conftest import System

Descendants = Callable[[int], list[psutil.Process]]


async def test_a_log_is_whole_when_the_server_went_away_and_came_back(system: System) -> None:
    row = system.add_run(("tick", 100), ("succeed", 1))
    await system.start_worker()
    await until(lambda: len(row.lines) > 10)

    await system.close_server()
    lines_before = len(row.lines)
    await asyncio.sleep(1.0)
    await system.open_server()
    await until(lambda: ended(row))

    assert lines_before < 100
    assert row.texts[1:] == [f"tick {number}" for number in range(100)]
    assert row.task.state == STATE.STATE_SUCCEEDED


async def test_a_run_that_ends_while_the_server_is_away_is_reported_when_it_is_back(system: System) -> None:
    row = system.add_run(("tick", 20), ("write", "file"), ("succeed", 1))
    await system.start_worker()
    await until(lambda: len(row.lines) > 2)

    await system.close_server()
    await asyncio.sleep(1.5)
    await system.open_server()
    await until(lambda: ended(row))

    assert row.texts[1:] == [f"tick {number}" for number in range(20)]
    assert set(row.artifacts) == {"file"}


@pytest.mark.parametrize("zygote_too", [False, True])
async def test_no_process_of_a_run_outlives_a_killed_worker(
    system: System, descendants: Descendants, zygote_too: bool
) -> None:
    stubborn = system.add_run(("stubborn", None), ("log", "begun"), ("hang", 60))
    browsing = system.add_run(("browse", None), ("log", "begun"), ("hang", 60))
    worker = await system.start_worker()
    await until(lambda: "begun" in stubborn.texts and "begun" in browsing.texts)
    before = descendants(worker.pid)
    assert any("chrom" in process.name() for process in before)

    if zygote_too:
        psutil.Process(worker.pid).children()[0].kill()
    worker.kill()
    await worker.wait()
    await until(lambda: not any(process.is_running() for process in before), seconds=5)


async def test_what_a_killed_worker_left_is_removed_by_the_next(system: System) -> None:
    row = system.add_run(("log", "begun"), ("hang", 60))
    worker = await system.start_worker()
    await until(lambda: "begun" in row.texts)
    worker.kill()
    await worker.wait()
    assert list(system.folder.joinpath("work").iterdir())

    await system.start_worker()
    await until(lambda: not list(system.folder.joinpath("work").iterdir()))


async def test_a_worker_that_stops_gives_its_runs_back(system: System, descendants: Descendants) -> None:
    row = system.add_run(("log", "begun"), ("wait", 60))
    worker = await system.start_worker()
    await until(lambda: "begun" in row.texts)
    before = descendants(worker.pid)

    worker.send_signal(signal.SIGTERM)

    assert await worker.wait() == 0
    assert (row.releases, row.report) == (1, None)
    assert not any(process.is_running() for process in before)


async def test_validations_are_done_while_runs_fill_every_slot(system: System) -> None:
    for _ in range(2):
        system.add_run(("wait", 60))
    row = system.board.add("validate_bot", bots_pb.ValidateBot(), files={"config.yaml": b"bot_code: [\n"})

    await system.start_worker(WORKER_SLOTS="1")
    await until(lambda: ended(row))

    assert row.checks == [("config", False)]
    assert row.lines[-1].level == task_pb2.LogLine.LEVEL_ERROR
    assert sum(other.task.state == STATE.STATE_RUNNING for other in system.board.rows.values()) == 1
