"""What was acknowledged is there, whatever happens to the process."""

import asyncio
import signal
import subprocess
import sys
import time
from pathlib import Path

import sqlalchemy as sa

from server.database.database import open_database

ROOT = Path(__file__).parents[3]


async def test_acknowledged_writes_survive_kill_9(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'switchyard.db'}"
    database = await open_database(url)
    await database.write(lambda connection: connection.execute(sa.text("CREATE TABLE kept (number INTEGER)")))
    await database.close()
    acknowledged: set[int] = set()

    for _ in range(3):
        printed = await asyncio.to_thread(run_and_kill, url)
        acknowledged.update(printed)
        database = await open_database(url)
        kept = await database.read(lambda c: set(c.execute(sa.text("SELECT number FROM kept")).scalars()))
        await database.close()

        assert printed
        assert acknowledged <= kept


def run_and_kill(url: str) -> list[int]:
    """Let the writer work for a moment, kill it, and return the numbers it had printed whole."""
    command = [sys.executable, "-m", "tests.integration.database.acknowledge", url]
    paths = f"{ROOT}:{ROOT / 'generated' / 'python'}"
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env={"PYTHONPATH": paths}) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        time.sleep(0.3)
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read()
    whole, _, _ = (first + rest).rpartition(b"\n")
    return [int(number) for number in whole.split()]
