"""A database of each kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.database.database import Database, open_database
from tests.integration.database.databases import bare_database_url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database that does not hold anything yet."""
    return bare_database_url(request.param, tmp_path)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """An open database."""
    opened = await open_database(url)
    yield opened
    await opened.close()
