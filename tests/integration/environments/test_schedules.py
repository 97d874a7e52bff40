"""Environments are started and stopped by the clock."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.clock import SECOND
from server.environments.schedules.schedule_firing import ScheduleFiring
from switchyard.environments.v1.provisioning_service_pb2 import ProvisionEnvironment
from switchyard.environments.v1.quota_service_pb2 import Amounts
from tests.integration.environments.serving import PATH, Worker, create, look
from tests.integration.orchestrator.serving import Site, serving

DIALECTS = ["sqlite", "postgresql"]
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
# 2027-03-01T00:00:00Z, a Monday.
MONDAY = 1_803_859_200 * SECOND
STOP, START = ProvisionEnvironment.OPERATION_STOP, ProvisionEnvironment.OPERATION_START


async def add(site: Site, environment_id: str, action: str, cron: str, **body: Any) -> httpx.Response:
    body |= {"action": action, "cronExpression": cron}
    return await site.http.post(f"{PATH}/{environment_id}/schedules", json=body)


async def listed(site: Site, environment_id: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await site.http.get(f"{PATH}/{environment_id}/schedules")).json()["schedules"]
    return found


async def decisions(site: Site, environment_id: str) -> list[dict[str, Any]]:
    """Return what was decided, oldest first."""
    answer = await site.http.get(f"{PATH}/{environment_id}/decisions")
    found: list[dict[str, Any]] = answer.json()["decisions"]
    return found[::-1]


def firing_of(site: Site) -> ScheduleFiring:
    return ScheduleFiring(site.database, site.kernel, site.clock, Amounts(cpu_cores=2))


async def fired_at(site: Site, time: int) -> None:
    site.clock.stopped_at = time
    await firing_of(site).fire_due()


@pytest.fixture
async def environment_id(site: Site, worker: Worker) -> str:
    """An environment that runs, on a Monday at midnight."""
    site.clock.stopped_at = MONDAY
    return await worker.running()


async def test_a_schedule_is_stored_listed_and_deleted(site: Site, environment_id: str) -> None:
    answer = await add(site, environment_id, "stop", "0 19 * * MON-FRI", timezone="Europe/Amsterdam")

    schedule = answer.json()["schedule"]
    assert answer.status_code == 201
    assert schedule == {
        "scheduleId": schedule["scheduleId"],
        "action": "stop",
        "cronExpression": "0 19 * * MON-FRI",
        "timezone": "Europe/Amsterdam",
        "nextRun": "2027-03-01T18:00:00Z",
    }
    assert await listed(site, environment_id) == [schedule]
    path = f"{PATH}/{environment_id}/schedules/{schedule['scheduleId']}"
    assert [(await site.http.delete(path)).status_code for _ in range(2)] == [200, 404]
    assert await listed(site, environment_id) == []


async def test_what_cannot_be_is_refused(site: Site, environment_id: str) -> None:
    path = f"{PATH}/{environment_id}/schedules"
    good = {"action": "stop", "cronExpression": "@daily"}
    refused: list[Any] = [
        good | {"cronExpression": "0 0 * * 8"},
        good | {"cronExpression": "*/0 * * * *"},
        good | {"cronExpression": "0 0 30 2 *"},
        good | {"cronExpression": "@reboot"},
        good | {"cronExpression": ""},
        good | {"cronExpression": "x" * 257},
        good | {"timezone": "Mars/Olympus"},
        good | {"timezone": "../../etc/passwd"},
        good | {"action": "restart"},
        good | {"action": 7},
        {"cronExpression": "@daily"},
        [good],
    ]

    answers = [await site.http.post(path, json=body) for body in refused]

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(400, "INVALID_REQUEST")}
    assert answers[0].json()["message"] == "Invalid cron expression: bad day-of-week"
    assert await listed(site, environment_id) == []


async def test_an_environment_has_at_most_twenty_schedules(site: Site, environment_id: str) -> None:
    codes = [(await add(site, environment_id, "stop", "@daily")).status_code for _ in range(21)]

    assert codes == [201] * 20 + [400]


async def test_the_same_key_stores_one_schedule(site: Site, environment_id: str) -> None:
    path, key = f"{PATH}/{environment_id}/schedules", {"Idempotency-Key": "k1"}
    body = {"action": "stop", "cronExpression": "@daily"}

    answers = [await site.http.post(path, json=body, headers=key) for _ in range(2)]
    other = await site.http.post(path, json=body | {"action": "start"}, headers=key)

    assert [answer.status_code for answer in (*answers, other)] == [201, 201, 409]
    assert answers[0].json() == answers[1].json()
    assert len(await listed(site, environment_id)) == 1


async def test_it_is_stopped_and_started_by_the_clock(site: Site, worker: Worker, environment_id: str) -> None:
    await add(site, environment_id, "stop", "0 19 * * *")
    await add(site, environment_id, "start", "0 7 * * *")

    await fired_at(site, MONDAY + 7 * HOUR)
    await fired_at(site, MONDAY + 19 * HOUR)
    stop = await worker.work()
    await fired_at(site, MONDAY + 31 * HOUR)
    start = await worker.work()

    found = await decisions(site, environment_id)
    assert (stop.operation, start.operation) == (STOP, START)
    assert (await look(site.http, environment_id))["status"] == "RUNNING"
    assert [(one["kind"], one["action"], one["reason"]) for one in found] == [
        ("schedule", "skip", "It is RUNNING, not STOPPED"),
        ("schedule", "stop", "Its schedule '0 19 * * *' (UTC) fired"),
        ("schedule", "start", "Its schedule '0 7 * * *' (UTC) fired"),
    ]
    schedules = await listed(site, environment_id)
    assert found[1]["inputs"] == {
        "schedule_id": schedules[0]["scheduleId"],
        "fire_time": "2027-03-01T19:00:00Z",
        "status": "RUNNING",
    }
    assert found[1]["taskId"]
    assert "taskId" not in found[0]
    assert [one["lastRun"] for one in schedules] == ["2027-03-01T19:00:00Z", "2027-03-02T07:00:00Z"]


async def test_a_start_waits_for_room_in_the_quota_like_any_other(
    site: Site, worker: Worker, environment_id: str
) -> None:
    await add(site, environment_id, "stop", "0 1 * * *")
    await add(site, environment_id, "start", "0 2 * * *")
    await fired_at(site, MONDAY + HOUR)
    await worker.work()
    await create(site.http, name="another", cpuCores=1)

    await fired_at(site, MONDAY + 2 * HOUR)

    newest = (await decisions(site, environment_id))[-1]
    assert newest["action"] == "skip"
    assert newest["reason"].startswith("the quota of user 'default-user' allows 2 ")


async def test_what_is_at_work_is_not_disturbed(site: Site) -> None:
    site.clock.stopped_at = MONDAY
    environment_id = (await create(site.http))["id"]
    await add(site, environment_id, "stop", "0 1 * * *")

    await fired_at(site, MONDAY + HOUR)

    found = await decisions(site, environment_id)
    assert [(one["action"], one["reason"]) for one in found] == [("skip", "It is CREATING, not RUNNING")]
    assert (await look(site.http, environment_id))["status"] == "CREATING"


async def test_no_fire_time_is_done_twice_by_several_servers(site: Site, worker: Worker, environment_id: str) -> None:
    await add(site, environment_id, "stop", "* * * * *")
    site.clock.stopped_at = MONDAY + MINUTE

    await asyncio.gather(*(firing_of(site).fire_due() for _ in range(5)))

    assert [one["action"] for one in await decisions(site, environment_id)] == ["stop"]
    assert (await worker.claim()) is not None
    assert (await worker.claim()) is None


async def test_a_clock_that_is_set_back_fires_nothing_twice(site: Site, environment_id: str) -> None:
    await add(site, environment_id, "stop", "0 1 * * *")
    await fired_at(site, MONDAY + HOUR)

    await fired_at(site, MONDAY)
    await fired_at(site, MONDAY + HOUR)

    assert len(await decisions(site, environment_id)) == 1
    assert (await listed(site, environment_id))[0]["nextRun"] == "2027-03-02T01:00:00Z"


async def test_what_passed_is_made_up_for_once_by_the_newest_of_all(
    site: Site, worker: Worker, environment_id: str
) -> None:
    await add(site, environment_id, "start", "30 7 * * *")
    await add(site, environment_id, "stop", "0 19 * * *")

    await fired_at(site, MONDAY + 2 * DAY + 20 * HOUR)

    found = await decisions(site, environment_id)
    assert [one["action"] for one in found] == ["skip"] * 5 + ["stop"]
    assert found[-1]["inputs"]["fire_time"] == "2027-03-03T19:00:00Z"
    assert (await worker.work()).operation == STOP
    assert [one["nextRun"] for one in await listed(site, environment_id)] == [
        "2027-03-04T07:30:00Z",
        "2027-03-04T19:00:00Z",
    ]


async def test_very_many_that_passed_are_told_together(site: Site, environment_id: str) -> None:
    await add(site, environment_id, "stop", "* * * * *")

    await fired_at(site, MONDAY + 250 * MINUTE)

    found = await decisions(site, environment_id)
    assert [one["inputs"].get("fire_times") for one in found[:3]] == [100, 100, None]
    assert [one["action"] for one in found] == ["skip"] * 51 + ["stop"]
    assert found[0]["reason"].startswith("100 fire times passed while no server ran")


async def test_who_is_no_admin_schedules_what_is_theirs(site: Site, environment_id: str) -> None:
    site.clock.stopped_at = None
    schedule_id = (await add(site, environment_id, "stop", "@daily")).json()["schedule"]["scheduleId"]
    body = {"action": "stop", "cronExpression": "@daily"}
    async with site.client("operator") as operator:
        mine = (await create(operator))["id"]
        answers = [
            await operator.post(f"{PATH}/{environment_id}/schedules", json=body),
            await operator.get(f"{PATH}/{environment_id}/schedules"),
            await operator.delete(f"{PATH}/{environment_id}/schedules/{schedule_id}"),
            # A schedule is known below its own environment only.
            await operator.delete(f"{PATH}/{mine}/schedules/{schedule_id}"),
            await operator.post(f"{PATH}/{mine}/schedules", json=body),
        ]

    assert [answer.status_code for answer in answers] == [404, 404, 404, 404, 201]
    assert len(await listed(site, environment_id)) == 1


async def test_schedules_go_with_their_environment(site: Site, worker: Worker, environment_id: str) -> None:
    await add(site, environment_id, "stop", "0 1 * * *")
    deleting = asyncio.create_task(site.http.delete(f"{PATH}/{environment_id}"))
    await worker.work()
    assert (await deleting).status_code == 200

    await fired_at(site, MONDAY + HOUR)

    assert (await worker.claim()) is None


async def test_a_running_server_fires_by_itself(tmp_path: Path) -> None:
    async with serving(tmp_path / "data") as site:
        environment_id = await Worker(site).running()
        await add(site, environment_id, "stop", "* * * * *")
        site.clock.ahead += MINUTE

        async with asyncio.timeout(60):
            while (await look(site.http, environment_id))["status"] != "STOPPING":
                await asyncio.sleep(0.05)
