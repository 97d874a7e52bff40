"""ScheduleService over HTTP and gRPC. Source: the orchestrator's published API, section "Schedule Endpoints"."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from server.clock import SECOND
from switchyard.orchestrator.v1 import schedule_service_pb2 as pb
from tests.integration.orchestrator.schedules.parts import HOUR, WORKFLOW, at, insert_workflow
from tests.integration.orchestrator.serving import Site, refused, serving

HOURLY = {"workflow_id": WORKFLOW, "schedule_name": "Hourly Sync", "cron_expression": "0 * * * *"}
NOBODY = "770e8400-e29b-41d4-a716-446655440002"


@pytest.fixture(params=["sqlite", "postgresql"])
async def quiet(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """Everything served, nothing working by itself, a workflow, and a clock that stands still."""
    async with serving(tmp_path / "data", dialect=request.param, background=False) as site:
        await site.database.write(insert_workflow)
        site.clock.stopped_at = at("2026-06-01 08:30")
        yield site


async def create(site: Site, **fields: Any) -> dict[str, Any]:
    answer = await site.http.post("/api/v1/schedules", json=HOURLY | fields)
    assert answer.status_code == 200, answer.text
    schedule: dict[str, Any] = answer.json()
    return schedule


async def put(site: Site, schedule: dict[str, Any], verb: str) -> dict[str, Any]:
    answer = await site.http.put(f"/api/v1/schedules/{schedule['schedule_id']}/{verb}")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def occurrences(site: Site, schedule: dict[str, Any], **params: Any) -> dict[str, Any]:
    answer = await site.http.get(f"/api/v1/schedules/{schedule['schedule_id']}/occurrences", params=params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_new_schedule_is_answered_with_every_documented_key(quiet: Site) -> None:
    schedule = await create(quiet)

    assert str(uuid.UUID(schedule["schedule_id"])) == schedule["schedule_id"]
    assert schedule == {
        "schedule_id": schedule["schedule_id"],
        "workflow_id": WORKFLOW,
        "schedule_name": "Hourly Sync",
        "cron_expression": "0 * * * *",
        "enabled": True,
        "priority": 10,
        "execution_mode": "lan",
        "next_run": "2026-06-01T09:00:00Z",
        "last_run": None,
        "run_count": 0,
        "failure_count": 0,
        "created_at": "2026-06-01T08:30:00Z",
        "updated_at": "2026-06-01T08:30:00Z",
        "timezone": "UTC",
        "catch_up_policy": "once",
        "overlap_policy": "skip",
        "variables": {},
        "metadata": {},
    }


async def test_what_is_sent_is_kept(quiet: Site) -> None:
    given = {
        "cron_expression": "@daily",
        "enabled": False,
        "priority": 0,
        "execution_mode": "internet",
        "timezone": "Asia/Kolkata",
        "catch_up_policy": "all",
        "overlap_policy": "cancel",
        "variables": {"a": [1, 2.50, None]},
        "metadata": {"team": "ops"},
    }

    schedule = await create(quiet, **given)

    assert given.items() <= schedule.items()
    assert schedule["next_run"] is None


WRONG: list[tuple[dict[str, Any], int, str]] = [
    ({"cron_expression": "0 0 * * 8"}, 400, "Invalid cron expression: bad day-of-week"),
    ({"cron_expression": "*/0 * * * *"}, 400, "Invalid cron expression: bad minute"),
    ({"cron_expression": "@reboot", "enabled": False}, 400, "Invalid cron expression: '@reboot' is none of"),
    ({"cron_expression": "0 0 30 2 *"}, 400, "Invalid cron expression: bad day-of-month"),
    ({"cron_expression": ""}, 400, "cron_expression must be given"),
    ({"cron_expression": None}, 400, "cron_expression must be given"),
    ({"cron_expression": 5}, 400, "cron_expression"),
    ({"timezone": "Mars/Olympus"}, 400, "timezone must be the IANA name of a time zone"),
    ({"timezone": "../../etc/passwd"}, 400, "timezone must be"),
    ({"schedule_name": ""}, 400, "schedule_name must be given"),
    ({"schedule_name": "n" * 256}, 400, "schedule_name must be at most 255 characters long"),
    ({"priority": -1}, 400, "priority must be between 0 and 20"),
    ({"priority": 21}, 400, "priority must be between 0 and 20"),
    ({"priority": "5"}, 400, "priority"),
    ({"enabled": "yes"}, 400, "enabled"),
    ({"execution_mode": "cloud"}, 400, "execution_mode must be one of lan, internet"),
    ({"catch_up_policy": "some"}, 400, "catch_up_policy must be one of skip, once, all"),
    ({"variables": []}, 400, "variables"),
    ({"workflow_id": ""}, 400, "workflow_id must be given"),
    ({"workflow_id": NOBODY}, 404, f"Workflow not found: {NOBODY}"),
    ({"workflow_id": "a\x00b"}, 404, "Workflow not found: a\x00b"),
]


async def test_what_is_wrong_is_refused_and_nothing_is_stored(quiet: Site) -> None:
    answers = [await quiet.http.post("/api/v1/schedules", json=HOURLY | fields) for fields, _, _ in WRONG]

    for (fields, status, detail), answer in zip(WRONG, answers, strict=True):
        assert answer.status_code == status, fields
        assert answer.json()["detail"].startswith(detail), fields
    assert (await quiet.http.get("/api/v1/schedules")).json() == []


@pytest.mark.parametrize("schedule_id", [NOBODY, "%00"])
async def test_an_unknown_schedule_is_not_found(quiet: Site, schedule_id: str) -> None:
    detail = f"Schedule not found: {schedule_id.replace('%00', chr(0))}"
    for method, verb in (
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("PUT", "/enable"), ("PUT", "/disable"), ("PUT", "/trigger"),
        ("GET", "/occurrences"), ("GET", "/preview"),
    ):  # fmt: skip
        body = "{}" if method in ("PUT", "PATCH") else ""
        answer = await quiet.http.request(method, f"/api/v1/schedules/{schedule_id}{verb}", content=body)

        assert (answer.status_code, answer.json()) == (404, {"detail": detail}), (method, verb)


async def test_lists_are_newest_first_and_filtered(quiet: Site) -> None:
    other = str(uuid.uuid4())
    await quiet.database.write(lambda connection: insert_workflow(connection, other))
    first, second = await create(quiet), await create(quiet, enabled=False)
    third = await create(quiet, workflow_id=other)

    async def listed(**params: Any) -> list[str]:
        answer = await quiet.http.get("/api/v1/schedules", params=params)
        assert answer.status_code == 200, answer.text
        return [schedule["schedule_id"] for schedule in answer.json()]

    ids = [schedule["schedule_id"] for schedule in (third, second, first)]
    assert await listed() == ids
    assert await listed(limit=2) == ids[:2]
    assert await listed(limit=2, before=ids[1]) == ids[2:]
    assert await listed(workflow_id=WORKFLOW) == ids[1:]
    assert await listed(enabled="true") == [ids[0], ids[2]]
    assert await listed(enabled="false") == [ids[1]]
    assert await listed(before=NOBODY) == []


async def test_wrong_filters_are_refused(quiet: Site) -> None:
    for params in ("limit=0", "limit=1001", "limit=abc", "limit=2.5", "enabled=maybe"):
        assert (await quiet.http.get(f"/api/v1/schedules?{params}")).status_code == 400, params


async def test_enabling_begins_at_the_next_fire_time_and_nothing_is_recorded_meanwhile(quiet: Site) -> None:
    schedule = await create(quiet, enabled=False)
    quiet.clock.ahead = 3 * HOUR

    enabled = await put(quiet, schedule, "enable")

    assert (enabled["enabled"], enabled["next_run"]) == (True, "2026-06-01T12:00:00Z")
    assert enabled["updated_at"] == "2026-06-01T11:30:00Z"
    assert await put(quiet, schedule, "enable") == enabled
    assert (await occurrences(quiet, schedule))["occurrences"] == []


async def test_disabling_puts_on_record_what_had_passed(quiet: Site) -> None:
    schedule = await create(quiet)
    quiet.clock.ahead = HOUR // 2

    disabled = await put(quiet, schedule, "disable")

    assert (disabled["enabled"], disabled["next_run"], disabled["run_count"]) == (False, None, 1)
    assert [one["status"] for one in (await occurrences(quiet, schedule))["occurrences"]] == ["fired"]


async def test_an_update_changes_what_is_given_and_keeps_the_record(quiet: Site) -> None:
    schedule = await create(quiet, variables={"a": 1})
    quiet.clock.ahead = HOUR // 2

    answer = await quiet.http.patch(
        f"/api/v1/schedules/{schedule['schedule_id']}",
        json={"cron_expression": "*/20 * * * *", "timezone": "Asia/Kolkata", "priority": 0},
    )

    changed = answer.json()
    # 14:30 in Kolkata.
    assert changed == schedule | {
        "cron_expression": "*/20 * * * *",
        "timezone": "Asia/Kolkata",
        "priority": 0,
        "next_run": "2026-06-01T09:10:00Z",
        "last_run": "2026-06-01T09:00:00Z",
        "run_count": 1,
        "updated_at": "2026-06-01T09:00:00Z",
    }
    assert [one["fire_time"] for one in (await occurrences(quiet, schedule))["occurrences"]] == ["2026-06-01T09:00:00Z"]


async def test_a_wrong_update_changes_nothing(quiet: Site) -> None:
    schedule = await create(quiet)
    path = f"/api/v1/schedules/{schedule['schedule_id']}"
    wrong: list[dict[str, Any]] = [
        {"cron_expression": "0 0 * * 8"},
        {"timezone": "Mars"},
        {"priority": 21},
        {"schedule_name": ""},
    ]

    for body in wrong:
        assert (await quiet.http.patch(path, json=body)).status_code == 400, body

    assert (await quiet.http.get(path)).json() == schedule


async def test_a_trigger_queues_a_job_and_counts_though_the_schedule_is_disabled(quiet: Site) -> None:
    schedule = await create(quiet, enabled=False, priority=2)

    answer = await put(quiet, schedule, "trigger")

    assert answer == {
        "status": "success",
        "message": f"Schedule triggered: {schedule['schedule_id']}",
        "job_id": answer["job_id"],
    }
    job = await quiet.kernel.get(answer["job_id"])
    assert (job.kind, job.priority) == ("run_workflow", 2)
    [record] = (await occurrences(quiet, schedule))["occurrences"]
    assert record == {
        "fire_time": "2026-06-01T08:30:00Z",
        "status": "triggered",
        "reason": record["reason"],
        "job_id": job.id,
        "recorded_at": "2026-06-01T08:30:00Z",
    }
    after = (await quiet.http.get(f"/api/v1/schedules/{schedule['schedule_id']}")).json()
    assert (after["run_count"], after["last_run"], after["next_run"]) == (1, "2026-06-01T08:30:00Z", None)


async def test_a_repeated_call_with_the_same_key_gives_the_first_answer(quiet: Site) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = (await quiet.http.post("/api/v1/schedules", json=HOURLY, headers=headers)).json()
    path = f"/api/v1/schedules/{first['schedule_id']}/trigger"
    triggered = (await quiet.http.put(path, headers=headers)).json()

    assert (await quiet.http.post("/api/v1/schedules", json=HOURLY, headers=headers)).json() == first
    assert (await quiet.http.put(path, headers=headers)).json() == triggered
    other = await quiet.http.post("/api/v1/schedules", json=HOURLY | {"priority": 1}, headers=headers)
    assert other.status_code == 409
    assert len((await quiet.http.get("/api/v1/schedules")).json()) == 1
    assert len((await occurrences(quiet, first))["occurrences"]) == 1


async def test_a_deleted_schedule_is_gone_and_its_jobs_stay(quiet: Site) -> None:
    schedule = await create(quiet)
    job_id = (await put(quiet, schedule, "trigger"))["job_id"]

    answer = await quiet.http.delete(f"/api/v1/schedules/{schedule['schedule_id']}")

    assert answer.json() == {"status": "success", "message": f"Schedule deleted: {schedule['schedule_id']}"}
    assert (await quiet.http.get(f"/api/v1/schedules/{schedule['schedule_id']}")).status_code == 404
    assert not (await quiet.kernel.get(job_id)).final


async def test_the_ledger_is_listed_newest_first_page_by_page(quiet: Site) -> None:
    schedule = await create(quiet, enabled=False)
    for _ in range(5):
        await put(quiet, schedule, "trigger")
    whole = (await occurrences(quiet, schedule))["occurrences"]

    pages, token = [], ""
    while True:
        page = await occurrences(quiet, schedule, page_size=2, page_token=token)
        pages.append(page["occurrences"])
        token = page["next_page_token"]
        if not token:
            break

    assert [len(page) for page in pages] == [2, 2, 1]
    assert [one for page in pages for one in page] == whole
    # Five at the same moment, which tell themselves apart by a microsecond.
    assert [one["fire_time"][19:] for one in whole] == [".000004Z", ".000003Z", ".000002Z", ".000001Z", "Z"]
    assert (await occurrences(quiet, schedule, status="fired"))["occurrences"] == []
    assert len((await occurrences(quiet, schedule, status="triggered"))["occurrences"]) == 5


async def test_wrong_pages_of_the_ledger_are_refused(quiet: Site) -> None:
    path = f"/api/v1/schedules/{(await create(quiet))['schedule_id']}/occurrences"

    for params in ("page_token=zzz", "page_token=n0", "page_size=-1", "status=gone"):
        assert (await quiet.http.get(f"{path}?{params}")).status_code == 400, params


async def test_fire_times_can_be_seen_beforehand(quiet: Site) -> None:
    schedule = await create(quiet, timezone="Europe/Berlin", cron_expression="30 2 * * *")
    path = f"/api/v1/schedules/{schedule['schedule_id']}/preview"

    stored = await quiet.http.get(path, params={"count": 2, "after": "2026-10-24T12:00:00Z"})
    not_stored = await quiet.http.get("/api/v1/schedules:preview", params={"cron_expression": "@hourly", "count": 1})

    # The night in which 2:30 comes twice.
    assert stored.json() == {
        "fire_times": ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"],
        "timezone": "Europe/Berlin",
    }
    assert not_stored.json() == {"fire_times": ["2026-06-01T09:00:00Z"], "timezone": "UTC"}


WRONG_PREVIEWS: list[tuple[dict[str, Any], str]] = [
    ({}, "cron_expression must be given where no schedule is named"),
    ({"cron_expression": "* * * *"}, "Invalid cron expression: it must have five fields"),
    ({"cron_expression": "* * * * *", "timezone": "Mars"}, "timezone must be"),
    ({"cron_expression": "* * * * *", "count": 0}, "count must be between 1 and 1,000"),
    ({"cron_expression": "* * * * *", "count": 1001}, "count must be between 1 and 1,000"),
    ({"cron_expression": "* * * * *", "after": "1969-12-31T23:59:59Z"}, "after must lie between"),
    ({"cron_expression": "* * * * *", "after": "9999-12-31T23:59:59Z"}, "after must lie between"),
]


async def test_wrong_previews_are_refused(quiet: Site) -> None:
    for params, detail in WRONG_PREVIEWS:
        answer = await quiet.http.get("/api/v1/schedules:preview", params=params)

        assert answer.status_code == 400, params
        assert answer.json()["detail"].startswith(detail), params


async def test_schedules_of_other_tenants_are_not_found(quiet: Site) -> None:
    mine = str(uuid.uuid4())
    await quiet.database.write(lambda connection: insert_workflow(connection, mine, tenant="blue"))
    await create(quiet)
    # Of an admin's making, and the workflow's tenant's.
    blue = await create(quiet, workflow_id=mine)

    quiet.clock.stopped_at = None
    async with quiet.client("developer", tenant="blue") as theirs, quiet.client("developer", tenant="red") as others:
        listed = [(await who.get("/api/v1/schedules")).json() for who in (theirs, others)]
        found = await others.put(f"/api/v1/schedules/{blue['schedule_id']}/trigger")
        made = await others.post("/api/v1/schedules", json=HOURLY | {"workflow_id": mine})

    assert listed == [[blue], []]
    assert (found.status_code, made.status_code) == (404, 404)


async def test_the_wire_refuses_the_same_over_grpc(quiet: Site) -> None:
    stub = quiet.stub("orchestrator.ScheduleService")
    request = pb.CreateScheduleRequest(workflow_id=WORKFLOW, schedule_name="Hourly", cron_expression="* * *")

    call = stub.CreateSchedule(request, metadata=quiet.admin)
    code, sentence = await refused(call)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert sentence.startswith("Invalid cron expression: it must have five fields")


async def test_a_schedule_fires_by_itself_and_is_told(site: Site) -> None:
    await site.database.write(insert_workflow)
    now = site.clock()
    # A second before a full minute.
    site.clock.ahead = 60 * SECOND - now % (60 * SECOND) - SECOND
    schedule = await create(site, cron_expression="* * * * *")

    while not (records := (await occurrences(site, schedule))["occurrences"]):
        await asyncio.sleep(0.02)

    assert [(one["status"], one["fire_time"]) for one in records] == [("fired", schedule["next_run"])]
    params = {"event_type": "schedule_triggered"}
    [event] = (await site.http.get("/api/v1/metrics/activity", params=params)).json()["events"]
    assert (event["details"], event["job_id"]) == ("Hourly Sync fired", records[0]["job_id"])
