"""Reports of activity, over HTTP as they are documented."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from server.environments import environment_store
from tests.integration.environments.serving import PATH, Worker, create, look
from tests.integration.orchestrator.serving import Site

# Source: the example of the API's description.
REPORT: dict[str, Any] = {
    "snapshot": {
        "lastIDEActivity": "2025-10-24T11:00:00Z",
        "lastSSHActivity": "2025-10-24T10:55:00Z",
        "activeIDEConnections": 1,
        "activeSSHConnections": 0,
    },
    "timestamp": "2025-10-24T11:00:00Z",
}
NEVER = {"lastIDEActivity": "0001-01-01T00:00:00Z", "lastSSHActivity": "1970-01-01T00:00:00Z"}


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat().replace("+00:00", "Z")


async def report(site: Site, environment_id: str, body: Any = REPORT) -> httpx.Response:
    return await site.http.post(f"{PATH}/{environment_id}/activity", json=body)


async def refusal(site: Site, environment_id: str, body: Any) -> str:
    answer = await report(site, environment_id, body)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST"), answer.text
    message: str = answer.json()["message"]
    return message


async def test_a_report_is_answered_with_what_was_reported(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()

    answer = await report(site, environment_id)

    assert answer.status_code == 200
    assert answer.json() == {"message": "Activity recorded", "environmentId": environment_id} | REPORT


async def test_a_report_without_use_is_answered_too_and_use_moves_the_time_of_access(
    site: Site, worker: Worker
) -> None:
    environment_id = await worker.running()
    made = await look(site.http, environment_id)
    site.clock.ahead += 3_600_000_000

    quiet = await report(site, environment_id, {"snapshot": NEVER, "timestamp": ago(minutes=0)})
    after_quiet = await look(site.http, environment_id)
    await report(
        site, environment_id, {"snapshot": {"lastSSHActivity": ago(minutes=-59)}, "timestamp": ago(minutes=-60)}
    )
    after_use = await look(site.http, environment_id)

    assert quiet.status_code == 200
    assert after_quiet["lastAccessedAt"] == made["lastAccessedAt"]
    assert after_use["lastAccessedAt"] > made["lastAccessedAt"]


SNAPSHOT, TIMESTAMP = REPORT["snapshot"], REPORT["timestamp"]
TOMORROW = ago(days=-1)
AHEAD = "must not be more than 5 minutes ahead of the server's clock"
IDE_CONNECTIONS = "snapshot.activeIDEConnections must be"
HOSTILE: list[tuple[Any, str]] = [
    ({"timestamp": TIMESTAMP}, "snapshot must be given"),
    ({"snapshot": None, "timestamp": TIMESTAMP}, "snapshot must be given"),
    ({"snapshot": SNAPSHOT}, "timestamp must be given"),
    (REPORT | {"timestamp": TOMORROW}, f"timestamp {AHEAD}"),
    (REPORT | {"timestamp": "0001-01-01T00:00:00Z"}, "timestamp must be the time of the report"),
    (REPORT | {"timestamp": "yesterday"}, "timestamp must be a time such as 2024-01-15T10:30:00Z"),
    (REPORT | {"timestamp": 5}, "timestamp must be a string"),
    (REPORT | {"snapshot": SNAPSHOT | {"lastIDEActivity": TOMORROW}}, f"snapshot.lastIDEActivity {AHEAD}"),
    (
        REPORT | {"snapshot": SNAPSHOT | {"lastSSHActivity": "9999-12-31T23:59:59Z"}},
        f"snapshot.lastSSHActivity {AHEAD}",
    ),
    (REPORT | {"snapshot": SNAPSHOT | {"activeIDEConnections": -1}}, f"{IDE_CONNECTIONS} between 0 and 100,000"),
    (REPORT | {"snapshot": SNAPSHOT | {"activeIDEConnections": 100_001}}, f"{IDE_CONNECTIONS} between 0 and 100,000"),
    (
        REPORT | {"snapshot": SNAPSHOT | {"activeIDEConnections": 10**12}},
        f"{IDE_CONNECTIONS} an integer from -2147483648 to 2147483647",
    ),
    (
        REPORT | {"snapshot": SNAPSHOT | {"activeSSHConnections": 1.5}},
        "snapshot.activeSSHConnections must be an integer",
    ),
    (
        REPORT | {"snapshot": SNAPSHOT | {"activeSSHConnections": "2"}},
        "snapshot.activeSSHConnections must be an integer",
    ),
    (REPORT | {"environmentId": "env-other"}, "environmentId must be the one in the path"),
    (REPORT | {"environmentId": ""}, "environmentId must be the one in the path"),
    ([REPORT], "body must be an object"),
]


async def test_hostile_reports_are_refused_by_the_name_of_the_field(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()

    said = [await refusal(site, environment_id, body) for body, _ in HOSTILE]

    assert said == [words for _, words in HOSTILE]
    row = await site.database.read(lambda connection: environment_store.require(connection, environment_id))
    assert row.report_time is None


async def test_a_body_may_repeat_the_id_of_the_path(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()

    for spelling in ("environmentId", "environment_id"):
        answer = await report(site, environment_id, REPORT | {spelling: environment_id})
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "body", [b"{", b'{"snapshot": {} // none\n}', b"\xff", b"null", b'{"snapshot":{},"snapshot":{}}']
)
async def test_broken_json_is_refused(site: Site, worker: Worker, body: bytes) -> None:
    environment_id = (await create(site.http))["id"]

    answer = await site.http.post(f"{PATH}/{environment_id}/activity", content=body)

    assert (answer.status_code, answer.json()["error"]) == (400, "Invalid request")


async def test_an_unknown_environment_is_not_found(site: Site) -> None:
    answer = await report(site, "env-nobody")

    assert answer.status_code == 404
    assert answer.json()["message"] == "environment with ID 'env-nobody' not found"


async def test_activity_never_moves_where_an_environment_stands(site: Site, worker: Worker) -> None:
    environment_id = (await create(site.http))["id"]

    answer = await report(site, environment_id, REPORT | {"timestamp": ago(seconds=1)})

    assert answer.status_code == 200
    assert (await look(site.http, environment_id))["status"] == "CREATING"


async def test_reports_out_of_order_are_answered_and_the_newest_counts(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    newest = {"snapshot": {"activeIDEConnections": 2}, "timestamp": ago(minutes=1)}
    older = {"snapshot": {"activeIDEConnections": 9}, "timestamp": ago(minutes=2)}

    first, second = await report(site, environment_id, newest), await report(site, environment_id, older)

    row = await site.database.read(lambda connection: environment_store.require(connection, environment_id))
    assert (first.status_code, second.status_code, second.json()["snapshot"]["activeIDEConnections"]) == (200, 200, 9)
    assert row.ide_connections == 2


async def test_who_is_no_admin_reports_for_environments_of_their_own(site: Site, worker: Worker) -> None:
    theirs = await worker.running()
    async with site.client("operator") as operator:
        mine = (await create(operator))["id"]

        refused = await operator.post(f"{PATH}/{theirs}/activity", json=REPORT)
        taken = await operator.post(f"{PATH}/{mine}/activity", json=REPORT)

    assert (refused.status_code, taken.status_code) == (404, 200)
