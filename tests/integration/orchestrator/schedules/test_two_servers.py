"""Two servers over one database, as real processes that are killed at any moment: each fire time fires once."""

import asyncio
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from server.clock import now_micros
from server.database.database import open_database
from server.orchestrator import services
from server.orchestrator.schedules.schedule_row import ScheduleRow
from server.orchestrator.schedules.scheduler import Scheduler
from server.tasks.kernel import Kernel
from switchyard.orchestrator.v1.schedule_pb2 import Occurrence, Schedule
from tests.integration.database.databases import database_url
from tests.integration.orchestrator.schedules.fast_server import FastClock
from tests.integration.orchestrator.schedules.parts import MINUTE, Bench, at, insert_workflow
from tests.integration.orchestrator.serving import TurnableClock
from tests.integration.tasks.parts import NoteQueue

ROOT = Path(__file__).parents[4]
PATHS = f"{ROOT}:{ROOT / 'generated' / 'python'}"
SCHEDULES = 20
KILLS = 6
# Longest life of a server that fires, and how long one may take to begin, in seconds.
LIFE = 0.6
PATIENCE = 60.0


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
async def test_each_fire_time_fires_once_with_two_servers_that_are_killed_at_any_moment(
    dialect: str, tmp_path: Path
) -> None:
    url = database_url(dialect, tmp_path)
    database = await open_database(url)
    await database.write(insert_workflow)
    origin, begin = now_micros(), at("2026-03-29 00:00")
    clock = TurnableClock(stopped_at=begin)
    kernel = Kernel(database, NoteQueue(), clock, services.FINAL_HOOKS)
    bench = Bench(database, kernel, clock, Scheduler(database, kernel, clock))
    policies = {"catch_up": Schedule.CATCH_UP_POLICY_ALL, "overlap": Schedule.OVERLAP_POLICY_ALLOW}
    rows = [await bench.add("* * * * *", **policies) for _ in range(SCHEDULES)]

    await asyncio.gather(*(asyncio.to_thread(start_and_kill, url, origin, begin) for _ in range(2)))
    clock.stopped_at = FastClock(origin, begin)()
    bench.scheduler.begin()
    await bench.scheduler.fire_due()

    for row in rows:
        await assert_every_minute(bench, row, begin)
    assert len(await bench.jobs()) > SCHEDULES * KILLS
    await bench.consistent()
    await database.close()


async def assert_every_minute(bench: Bench, row: ScheduleRow, begin: int) -> None:
    """Assert that the ledger has a row for each minute since `begin`, and that what fired has a job."""
    records = await bench.ledger(row)
    assert [record.fire_time for record in records] == [
        begin + MINUTE * number for number in range(1, (bench.clock() - begin) // MINUTE + 1)
    ]
    for record in records:
        fired = record.status in (Occurrence.STATUS_FIRED, Occurrence.STATUS_LATE)
        assert fired == (record.job_id is not None)


def start_and_kill(url: str, origin: int, begin: int) -> None:
    """Start a server, let it fire for a moment and kill it, again and again."""
    command = [
        sys.executable,
        "-m",
        "tests.integration.orchestrator.schedules.fast_server",
        url,
        str(origin),
        str(begin),
    ]
    for _ in range(KILLS):
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": PATHS}) as process:
            assert process.stdout is not None
            # One that never comes to fire must not be waited for: a thread that reads cannot be stopped.
            lost_patience = threading.Timer(PATIENCE, process.kill)
            lost_patience.start()
            first = process.stdout.readline()
            lost_patience.cancel()
            assert first == b"fires\n"
            time.sleep(random.uniform(0, LIFE))
            process.send_signal(signal.SIGKILL)
