"""The whole server for each test, over SQLite and over Postgres."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.orchestrator.serving import Site, serving


@pytest.fixture(params=["sqlite", "postgresql"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """Serve everything over an empty database of each kind."""
    async with serving(tmp_path / "data", dialect=request.param) as served:
        yield served
