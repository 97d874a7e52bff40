"""Runs of a real worker process, against a server on a real port and a real Redis."""

import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from switchyard.bots.v1 import bot_worker_service_pb2 as bots_pb
from tests.integration.workers.board import ended, until
from tests.integration.workers.conftest import System, opened

pytestmark = pytest.mark.asyncio(loop_scope="module")

Descendants = Callable[[int], list[psutil.Process]]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def working(tmp_path_factory: pytest.TempPathFactory, redis_socket: Path) -> AsyncIterator[System]:
    """A system with one worker, which all tests of this module share."""
    async with opened(System(tmp_path_factory.mktemp("working"), redis_socket)) as system:
        await system.start_worker(API_KEY="secret", DATABASE_URL="secret")
        yield system


async def test_a_run_ships_its_log_its_files_and_its_result(working: System) -> None:
    row = working.add_run(
        ("log", "first"), ("output", "said"), ("progress", 0.5), ("write", "big.bin"), ("succeed", "done")
    )

    await working.announce()
    await until(lambda: ended(row))

    assert row.report is not None
    result = bots_pb.RunBotResult()
    assert row.report.success.result.Unpack(result)
    assert (result.steps_finished, result.outputs["value"], row.report.exit_code) == (4, "done", 0)
    assert row.texts[0].startswith("Run started on ")
    assert row.texts[1] == "first"
    assert {"said", "SAID"} < set(row.texts)
    assert row.artifacts == {"big.bin": b"x" * 3_000_000}
    assert row.task.progress.fraction == 0.5
    await until(lambda: not any(working.folder.joinpath("work").iterdir()))


async def test_a_failed_run_says_what_the_program_said(working: System) -> None:
    row = working.add_run(("fail", "StepFailed"))

    await working.announce()
    await until(lambda: ended(row))

    assert row.report is not None
    assert (row.report.failed.error.type, row.report.failed.retryable, row.report.exit_code) == ("StepFailed", False, 1)


@pytest.mark.parametrize(
    ("step", "error_type", "retryable", "exit_code"),
    [
        (("die", signal.SIGKILL), "ProcessLost", True, -9),  # as the kernel does when memory runs out
        (("broken", "a fault of ours"), "ProcessFailed", False, 1),
    ],
)
async def test_a_run_process_that_ends_without_a_result_fails_its_run(
    working: System, step: tuple[str, object], error_type: str, retryable: bool, exit_code: int
) -> None:
    row = working.add_run(step)

    await working.announce()
    await until(lambda: ended(row))

    assert row.report is not None
    assert row.report.failed.error.type == error_type
    assert (row.report.failed.retryable, row.report.exit_code) == (retryable, exit_code)


async def test_every_line_arrives_once_and_in_order(working: System) -> None:
    row = working.add_run(("count", 20_000), ("succeed", 1))

    await working.announce()
    await until(lambda: ended(row))

    assert row.texts[1:] == [f"line {number}" for number in range(20_000)]
    assert row.appends < 200  # gathered into batches


async def test_a_file_outside_of_the_job_folder_is_not_kept(working: System) -> None:
    row = working.add_run(("artifact", "../../secret"), ("succeed", 1))
    working.folder.joinpath("secret").write_text("not yours")

    await working.announce()
    await until(lambda: ended(row))

    assert row.artifacts == {}
    assert any("outside of the job folder" in text for text in row.texts)


async def test_a_run_asks_before_it_opens_an_address(working: System) -> None:
    working.board.refused_urls.add("http://10.0.0.1/")
    row = working.add_run(("allow", "http://127.0.0.1/"), ("allow", "http://10.0.0.1/"))

    await working.announce()
    await until(lambda: ended(row))

    assert "allowed http://127.0.0.1/ at 127.0.0.1" in row.texts
    assert any("refused by the test" in text for text in row.texts)


async def test_a_run_sees_no_credential(working: System) -> None:
    row = working.add_run(("environment", None), ("succeed", 1))

    await working.announce()
    await until(lambda: ended(row))

    assert not {"WORKER_TOKEN", "API_KEY", "DATABASE_URL", "REDIS_URL"} & set(row.texts[1].split())
    assert "PATH" in row.texts[1].split()


