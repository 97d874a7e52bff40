"""The published API of bot instances, call by call, over HTTP against a running system."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.system import System, wait_until

COOKIES = {
    "cookies": [{"name": "a", "value": "b", "domain": "127.0.0.1", "path": "/", "expires": -1}],
    "origins": [],
}
UNKNOWN = "550e8400-e29b-41d4-a716-446655440000"


@pytest.fixture
def instance(shared_system: System) -> str:
    return shared_system.create_instance("noop")


def test_an_instance_has_the_documented_keys(shared_system: System, instance: str) -> None:
    found = shared_system.client.get(f"/api/bot-instances/{instance}").json()

    assert list(found) == [
        "id",
        "owner_type",
        "owner_id",
        "bot_code",
        "status",
        "config_path",
        "validation_status",
        "last_validated_at",
        "created_at",
        "updated_at",
    ]
    folder = shared_system.data_dir / "tenants" / "user-dev-user-123" / "bots" / instance
    assert found["config_path"] == str(folder / "config.yaml")
    assert (found["owner_type"], found["status"], found["validation_status"]) == ("user", "inactive", None)
    assert {path.name for path in folder.iterdir()} >= {"secrets", "inputs", "logs", "state", "config.yaml"}


def test_cookies_are_stored_for_the_owner_alone(shared_system: System, instance: str) -> None:
    files = {"file": ("../../evil.json", json.dumps(COOKIES))}

    answer = shared_system.client.post(f"/api/bot-instances/{instance}/upload-cookies", files=files)

    assert (answer.status_code, answer.json()) == (200, {"ok": True})
    stored = Path(config_path(shared_system, instance)).parent / "secrets" / "storageState.json"
    assert json.loads(stored.read_text())["cookies"][0]["name"] == "a"
    assert stored.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"not json", 400),
        (b"[1, 2]", 400),
        (b'{"cookies": 5}', 400),
        (b"\xff\xfe", 400),
        (b"", 400),
        (b"[" * 100_000, 400),
        (b'{"cookies": [], "pad": "' + b"x" * 5_300_000 + b'"}', 413),
    ],
)
def test_bad_cookies_are_refused_and_the_good_ones_kept(
    shared_system: System, instance: str, body: bytes, status: int
) -> None:
    path = f"/api/bot-instances/{instance}/upload-cookies"
    shared_system.client.post(path, files={"file": json.dumps(COOKIES)})

    answer = shared_system.client.post(path, files={"file": body})

    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)
    stored = Path(config_path(shared_system, instance)).parent / "secrets" / "storageState.json"
    assert json.loads(stored.read_text())["cookies"][0]["name"] == "a"


def test_validation_finds_a_good_instance_valid(shared_system: System, instance: str) -> None:
    shared_system.client.post(f"/api/bot-instances/{instance}/upload-cookies", files={"file": json.dumps(COOKIES)})

    answer = shared_system.client.post(f"/api/bot-instances/{instance}/validate")

    assert answer.json()["status"] == "queued"
    found = validated(shared_system, instance)
    assert (found["validation_status"], found["errors"]) == ("valid", [])
    assert found["last_validated_at"] is not None


def test_validation_names_what_is_wrong(shared_system: System, instance: str) -> None:
    config = Path(config_path(shared_system, instance))
    config.write_text("bot_code: noop\nheadless: perhaps\ntimezone: Europe/Atlantis\n")

    shared_system.client.post(f"/api/bot-instances/{instance}/validate")

    found = validated(shared_system, instance)
    assert found["validation_status"] == "invalid"
    assert any("headless" in reason for reason in found["errors"])
    assert any("Europe/Atlantis" in reason for reason in found["errors"])


@pytest.mark.parametrize(
    "text",
    [
        "phases: [",
        "- a list",
        "bot_code: noop\nphases: 5\n",
        "\x00",
        "bot_code: noop\nphases: [{name: a, steps: [{flly: {}}]}]",
    ],
)
def test_a_broken_configuration_ends_the_run_with_a_readable_reason(
    shared_system: System, instance: str, text: str
) -> None:
    Path(config_path(shared_system, instance)).write_text(text)

    ended = shared_system.wait_for(instance, shared_system.start_run(instance))

    assert (ended["status"], ended["error_code"]) == ("error", "ConfigInvalid")
    assert ended["error_message"]
    assert shared_system.log_text(instance, ended["id"])
    assert shared_system.client.get(f"/api/bot-instances/{instance}").json()["status"] == "error"


def test_a_run_has_the_documented_keys(shared_system: System, instance: str) -> None:
    run = shared_system.start_run(instance)
    shared_system.wait_for(instance, run)

    [found] = shared_system.client.get(f"/api/bot-instances/{instance}/runs").json()

    assert list(found) == [
        "id",
        "org_id",
        "bot_id",
        "config_id",
        "schedule_id",
        "status",
        "queued_at",
        "started_at",
        "finished_at",
        "worker_host",
        "image_ref",
        "exit_code",
        "error_code",
        "artifacts_url",
        "cost_credits",
    ]
    assert (found["id"], found["org_id"], found["bot_id"]) == (run, "dev-user-123", "noop")
    assert (found["status"], found["image_ref"], found["exit_code"]) == ("success", "bot-noop:latest", 0)


def test_a_second_start_is_refused_while_a_run_is_active(shared_system: System, instance: str) -> None:
    run = shared_system.start_run(instance, params={"seconds": 5})

    answer = shared_system.client.post(f"/api/bot-instances/{instance}/start")

    assert answer.status_code == 409
    assert run in answer.json()["detail"] or "run" in answer.json()["detail"]
    shared_system.client.post(f"/api/bot-instances/{instance}/stop")
    shared_system.wait_for(instance, run)


def test_the_same_idempotency_key_starts_one_run(shared_system: System, instance: str) -> None:
    path, headers = f"/api/bot-instances/{instance}/start", {"Idempotency-Key": "once"}

    first, second = (shared_system.client.post(path, json={"priority": 3}, headers=headers) for _ in range(2))
    other = shared_system.client.post(path, json={"priority": 4}, headers=headers)

    assert (first.status_code, first.json()) == (second.status_code, second.json())
    assert other.status_code == 409
    assert len(shared_system.client.get(f"/api/bot-instances/{instance}/runs").json()) == 1


def test_the_stream_names_the_instance_then_follows_the_run_and_ends_with_its_state(
    shared_system: System, instance: str
) -> None:
    run = shared_system.start_run(instance)

    events = list(shared_system.events(instance))

    assert [event.data for event in events[:3]] == [
        f"Starting bot instance {instance}...",
        "Bot code: noop",
        events[2].data,
    ]
    assert events[2].data.startswith("Status: ")
    assert [event.id for event in events[:3]] == ["", "", ""]
    assert [event.id for event in events[3:-1]] == [f"{run}:{n}" for n in range(1, len(events) - 3)]
    assert (events[-1].event, events[-1].data) == ("end", "success")


def test_a_stream_without_a_run_follows_the_first_one_that_starts(shared_system: System, instance: str) -> None:
    stream = shared_system.events(instance)
    for _ in range(3):
        next(stream)

    run = shared_system.start_run(instance)

    assert next(stream).id == f"{run}:1"
    assert list(stream)[-1].event == "end"


def test_the_log_downloads_as_text(shared_system: System, instance: str) -> None:
    run = shared_system.start_run(instance)
    shared_system.wait_for(instance, run)

    answer = shared_system.client.get(f"/api/bot-instances/{instance}/runs/{run}/logs", params={"format": "text"})

    assert answer.headers["content-type"].startswith("text/plain")
    stored = shared_system.log_lines(instance, run)
    assert [line.partition(" - ")[2] for line in answer.text.splitlines()] == [line["message"] for line in stored]


def test_artifacts_list_and_download_with_size_and_hash(shared_system: System, instance: str) -> None:
    run = shared_system.start_run(instance)
    ended = shared_system.wait_for(instance, run)

    listed = shared_system.client.get(ended["artifacts_url"]).json()["artifacts"]

    result = next(artifact for artifact in listed if artifact["name"] == "result.json")
    body = shared_system.client.get(f"{ended['artifacts_url']}/result.json")
    assert len(body.content) == result["size_bytes"]
    assert body.json()["status"] == "success"


@pytest.mark.parametrize("name", ["..%2F..%2Fconfig.yaml", "%2e%2e", ".hidden", "a%5Cb", "a%00b", "x" * 300])
def test_media_names_stay_inside_the_folder(shared_system: System, instance: str, name: str) -> None:
    before = sorted(shared_system.data_dir.rglob("*config.yaml"))

    answer = shared_system.client.put(f"/api/bot-instances/{instance}/inputs/media/{name}", content=b"x")

    assert answer.status_code in {400, 404}
    assert sorted(shared_system.data_dir.rglob("*config.yaml")) == before


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"owner_type": "team", "owner_id": "a", "bot_code": "noop"}, "owner_type"),
        ({"owner_type": "user", "bot_code": "noop"}, "owner_id"),
        ({"owner_type": "user", "owner_id": "../x", "bot_code": "noop"}, "owner_id"),
        ({"owner_type": "user", "owner_id": 5, "bot_code": "noop"}, "owner_id"),
        ({"owner_type": "user", "owner_id": "a", "bot_code": "../noop"}, "bot_code"),
        ({"owner_type": "user", "owner_id": "a", "bot_code": "noop", "config": []}, "config"),
        ({"owner_type": "user", "owner_id": "a", "bot_code": "noop", "config": {"headless": "x"}}, "headless"),
        (
            {"owner_type": "user", "owner_id": "a", "bot_code": "noop", "config": {"cookies_path": "/etc/passwd"}},
            "cookies_path",
        ),
    ],
)
def test_a_bad_instance_is_refused_by_name_and_leaves_nothing(
    shared_system: System, body: dict[str, Any], field: str
) -> None:
    before = shared_system.client.get("/api/bot-instances").json()["total"]

    answer = shared_system.client.post("/api/bot-instances", json=body)

    assert answer.status_code == 400
    assert field in answer.json()["detail"]
    assert any(field in error["field"] for error in answer.json()["errors"])
    assert shared_system.client.get("/api/bot-instances").json()["total"] == before


@pytest.mark.parametrize(
    "query", ["page=0", "per_page=101", "per_page=abc", "page=2.5", "status=asleep", "owner_type=team", "page=1&page=2"]
)
def test_a_bad_filter_is_refused(shared_system: System, query: str) -> None:
    answer = shared_system.client.get(f"/api/bot-instances?{query}")

    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json()["detail"]


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'"x"', b"\xff", b'{"priority": 21}', b'{"priority": "5"}', b'{"priority": 2.5}']
)
def test_a_bad_start_is_refused(shared_system: System, instance: str, body: bytes) -> None:
    answer = shared_system.client.post(f"/api/bot-instances/{instance}/start", content=body)

    assert answer.status_code == 400
    assert shared_system.client.get(f"/api/bot-instances/{instance}/runs").json() == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", "/validate"),
        ("POST", "/start"),
        ("POST", "/stop"),
        ("GET", "/runs"),
        ("GET", "/logs/stream"),
        ("GET", "/validation"),
        ("PUT", "/inputs/media/a.png"),
        ("DELETE", ""),
    ],
)
def test_an_unknown_instance_is_not_found(shared_system: System, method: str, path: str) -> None:
    answer = shared_system.client.request(method, f"/api/bot-instances/{UNKNOWN}{path}")

    assert answer.status_code == 404
    assert answer.json() == {"detail": "Bot instance not found"}


def test_unknown_routes_and_methods_speak_the_same_error_shape(shared_system: System) -> None:
    missing = shared_system.client.get("/api/nothing")
    wrong = shared_system.client.delete("/api/bot-instances")

    assert (missing.status_code, list(missing.json())) == (404, ["detail"])
    assert (wrong.status_code, list(wrong.json())) == (405, ["detail"])
    assert "GET" in wrong.headers["allow"]


def test_a_page_beyond_the_end_is_empty(shared_system: System, instance: str) -> None:
    found = shared_system.client.get("/api/bot-instances?page=1000000").json()

    assert (found["bot_instances"], found["page"]) == ([], 1_000_000)
    assert found["total"] >= 1


def test_an_instance_with_an_active_run_is_deleted_only_by_force(shared_system: System, instance: str) -> None:
    run = shared_system.start_run(instance, params={"seconds": 30})
    shared_system.wait_for(instance, run, "running")
    folder = Path(config_path(shared_system, instance)).parent

    refused = shared_system.client.delete(f"/api/bot-instances/{instance}")
    forced = shared_system.client.delete(f"/api/bot-instances/{instance}?force=true")

    assert refused.status_code == 409
    assert (forced.status_code, forced.json()) == (200, {"ok": True})
    assert not folder.exists()
    assert shared_system.client.get(f"/api/bot-instances/{instance}").status_code == 404


def test_a_foreign_page_cannot_use_the_local_rule(shared_system: System, instance: str) -> None:
    for headers in [{"Origin": "https://evil.example"}, {"Host": "evil.example"}, {"X-Forwarded-For": "1.2.3.4"}]:
        assert shared_system.client.get(f"/api/bot-instances/{instance}", headers=headers).status_code == 401


def test_a_wrong_credential_is_refused_even_locally(shared_system: System, instance: str) -> None:
    answer = shared_system.client.get(f"/api/bot-instances/{instance}", headers={"X-API-Key": "wrong"})

    assert answer.status_code == 401


def validated(system: System, instance: str) -> dict[str, Any]:
    """The validation of an instance once it is no longer pending."""

    def read() -> dict[str, Any]:
        return dict(system.client.get(f"/api/bot-instances/{instance}/validation").json())

    wait_until(lambda: read()["validation_status"] not in {None, "pending"}, timeout=20, what=lambda: str(read()))
    return read()


def config_path(system: System, instance: str) -> str:
    """Where config.yaml of an instance stands."""
    return str(system.client.get(f"/api/bot-instances/{instance}").json()["config_path"])


def test_validate_complete_takes_a_verdict_from_outside(shared_system: System, instance: str) -> None:
    path = f"/api/bot-instances/{instance}/validate/complete"
    good = {"instance_id": instance, "status": "invalid", "error": "the login has expired"}

    for bad in ({**good, "instance_id": UNKNOWN}, {**good, "status": "pending"}, {**good, "status": "fine"}):
        assert shared_system.client.post(path, json=bad).status_code == 400
    before = time.time()
    assert shared_system.client.post(path, json=good).status_code == 200

    found = shared_system.client.get(f"/api/bot-instances/{instance}/validation").json()
    assert (found["validation_status"], found["errors"]) == ("invalid", ["the login has expired"])
    assert found["last_validated_at"] > time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(before - 1))
