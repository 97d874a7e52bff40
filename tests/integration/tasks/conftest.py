"""A kernel over a database of each kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.database.database import Database, open_database
from server.tasks.kernel import Kernel
from server.tasks.log_hub import LogHub
from tests.integration.database.databases import database_url
from tests.integration.tasks.parts import HandClock, NoteQueue


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database(database_url(request.param, tmp_path))
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def queue() -> NoteQueue:
    return NoteQueue()


@pytest.fixture
def kernel(database: Database, queue: NoteQueue, clock: HandClock) -> Kernel:
    return Kernel(database, queue, clock, {})


@pytest.fixture
def hub(database: Database, kernel: Kernel) -> LogHub:
    return LogHub(database, kernel.changes, pace_seconds=0.005, look_seconds=0.2)