async def test_a_run_that_obeys_a_cancel_ends_without_signals(working: System) -> None:
    row = working.add_run(("log", "begun"), ("wait", 60))
    await working.announce()
    await until(lambda: "begun" in row.texts)

    working.board.cancel(row)
    working.board.cancel(row)  # asked twice, ended once
    await until(lambda: ended(row))

    assert row.report is not None
    receipt = row.report.cancelled.receipt
    assert [sent.name for sent in receipt.signals] == ["request"]
    assert (receipt.exit_code, receipt.process_count_left) == (2, 0)


async def test_a_run_that_ignores_a_cancel_is_killed_with_all_it_started(
    working: System, descendants: Descendants
) -> None:
    row = working.add_run(("stubborn", None), ("log", "begun"), ("hang", 60))
    await working.announce()
    # Zygote, keeper, run, stubborn, its child.
    await until(lambda: "begun" in row.texts and len(descendants(working.worker.pid)) == 5)
    before = descendants(working.worker.pid)

    began = time.monotonic()
    working.board.cancel(row)
    await until(lambda: ended(row))

    assert row.report is not None
    receipt = row.report.cancelled.receipt
    assert [sent.name for sent in receipt.signals] == ["request", "SIGTERM", "SIGKILL"]
    assert (receipt.exit_code, receipt.process_count_left) == (-15, 0)
    assert time.monotonic() - began > 1.0  # between SIGTERM and SIGKILL
    # The keeper ends right after it has told of the others' end.
    await until(lambda: sum(process.is_running() for process in before) == 1)


async def test_a_cancel_during_the_start_leaves_no_process(working: System, descendants: Descendants) -> None:
    working.board.fetch_seconds = 0.5
    row = working.add_run(("log", "never"), ("succeed", 1))
    await working.announce()
    await until(lambda: len(row.lines) == 1)

    working.board.cancel(row)
    await until(lambda: ended(row))
    working.board.fetch_seconds = 0.0

    assert row.report is not None
    assert row.report.WhichOneof("outcome") == "cancelled"
    assert "never" not in row.texts
    await until(lambda: len(descendants(working.worker.pid)) == 1)


async def test_a_run_that_takes_too_long_ends_as_timeout(working: System) -> None:
    row = working.add_run(("hang", 60), timeout=0.5)

    await working.announce()
    await until(lambda: ended(row))

    assert row.report is not None
    assert (row.report.failed.error.type, row.report.exit_code) == ("Timeout", -15)


async def test_a_lost_lease_kills_the_run_and_drops_it(working: System, descendants: Descendants) -> None:
    row = working.add_run(("stubborn", None), ("log", "begun"), ("hang", 60))
    await working.announce()
    await until(lambda: "begun" in row.texts)

    working.board.take_back(row)
    await until(lambda: len(descendants(working.worker.pid)) == 1)

    assert row.report is None
    assert working.worker.returncode is None


async def test_what_a_run_leaves_in_its_state_folder_is_kept_before_its_end_is_told(working: System) -> None:
    row = working.add_run(("forget", "old"), ("remember", "a/new"), ("die", signal.SIGKILL))
    row.files |= {"state/old": b"old", "state/same": b"same"}

    await working.announce()
    await until(lambda: ended(row))

    assert row.states == [{"a/new": b"remembered", "same": b"same"}]


async def test_a_state_folder_that_did_not_change_is_not_sent(working: System) -> None:
    row = working.add_run(("log", "looked"), ("succeed", 1))
    row.files |= {"state/same": b"same"}

    await working.announce()
    await until(lambda: ended(row))

    assert row.states == []


async def test_a_state_folder_that_cannot_be_kept_does_not_fail_the_run(working: System) -> None:
    row = working.add_run(("remember_by_bytes", "\xff"), ("succeed", 1))

    await working.announce()
    await until(lambda: ended(row))

    assert row.report is not None
    assert row.report.HasField("success")
    assert row.texts[-1].startswith("The files in state/ were not kept: ")
