"""What happens to runs when a worker, a server or both go away: real processes, really killed."""

import asyncio
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from switchyard.bots.v1 import bot_worker_service_pb2 as bots_pb
from switchyard.tasks.v1 import task_pb2
from tests.integration.workers.board import STATE, ended, until
from tests.integration.workers.conftest import System, is_spare
from workers.runner.messages import SPARE_NAME

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


@pytest.mark.parametrize("zygote_too", [False, True])
async def test_no_process_and_no_folder_of_a_run_outlives_its_killed_keeper(
    system: System, descendants: Descendants, short_folder: Path, zygote_too: bool
) -> None:
    lost = system.add_run(("stubborn", None), ("browse", None), ("log", "begun"), ("hang", 60))
    worker = await system.start_worker(TMPDIR=str(short_folder))
    await until(lambda: "begun" in lost.texts)
    (zygote,) = psutil.Process(worker.pid).children()
    (keeper,) = [child for child in zygote.children() if not is_spare(child)]
    going_on = system.add_run(("log", "begun"), ("wait", 60))
    await system.announce()
    await until(lambda: "begun" in going_on.texts)
    (other,) = [child for child in zygote.children() if child != keeper and not is_spare(child)]
    others = {other, *other.children()}
    below = set(descendants(worker.pid)) - others - {zygote}
    await until(lambda: SPARE_NAME in {process.name() for process in zygote.children(recursive=True)})
    assert any("chrom" in process.name() for process in below)

    if zygote_too:
        zygote.kill()
    keeper.kill()
    await until(lambda: ended(lost))

    assert lost.report is not None
    assert (lost.report.failed.error.type, lost.report.failed.retryable) == ("ProcessLost", True)
    assert not any(is_alive(process) for process in below)
    # That of the run which goes on, and of the process that waits for the next one.
    assert len(list(short_folder.glob("switchyard-run-*"))) == 2
    assert len(others) == 2
    assert all(is_alive(process) for process in others)

    system.board.cancel(going_on)
    await until(lambda: ended(going_on))
    await until(lambda: not any(process.is_running() for process in below | others))


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A temporary folder whose path leaves room for the sockets of browsers."""
    with tempfile.TemporaryDirectory(prefix="sy-") as folder:
        yield Path(folder)


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_a_run_that_was_given_back_is_taken_up_while_its_old_folder_is_still_there(
    system: System, tmp_path: Path
) -> None:
    row = system.add_run(("log", "begun"), ("succeed", 1))
    tmp_path.joinpath("work", f"{row.task.id}-1").mkdir(parents=True)
    row.task.lease.fencing_token = 1

    await system.start_worker()
    await until(lambda: ended(row))

    assert row.task.state == STATE.STATE_SUCCEEDED


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
    assert not any(is_alive(process) for process in before), before


async def test_validations_are_done_while_runs_fill_every_slot(system: System) -> None:
    for _ in range(2):
        system.add_run(("wait", 60))
    row = system.board.add("validate_bot", bots_pb.ValidateBot(), files={"config.yaml": b"bot_code: [\n"})

    await system.start_worker(WORKER_SLOTS="1")
    await until(lambda: ended(row))

    assert row.checks == [("config", False)]
    assert row.lines[-1].level == task_pb2.LogLine.LEVEL_ERROR
    assert sum(other.task.state == STATE.STATE_RUNNING for other in system.board.rows.values()) == 1
