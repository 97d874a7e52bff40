"""A server of accounts over each database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.accounts.serving import Site, serving


@pytest.fixture(params=["sqlite", "postgresql"])
async def site(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    async with serving(request.param, tmp_path) as site:
        yield site
