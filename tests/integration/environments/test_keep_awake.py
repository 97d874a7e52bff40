"""Environments are kept awake for a while, or as long as a Task is at work."""

from typing import Any

import httpx
import pytest

from server.clock import SECOND, to_timestamp
from server.environments import environment_store
from server.environments.activity.idle_watch import IdleWatch
from server.environments.environment_row import EnvironmentRow
from tests.integration.environments.serving import PATH, Worker, create, look
from tests.integration.orchestrator.serving import Site

MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
REASON = "the nightly build"


def at(site: Site, micros: int) -> str:
    return to_timestamp(site.clock() + micros).ToJsonString()


async def keep(site: Site, environment_id: str, **body: Any) -> httpx.Response:
    return await site.http.put(f"{PATH}/{environment_id}/keep-awake", json={"reason": REASON} | body)


async def let_sleep(site: Site, environment_id: str) -> httpx.Response:
    return await site.http.delete(f"{PATH}/{environment_id}/keep-awake")


async def row_of(site: Site, environment_id: str) -> EnvironmentRow:
    return await site.database.read(lambda connection: environment_store.require(connection, environment_id))


async def watched(site: Site, environment_id: str, *, later: int) -> str:
    """Return where it stands once it was looked at `later` micros from now."""
    site.clock.ahead += later
    await IdleWatch(site.database, site.kernel, site.clock).look()
    status: str = (await look(site.http, environment_id))["status"]
    return status


async def test_it_is_kept_awake_until_a_time_and_no_longer(site: Site, worker: Worker) -> None:
    environment_id = await worker.running(autoStopMinutes=5)

    answer = await keep(site, environment_id, until=at(site, 60 * MINUTE))

    assert answer.status_code == 200
    assert answer.json() == {"message": "Environment is kept awake", "environmentId": environment_id}
    assert (await look(site.http, environment_id))["keepAwakeReason"] == REASON
    assert await watched(site, environment_id, later=59 * MINUTE) == "RUNNING"
    assert await watched(site, environment_id, later=MINUTE) == "STOPPING"
    # It does not say any more that something keeps it awake.
    shown = await look(site.http, environment_id)
    assert "keepAwakeUntil" not in shown
    assert "keepAwakeReason" not in shown


async def test_it_is_kept_awake_as_long_as_a_task_of_another_kind_is_not_final(site: Site, worker: Worker) -> None:
    environment_id = await worker.running(autoStopMinutes=5)
    job = await site.queue_job()

    answer = await keep(site, environment_id, taskId=job.id)

    assert answer.status_code == 200
    assert (await look(site.http, environment_id))["keepAwakeTaskId"] == job.id
    assert await watched(site, environment_id, later=DAY) == "RUNNING"
    await site.complete(await site.claim())
    assert await watched(site, environment_id, later=0) == "STOPPING"


async def test_the_hard_maximum_holds_nevertheless(site: Site, worker: Worker) -> None:
    environment_id = await worker.running(maxRunMinutes=10)
    await keep(site, environment_id, until=at(site, DAY))

    assert await watched(site, environment_id, later=10 * MINUTE) == "STOPPING"


async def test_one_takes_the_place_of_the_other(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    job = await site.queue_job()

    await keep(site, environment_id, until=at(site, DAY))
    await keep(site, environment_id, taskId=job.id, reason="a job")

    row = await row_of(site, environment_id)
    assert (row.keep_awake_until, row.keep_awake_task, row.keep_awake_reason) == (None, job.id, "a job")


async def test_it_may_sleep_again_and_saying_so_twice_is_no_error(site: Site, worker: Worker) -> None:
    environment_id = await worker.running(autoStopMinutes=5)
    await keep(site, environment_id, until=at(site, DAY))

    answers = [await let_sleep(site, environment_id) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == {"message": "Environment may sleep", "environmentId": environment_id}
    assert await watched(site, environment_id, later=5 * MINUTE) == "STOPPING"


async def test_what_cannot_be_is_refused(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    job = await site.queue_job()
    await site.complete(await site.claim())
    until = "until must be a time to come, at most 7 days ahead"
    refused: list[tuple[dict[str, Any], str]] = [
        ({}, "until or taskId must be given, and not both"),
        ({"until": at(site, DAY), "taskId": job.id}, "until or taskId must be given, and not both"),
        ({"until": at(site, -SECOND)}, until),
        ({"until": at(site, 7 * DAY + MINUTE)}, until),
        ({"until": "0001-01-01T00:00:00Z"}, until),
        ({"taskId": job.id}, "taskId must be that of a task that has not ended"),
        ({"until": at(site, DAY), "reason": ""}, "reason must be given"),
        ({"until": at(site, DAY), "reason": "x" * 257}, "reason must be at most 256 characters long"),
    ]

    answers = [await keep(site, environment_id, **body) for body, _ in refused]

    assert [(one.status_code, one.json()["message"]) for one in answers] == [(400, words) for _, words in refused]
    assert (await row_of(site, environment_id)).keep_awake_until is None


@pytest.mark.parametrize("task_id", ["nobody", "a\x00b"])
async def test_an_unknown_task_is_not_found(site: Site, worker: Worker, task_id: str) -> None:
    environment_id = await worker.running()

    assert (await keep(site, environment_id, taskId=task_id)).status_code == 404


async def test_who_is_no_admin_keeps_awake_what_is_theirs_by_tasks_of_their_tenant(site: Site, worker: Worker) -> None:
    theirs, job = await worker.running(), await site.queue_job(tenant="other")
    async with site.client("operator", tenant="acme") as operator:
        mine = (await create(operator))["id"]
        body = {"reason": REASON, "until": at(site, DAY)}

        answers = [
            await operator.put(f"{PATH}/{theirs}/keep-awake", json=body),
            await operator.delete(f"{PATH}/{theirs}/keep-awake"),
            await operator.get(f"{PATH}/{theirs}/decisions"),
            await operator.put(f"{PATH}/{mine}/keep-awake", json={"reason": REASON, "taskId": job.id}),
            await operator.put(f"{PATH}/{mine}/keep-awake", json=body),
        ]

    assert [answer.status_code for answer in answers] == [404, 404, 404, 404, 200]
