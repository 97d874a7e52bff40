"""Robots of a server, over SQLite and over Postgres, with a workflow that is stored."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.orchestrator.robots.fleet import Fleet
from tests.integration.orchestrator.serving import serving

SECRET = "one-that-all-servers-of-a-database-know"


@pytest.fixture(params=["sqlite", "postgresql"])
async def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Fleet]:
    """Serve everything over an empty database of each kind."""
    async with serving(tmp_path / "data", dialect=request.param, JWT_SECRET_KEY=SECRET) as site:
        fleet = Fleet(site)
        await fleet.store_workflow()
        yield fleet
