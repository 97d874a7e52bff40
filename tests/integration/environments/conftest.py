"""The whole server for each test, with a worker that does what the test says.

Where the databases differ, both are tested: a module says so by `DIALECTS = ["sqlite", "postgresql"]`.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.environments import operation_ends
from tests.integration.database.databases import USUAL_DIALECT
from tests.integration.environments.serving import Worker
from tests.integration.orchestrator.serving import Site, serving


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "dialect" in metafunc.fixturenames:
        metafunc.parametrize("dialect", getattr(metafunc.module, "DIALECTS", [USUAL_DIALECT]))


@pytest.fixture
async def site(dialect: str, tmp_path: Path) -> AsyncIterator[Site]:
    """Serve everything over an empty database; nothing works by itself."""
    async with serving(tmp_path / "data", dialect=dialect, background=False) as served:
        yield served


@pytest.fixture
def worker(site: Site) -> Worker:
    """Return the far side of the Tasks of environments."""
    return Worker(site)


@pytest.fixture
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have operations answered while they go on, as those that take minutes at a cloud."""
    monkeypatch.setattr(operation_ends, "WAIT_SECONDS", 0.0)
