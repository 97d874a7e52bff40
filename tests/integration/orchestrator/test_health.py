"""Health: for load balancers and Kubernetes, without a credential, at the root and below /api/v1."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from server.orchestrator.health.health_service import HealthService
from tests.integration.orchestrator.serving import Site, serving

NOBODY = {"x-api-key": ""}


@pytest.mark.parametrize("root", ["", "/api/v1"])
async def test_each_path_answers_without_a_credential(site: Site, root: str) -> None:
    found = {
        path: (await site.http.get(f"{root}/health{path}", headers=NOBODY)).json() for path in ("", "/ready", "/live")
    }

    assert found == {
        "": {"status": "healthy", "service": "casare-rpa-monitoring"},
        "/ready": {"ready": True},
        "/live": {"alive": True},
    }


async def test_the_database_and_its_connections_are_shown(site: Site) -> None:
    found = (await site.http.get("/health/detailed", headers=NOBODY)).json()

    database = found["dependencies"]["database"]
    assert (database["healthy"], database["error"]) == (True, None)
    assert 0 < database["pool_free"] <= database["pool_size"]
    # Nobody has started a queue, and work only waits for it.
    assert (found["status"], found["dependencies"]["queue"]["healthy"]) == ("degraded", False)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
async def test_a_scan_takes_a_connection(tmp_path: Path, dialect: str) -> None:
    async with serving(tmp_path / "data", dialect=dialect, background=False) as site:
        free = site.database.pool.free
        seen = await site.database.scan(lambda _: site.database.pool.free)

        assert (seen, site.database.pool.free) == (free - 1, free)


async def test_a_server_whose_database_is_gone_is_not_ready(tmp_path: Path) -> None:
    async with serving(tmp_path / "data", background=False) as site:
        await site.database.close()

        ready = await site.http.get("/health/ready", headers=NOBODY)
        detailed = (await site.http.get("/health/detailed", headers=NOBODY)).json()

    assert (ready.status_code, ready.json()) == (503, {"ready": False, "reason": "Database unhealthy"})
    database = {"healthy": False, "pool_size": 0, "pool_free": 0, "error": "DatabaseClosed"}
    assert (detailed["status"], detailed["dependencies"]["database"]) == ("degraded", database)


class Stuck:
    """A database that takes a unit of work and never answers."""

    def __init__(self, site: Site) -> None:
        self.pool = site.database.pool

    async def write(self, _work: Callable[..., Any]) -> None:
        await asyncio.Event().wait()


async def test_a_database_that_does_not_answer_in_time_is_unhealthy(site: Site) -> None:
    async def reachable() -> bool:
        return True

    stuck: Any = Stuck(site)
    service = HealthService(stuck, reachable, probe_seconds=0.01)

    answer = await service.GetDetailedHealth(None, None)  # type: ignore[arg-type]

    assert answer.dependencies.database.error == "No answer within 0.01 s"
    assert (answer.status, answer.dependencies.queue.healthy) == ("degraded", True)
