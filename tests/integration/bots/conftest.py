"""A server of bots for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.bots.serving import Bots, serving


@pytest.fixture
async def bots(tmp_path: Path) -> AsyncIterator[Bots]:
    """Serve the bots of an empty data folder."""
    async with serving(tmp_path / "data") as served:
        yield served
