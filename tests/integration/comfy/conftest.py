"""The whole server for each test, with a worker that does what the test says.

What claims, follows, erases and forgets is tested over both databases: there the databases differ.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.comfy import claims, comfy_worker_service, following, starting
from tests.integration.comfy.holder import Holders
from tests.integration.database.databases import USUAL_DIALECT
from tests.integration.orchestrator.serving import Site, serving

# Longer than any test: whoever waits has to be woken.
NEVER = 3600.0


@pytest.fixture(autouse=True)
def nobody_looks_by_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody notice a change because he looks again once in a while, as between servers."""
    for module in (claims, comfy_worker_service, following, starting):
        monkeypatch.setattr(module, "LOOK_SECONDS", NEVER)


BOTH_DATABASES = {"test_prompts", "test_claims", "test_events", "test_retention", "test_secrets"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "dialect" in metafunc.fixturenames:
        both = metafunc.module.__name__.rpartition(".")[2] in BOTH_DATABASES
        metafunc.parametrize("dialect", ["sqlite", "postgresql"] if both else [USUAL_DIALECT])


@pytest.fixture
async def site(dialect: str, tmp_path: Path) -> AsyncIterator[Site]:
    """Serve everything over an empty database. A start waits one second for a worker."""
    async with serving(tmp_path / "data", dialect=dialect, SESSION_WAIT_SECONDS="1") as served:
        yield served


@pytest.fixture
async def holders(site: Site) -> AsyncIterator[Holders]:
    """Workers that hold sessions until the test ends."""
    async with Holders(site) as made:
        yield made
