"""A scheduler whose clock is turned by hand, over SQLite and over Postgres."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.database.database import open_database
from server.orchestrator import services
from server.orchestrator.schedules.scheduler import Scheduler
from server.tasks.kernel import Kernel
from tests.integration.database.databases import database_url
from tests.integration.orchestrator.schedules.parts import Bench, insert_workflow
from tests.integration.orchestrator.serving import TurnableClock
from tests.integration.tasks.parts import NoteQueue


@pytest.fixture(params=["sqlite", "postgresql"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    database = await open_database(database_url(request.param, tmp_path))
    await database.write(insert_workflow)
    clock = TurnableClock()
    kernel = Kernel(database, NoteQueue(), clock, services.FINAL_HOOKS)
    scheduler = Scheduler(database, kernel, clock)
    made = Bench(database, kernel, clock, scheduler)
    made.set("2026-06-01 08:30")
    scheduler.begin()
    yield made
    await database.close()
