"""What environments cost: so far, from now on, and before they are made."""

import asyncio
from typing import Any

import pytest

from server.clock import SECOND
from server.environments import environment_store
from tests.integration.environments.serving import PATH, Worker
from tests.integration.orchestrator.serving import Site

HOUR = 3600 * SECOND


async def cost(site: Site, environment_id: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await site.http.get(f"{PATH}/{environment_id}/cost")).json()
    return answer


async def test_it_costs_processor_while_it_runs_and_storage_all_the_time(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()

    def move_to_azure(connection: Any) -> None:
        row = environment_store.require(connection, environment_id)
        environment_store.update(connection, row, provider="azure")

    await site.database.write(move_to_azure)
    site.clock.ahead += 10 * HOUR
    running = await cost(site, environment_id)
    await asyncio.gather(site.http.post(f"{PATH}/{environment_id}/stop"), worker.work())
    site.clock.ahead += 90 * HOUR
    stopped = await cost(site, environment_id)

    assert running["runningSeconds"] == pytest.approx(36_000, abs=60)
    assert stopped["runningSeconds"] == pytest.approx(36_000, abs=60)
    # Prices: 0.0405 for a core, 0.00445 for a GB of memory an hour; 0.06 for a GB of storage a month of 730 hours.
    assert stopped["compute"] == pytest.approx(10 * (2 * 0.0405 + 4 * 0.00445), rel=0.01)
    assert stopped["storage"] == pytest.approx(100 * 20 * 0.06 / 730, rel=0.01)
    assert stopped["total"] == pytest.approx(stopped["compute"] + stopped["storage"])
    assert stopped["rates"]["runningHour"] == pytest.approx(2 * 0.0405 + 4 * 0.00445 + 20 * 0.06 / 730, abs=1e-6)
    assert stopped["rates"]["priceDate"] == "2025-10-01"


async def test_on_this_machine_it_costs_nothing(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    site.clock.ahead += HOUR

    told = await cost(site, environment_id)

    assert (told["total"], told["runningSeconds"] >= 3600) == (0, True)


async def test_an_estimate_is_for_a_cloud_and_a_size(site: Site) -> None:
    usual = (await site.http.get(f"{PATH}:estimate?cloudProvider=AWS")).json()["rates"]
    small = (await site.http.get(f"{PATH}:estimate?cloudProvider=AWS&cpuCores=1&memoryGB=2")).json()["rates"]
    refused = await site.http.get(f"{PATH}:estimate?cloudProvider=AWS&cpuCores=9")
    unsaid = await site.http.get(f"{PATH}:estimate")

    assert usual["runningHour"] == pytest.approx(2 * 0.04048 + 4 * 0.004445 + 20 * 0.3 / 730, abs=1e-6)
    assert usual["runningMonth"] == pytest.approx(730 * usual["runningHour"], abs=1e-3)
    assert small["runningHour"] < usual["runningHour"]
    assert small["stoppedHour"] == usual["stoppedHour"]
    assert (refused.status_code, refused.json()["message"]) == (400, "cpuCores must be between 1 and 4")
    assert (unsaid.status_code, unsaid.json()["message"]) == (400, "cloudProvider must be given")
