"""Environments that nobody uses are stopped, and it can be read why."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from server.clock import SECOND, to_timestamp
from server.environments import environment_store
from server.environments.activity import idle_watch
from server.environments.activity.idle_watch import IdleWatch
from server.environments.decisions import decision_store
from server.environments.environment_row import EnvironmentRow
from switchyard.environments.v1.activity_service_pb2 import Decision
from switchyard.environments.v1.provisioning_service_pb2 import ProvisionEnvironment
from tests.integration.environments.serving import PATH, Worker, create, look
from tests.integration.orchestrator.serving import Site, serving

DIALECTS = ["sqlite", "postgresql"]
MINUTE = 60 * SECOND


def watch_of(site: Site) -> IdleWatch:
    return IdleWatch(site.database, site.kernel, site.clock)


async def decisions(site: Site, environment_id: str, **params: Any) -> list[dict[str, Any]]:
    answer = await site.http.get(f"{PATH}/{environment_id}/decisions", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["decisions"]
    return found


async def report(site: Site, environment_id: str, **snapshot: Any) -> None:
    time = to_timestamp(site.clock()).ToJsonString()
    body = {"snapshot": snapshot, "timestamp": time}
    answer = await site.http.post(f"{PATH}/{environment_id}/activity", json=body)
    assert answer.status_code == 200, answer.text


async def row_of(site: Site, environment_id: str) -> EnvironmentRow:
    return await site.database.read(lambda connection: environment_store.require(connection, environment_id))


async def test_an_idle_environment_is_stopped_and_the_decision_says_why(site: Site, worker: Worker) -> None:
    environment_id = await worker.running(autoStopMinutes=5)
    site.clock.ahead += 5 * MINUTE

    await watch_of(site).look()

    shown, found = await look(site.http, environment_id), await decisions(site, environment_id)
    assert shown["status"] == "STOPPING"
    assert [(one["number"], one["kind"], one["action"]) for one in found] == [(1, "idle", "stop")]
    assert found[0]["taskId"] == shown["taskId"]
    assert found[0]["reason"] == "It was neither started nor used within the last 5 minutes"
    assert (found[0]["inputs"]["rule"], found[0]["inputs"]["auto_stop_minutes"]) == ("idle", 5)
    assert (await worker.work()).operation == ProvisionEnvironment.OPERATION_STOP
    assert (await look(site.http, environment_id))["status"] == "STOPPED"


async def test_what_is_decided_again_is_stored_when_it_changes(site: Site, worker: Worker) -> None:
    environment_id = await worker.running(autoStopMinutes=5)
    watch = watch_of(site)

    for _ in range(3):
        await watch.look()
    await report(site, environment_id, activeIDEConnections=1)
    for _ in range(3):
        site.clock.ahead += 10 * MINUTE
        await watch.look()
    await report(site, environment_id)
    await watch.look()
    site.clock.ahead += 10 * MINUTE
    await watch.look()

    found = await decisions(site, environment_id)
    # The connection was seen open until ten minutes before the look that stops it.
    assert [one["inputs"]["rule"] for one in found] == ["idle", "connections", "recent"]
    assert (await look(site.http, environment_id))["status"] == "STOPPING"


async def test_an_environment_that_does_not_run_is_left_alone(site: Site, worker: Worker) -> None:
    environment_id = (await create(site.http))["id"]
    site.clock.ahead += 1_000 * MINUTE

    await watch_of(site).look()

    assert await decisions(site, environment_id) == []
    assert (await look(site.http, environment_id))["status"] == "CREATING"


async def test_the_hard_maximum_stops_what_is_in_use(site: Site, worker: Worker) -> None:
    environment_id = await worker.running(maxRunMinutes=10, autoStopMinutes=0)
    site.clock.ahead += 10 * MINUTE
    await report(site, environment_id, activeIDEConnections=3)

    await watch_of(site).look()

    found = await decisions(site, environment_id)
    assert [(one["action"], one["inputs"]["rule"]) for one in found] == [("stop", "max_run")]


async def test_of_two_servers_one_stops_it(site: Site, worker: Worker) -> None:
    environment_id = await worker.running(autoStopMinutes=5)
    site.clock.ahead += 5 * MINUTE
    watches = [watch_of(site) for _ in range(4)]

    await asyncio.gather(*(watch.look() for watch in watches))

    assert len(await decisions(site, environment_id)) == 1
    assert (await worker.claim()) is not None
    assert (await worker.claim()) is None


async def test_an_open_connection_of_an_earlier_run_keeps_nothing_awake(site: Site, worker: Worker) -> None:
    environment_id = await worker.running(autoStopMinutes=5)
    await report(site, environment_id, activeIDEConnections=1)
    for verb in ("stop", "start"):
        answer = asyncio.create_task(site.http.post(f"{PATH}/{environment_id}/{verb}"))
        await worker.work()
        assert (await answer).status_code == 200
    site.clock.ahead += 6 * MINUTE

    await watch_of(site).look()

    assert (await look(site.http, environment_id))["status"] == "STOPPING"


async def test_the_newest_thousand_decisions_are_kept_and_paged(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()

    def work(connection: sa.Connection) -> None:
        row = environment_store.require_locked(connection, environment_id)
        for number in range(1, 1_004):
            row = decision_store.add(
                connection, row, Decision.KIND_RECONCILIATION, "show", f"number {number}", {"n": number}, now=0
            )

    await site.database.write(work)

    first = (await site.http.get(f"{PATH}/{environment_id}/decisions", params={"pageSize": 700})).json()
    second = await decisions(site, environment_id, pageSize=700, pageToken=first["nextPageToken"])
    numbers = [one["number"] for one in first["decisions"] + second]
    assert numbers == list(range(1_003, 3, -1))
    assert first["decisions"][0]["inputs"] == {"n": 1_003}
    assert (await row_of(site, environment_id)).decision_count == 1_003


@pytest.mark.parametrize("params", [{"pageSize": -1}, {"pageToken": "x"}, {"pageSize": "a"}])
async def test_a_page_that_cannot_be_is_refused(site: Site, worker: Worker, params: dict[str, Any]) -> None:
    environment_id = await worker.running()

    answer = await site.http.get(f"{PATH}/{environment_id}/decisions", params=params)

    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")


async def test_a_running_server_watches_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle_watch, "SECONDS", 0.1)
    async with serving(tmp_path / "data") as site:
        environment_id = await Worker(site).running(autoStopMinutes=5)
        site.clock.ahead += 6 * MINUTE

        async with asyncio.timeout(60):
            while (await look(site.http, environment_id))["status"] != "STOPPING":
                await asyncio.sleep(0.1)

        assert len(await decisions(site, environment_id)) >= 1
