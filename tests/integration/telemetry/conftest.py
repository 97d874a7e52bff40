"""A server of telemetry for each test, over SQLite and over Postgres."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.telemetry.serving import Telemetry, serving


@pytest.fixture(params=["sqlite", "postgresql"])
async def telemetry(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Telemetry]:
    """Serve telemetry over an empty database of each kind."""
    async with serving(tmp_path / "data", dialect=request.param) as served:
        yield served
