"""Environments in a whole system with the provider of this machine: as documented, by streams, by the command.

What becomes of them when parts are killed stands in test_environment_kills.py.
"""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end import command_line, walk_through
from tests.end_to_end.environment_calls import (
    EVENTS,
    PATH,
    SETTINGS,
    admin,
    agent,
    comes_to,
    compare,
    create,
    delete_all,
    folder,
    is_gone,
    messages,
    nothing_left,
    processes,
    read,
    watched,
)
from tests.end_to_end.system import ROOT, System, wait_until

pytestmark = pytest.mark.timeout(240)

# The published examples, word for word; host and port, and the id, are put in.
CREATE = """\
curl -X POST http://localhost:8080/api/v1/environments \\
  -H "Content-Type: application/json" \\
  -d '{
    "name": "My Dev Environment",
    "cloudProvider": "AZURE",
    "cloudRegion": "eastus",
    "cpuCores": 2,
    "memoryGB": 4,
    "storageGB": 20,
    "baseImage": "mcr.microsoft.com/devcontainers/base:ubuntu"
  }'
"""
GET = "curl http://localhost:8080/api/v1/environments/env-abc123"
START = "curl -X POST http://localhost:8080/api/v1/environments/env-abc123/start"
STOP = "curl -X POST http://localhost:8080/api/v1/environments/env-abc123/stop"
DELETE = "curl -X DELETE http://localhost:8080/api/v1/environments/env-abc123"
ACTIVITY = """\
curl -X POST http://localhost:8080/api/v1/environments/env-abc123/activity \\
  -H "Content-Type: application/json" \\
  -d '{
    "snapshot": {
      "lastIDEActivity": "2025-10-24T11:00:00Z",
      "lastSSHActivity": "2025-10-24T10:55:00Z",
      "activeIDEConnections": 1,
      "activeSSHConnections": 0
    },
    "timestamp": "2025-10-24T11:00:00Z"
  }'
"""
DOCUMENTED_BODY = """{
  "userId": "user-123",
  "name": "my-dev-environment",
  "cloudProvider": "AZURE",
  "cloudRegion": "eastus",
  "cpuCores": 2,
  "memoryGB": 4,
  "storageGB": 20,
  "baseImage": "node",

  // Optional: Dynamic per-workspace configuration
  "githubToken": "ghp_xxxxxxxxxxxx"
}"""
SECRETS = {
    "githubToken": "ghp_of-the-whole-system",
    "codeServerPassword": "password-of-the-whole-system",
    "openaiApiKey": "sk-of-the-whole-system",
}
PAGE = ROOT / "docs" / "how_to" / "environments.md"
SIZE = ("--cpu", "1", "--memory", "1", "--storage", "10")


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system"), SETTINGS) as system:
        system.start()
        yield system
        delete_all(system)


@pytest.fixture(scope="module")
def environment_id(system: System) -> str:
    """One that runs, for tests that harm nothing."""
    created = create(system, **SECRETS)
    comes_to(system, created, "RUNNING")
    return created


def typed(system: System, port: int, command: str, environment_id: str = "") -> tuple[int, Any]:
    """Type a command of the document into a shell; return status and body."""
    command = command.replace("localhost:8080", f"localhost:{port}").replace("env-abc123", environment_id)
    done = subprocess.run(
        ["bash", "-c", f"{command.rstrip()} -s --noproxy '*' -w '\\n%{{http_code}}'"],
        capture_output=True,
        text=True,
        check=True,
    )
    body, _, status = done.stdout.rpartition("\n")
    return int(status), json.loads(body)


@pytest.mark.parametrize("listener", ["agent_port", "http_port"])
def test_the_documented_calls_do_what_the_document_says(system: System, listener: str) -> None:
    port = getattr(system, listener)

    status, created = typed(system, port, CREATE)
    one = created["environment"]["id"]
    running = comes_to(system, one, "RUNNING")
    shown = typed(system, port, GET, one)
    reported = typed(system, port, ACTIVITY, one)
    stopped = typed(system, port, STOP, one)
    standing = comes_to(system, one, "STOPPED")
    again = typed(system, port, STOP, one)
    started = typed(system, port, START, one)
    comes_to(system, one, "RUNNING")
    deleted = typed(system, port, DELETE, one)
    is_gone(system, one)
    missing = typed(system, port, GET, one)

    assert status == 201
    assert (created["message"], created["environment"]["status"]) == ("Environment created successfully", "CREATING")
    assert re.fullmatch(r"env-[a-z0-9]{12}", one)
    assert created["environment"]["userId"] == "default-user"
    assert "vsCodeUrl" not in created["environment"]
    assert shown[0] == 200
    assert (running["memoryGB"], running["cloudProvider"]) == (4, "AZURE")
    assert running["vsCodeUrl"].startswith("http://127.0.0.1:")
    assert reported == (
        200,
        {
            "message": "Activity recorded",
            "environmentId": one,
            "snapshot": {
                "lastIDEActivity": "2025-10-24T11:00:00Z",
                "lastSSHActivity": "2025-10-24T10:55:00Z",
                "activeIDEConnections": 1,
                "activeSSHConnections": 0,
            },
            "timestamp": "2025-10-24T11:00:00Z",
        },
    )
    assert stopped == (200, {"message": "Environment stopped successfully", "id": one})
    assert "vsCodeUrl" not in standing
    assert again[0] == 400
    assert set(again[1]) >= {"error", "message", "code"}
    assert "STOPPED" in again[1]["message"]
    assert started == (200, {"message": "Environment started successfully", "id": one})
    assert deleted == (200, {"message": "Environment deleted successfully", "id": one})
    assert missing[0] == 404
    assert missing[1]["error"] == "Resource not found"
    assert (missing[1]["message"], missing[1]["code"]) == (f"environment with ID '{one}' not found", "NOT_FOUND")
    nothing_left(system, one)


@pytest.mark.parametrize("listener", ["agent_port", "http_port"])
def test_the_body_of_the_document_with_its_comments_is_refused(system: System, listener: str) -> None:
    answer = httpx.post(
        f"http://127.0.0.1:{getattr(system, listener)}{PATH}",
        content=DOCUMENTED_BODY,
        headers={"content-type": "application/json"},
        trust_env=False,
    )

    refused = answer.json()
    assert answer.status_code == 400
    assert (refused["error"], refused["code"]) == ("Invalid request", "INVALID_REQUEST")
    assert "JSON" in refused["message"]


def test_an_environment_is_watched_from_its_making_to_its_end(system: System) -> None:
    one = create(system)
    told = []
    with watched(agent(system), one) as changes:
        for event, shown in changes:
            told.append((event, shown))
            if shown.get("status") == "RUNNING":
                system.client.delete(f"{PATH}/{one}")

    statuses = list(dict.fromkeys(shown["status"] for _, shown in told[:-1]))
    steps = {shown["step"]["name"] for _, shown in told[:-1] if "step" in shown}
    assert statuses[0] in {"CREATING", "RUNNING"}
    assert statuses[-2:] == ["RUNNING", "DELETING"] or statuses[-1:] == ["RUNNING"]
    assert steps
    last_event, last = told[-1]
    assert last_event
    assert last["id"] == one


def test_its_editor_opens_at_the_address_it_shows(system: System, environment_id: str) -> None:
    environment = comes_to(system, environment_id, "RUNNING")

    opened = httpx.get(environment["vsCodeUrl"], follow_redirects=True, trust_env=False)
    ports = system.client.get(f"{PATH}/{environment_id}/ports").json()["ports"]

    # The stand-in for an editor knows no /lab.
    assert opened.status_code in {200, 404}
    assert ports[0]["name"] == "ide"
    assert environment["vsCodeUrl"].startswith(f"http://127.0.0.1:{ports[0]['port']}/")


def test_a_command_runs_in_it_and_its_lines_and_its_end_are_streamed(system: System, environment_id: str) -> None:
    script = "pwd; cat one 2>&1; echo $GITHUB_TOKEN ${#GITHUB_TOKEN}; exit 3"
    body = {"command": ["sh", "-c", script]}
    with system.client.stream("POST", f"{PATH}/{environment_id}/exec", json=body, headers=EVENTS) as answer:
        *lines, (event, end) = list(messages(answer))

    texts = [line["text"] for _, line in lines]
    assert texts[0] == str(folder(system, environment_id) / "workspace")
    assert "No such file" in texts[1]
    # It has the secret, and shows it to nobody.
    assert texts[2] == "*** 23"
    assert (event, end) == ("end", {"exitCode": 3})


def test_its_log_is_streamed_with_an_end(system: System, environment_id: str) -> None:
    with system.client.stream("GET", f"{PATH}/{environment_id}/logs?tail=50", headers=EVENTS) as answer:
        *lines, (event, _) = list(messages(answer))

    assert event == "end"
    assert [line["seq"] for _, line in lines] == list(range(1, len(lines) + 1))


def test_a_caller_who_leaves_ends_the_command(system: System, environment_id: str) -> None:
    body = {"command": ["sh", "-c", "echo begun; sleep 600"], "timeoutSeconds": 600}
    before = {process.pid for process in processes(environment_id)}
    with system.client.stream("POST", f"{PATH}/{environment_id}/exec", json=body, headers=EVENTS) as answer:
        first = next(messages(answer))

    assert first[1]["text"] == "begun"
    wait_until(
        lambda: {process.pid for process in processes(environment_id)} <= before,
        timeout=30,
        what=lambda: f"{processes(environment_id)}",
    )


def test_whoever_uses_it_is_reported_by_its_supervisor(system: System, environment_id: str) -> None:
    (port,) = [one["port"] for one in ports_of(system, environment_id) if one["name"] == "ide"]

    def accessed() -> datetime:
        environment = read(system, environment_id)
        assert environment is not None
        return datetime.fromisoformat(environment["lastAccessedAt"])

    since = accessed()
    with socket.create_connection(("127.0.0.1", port)):
        wait_until(lambda: accessed() > since, timeout=60, what=lambda: f"{since} {log_text(system, environment_id)}")


def ports_of(system: System, environment_id: str) -> list[dict[str, Any]]:
    ports: list[dict[str, Any]] = system.client.get(f"{PATH}/{environment_id}/ports").json()["ports"]
    return ports


def log_text(system: System, environment_id: str) -> str:
    return (folder(system, environment_id) / "environment.log").read_text(errors="replace")[-2000:]


def test_its_secrets_are_nowhere_but_in_its_processes(system: System, environment_id: str) -> None:
    shown = json.dumps(read(system, environment_id))
    # Files that change while they are read are read as they are.
    kept = b"".join(path.read_bytes() for path in system.folder.rglob("*") if path.is_file())
    lines = [" ".join(process.cmdline()) for process in processes(environment_id)]
    variables = [process.environ() for process in processes(environment_id)]

    assert any(found.get("GITHUB_TOKEN") == SECRETS["githubToken"] for found in variables)
    for secret in SECRETS.values():
        assert secret not in shown
        assert secret.encode() not in kept
        assert not [line for line in lines if secret in line]


def test_a_user_meets_no_environment_of_somebody_else(system: System, environment_id: str) -> None:
    made = system.client.post(
        "/api/v1/users",
        json={"username": "anna", "password": "password-of-anna", "roles": ["operator"]},
        headers=admin(system),
    )
    assert made.status_code == 201, made.text
    login = system.client.post("/api/v1/auth/login", json={"username": "anna", "password": "password-of-anna"})
    anna = {"authorization": f"Bearer {login.json()['access_token']}"}

    foreign = [
        system.client.get(f"{PATH}/{environment_id}", headers=anna),
        system.client.post(f"{PATH}/{environment_id}/stop", headers=anna),
        system.client.delete(f"{PATH}/{environment_id}", headers=anna),
    ]
    listed = system.client.get(PATH, headers=anna).json()

    assert [answer.status_code for answer in foreign] == [404] * 3
    assert listed == {"environments": [], "total": 0, "page": 1, "pageSize": 20}


# The command.


def carried_out(system: System, *words: str) -> tuple[int, str, str]:
    return command_line.carried_out(system, "env", *words)


def answer(system: System, *words: str) -> list[Any]:
    """The documents that a command prints with --json."""
    exit_code, out, err = carried_out(system, *words, "--json")
    assert (exit_code, err) == (0, ""), (out, err, system.output("worker"))
    return [json.loads(line) for line in out.splitlines()]


def test_the_command_makes_uses_stops_starts_and_deletes(system: System, tmp_path: Path) -> None:
    (tmp_path / "secrets.yaml").write_text(json.dumps({"codeServerPassword": "p", "gitUserName": "John Doe"}))
    place = ("--provider", "GCP", "--region", "europe-west4", "--secrets-file", str(tmp_path / "secrets.yaml"))
    code, out, err = carried_out(system, "create", "by hand", *place, *SIZE)
    one = out.strip()
    shown = carried_out(system, "show", one)[1]
    (listed,) = answer(system, "list", "--status", "RUNNING")
    run = carried_out(system, "exec", one, "--", "sh", "-c", "echo hello $GIT_AUTHOR_NAME")
    failed = carried_out(system, "exec", one, "--", "false")
    logs = carried_out(system, "logs", one)
    (ports,) = answer(system, "ports", one)
    (cost,) = answer(system, "cost", one)
    kept = carried_out(system, "keep-awake", one, "--minutes", "5", "--reason", "a build")
    awake = carried_out(system, "show", one)[1]
    slept = carried_out(system, "keep-awake", one, "--off")
    decisions = answer(system, "decisions", one)
    stopped = carried_out(system, "stop", one)
    started = answer(system, "start", one)
    deleted = carried_out(system, "delete", one)

    assert (code, "RUNNING at http://127.0.0.1:" in err) == (0, True), err
    assert re.search(r"^Opens at +http://127\.0\.0\.1:\d+/", shown, re.MULTILINE)
    assert re.search(r"^Runs at +local europe-west4 \(asked for: GCP\)$", shown, re.MULTILINE)
    assert one in {each["id"] for each in listed["environments"]}
    assert run[:2] == (0, "hello John Doe\n"), run
    assert (failed[0], failed[2]) == (1, "switchyard: the command ended with exit code 1\n")
    assert logs[0] == 0
    assert ports["ports"][0]["name"] == "ide"
    assert (cost["environmentId"], cost["rates"]["runningHour"]) == (one, 0)
    assert (kept[0], slept[0]) == (0, 0), (kept, slept)
    assert "a build" in awake
    assert "decisions" in decisions[0]
    assert (stopped[0], stopped[1]) == (0, f"{one}\n"), stopped
    assert started[-1]["status"] == "RUNNING"
    assert (deleted[0], deleted[1]) == (0, f"{one}\n"), deleted
    nothing_left(system, one)


def test_the_command_keeps_templates(system: System, tmp_path: Path) -> None:
    (tmp_path / "node.yaml").write_text(
        "templateId: node\ncpuCores: 1\nmemoryGB: 2\nports: [{name: app, port: 3000}]\n"
    )
    added = carried_out(system, "templates", "add", str(tmp_path / "node.yaml"))
    twice = carried_out(system, "templates", "add", str(tmp_path / "node.yaml"))
    (tmp_path / "node.yaml").write_text("memoryGB: 4\ntemplateId: node\n")
    updated = carried_out(system, "templates", "update", "node", str(tmp_path / "node.yaml"))
    (shown,) = answer(system, "templates", "show", "node")
    listed = carried_out(system, "templates", "list")[1]
    deleted = carried_out(system, "templates", "delete", "node")

    assert added[:2] == (0, "node\n"), added
    assert (twice[0], len(twice[2].splitlines())) == (1, 1)
    assert (updated[0], shown["memoryGB"], shown["ports"]) == (0, 4, [])
    assert "node" in listed
    assert deleted[0] == 0
    assert carried_out(system, "templates", "show", "node")[0] == 3


def test_the_command_keeps_schedules_of_an_environment(system: System, environment_id: str) -> None:
    zone = ("--timezone", "Europe/Amsterdam")
    made = carried_out(system, "schedules", "add", environment_id, "start", "0 8 * * 1-5", *zone)
    (listed,) = answer(system, "schedules", "list", environment_id)
    people = carried_out(system, "schedules", "list", environment_id)[1]
    removed = carried_out(system, "schedules", "remove", environment_id, made[1].strip())
    (afterwards,) = answer(system, "schedules", "list", environment_id)

    (schedule,) = listed["schedules"]
    assert (made[0], made[2], schedule["scheduleId"]) == (0, "", made[1].strip())
    assert (schedule["action"], schedule["timezone"]) == ("start", "Europe/Amsterdam")
    assert schedule["nextRun"]
    assert "0 8 * * 1-5" in people
    assert removed[0] == 0
    assert afterwards == {"schedules": []}


def test_the_command_keeps_quotas(system: System, environment_id: str) -> None:
    owner = (read(system, environment_id) or {})["userId"]
    before = carried_out(system, "quotas", "show", owner)[1]
    (made,) = answer(system, "quotas", "set", owner, "--environments", "7", "--cpu", "64")
    (shown,) = answer(system, "quotas", "show", owner)
    reset = carried_out(system, "quotas", "reset", owner)
    (afterwards,) = answer(system, "quotas", "show", owner)

    assert re.search(r"^Environments +[1-9]\d* of 10$", before, re.MULTILINE)
    assert re.search(r"^Memory in GB +[1-9]\d* of any number$", before, re.MULTILINE)
    assert made["limit"] == {"environments": 7, "cpuCores": 64, "memoryGB": None, "storageGB": None}
    assert (shown["limit"], shown["default"]) == (made["limit"], False)
    assert reset[:2] == (0, f"{owner} has the quota of the server\n")
    assert (afterwards["limit"]["environments"], afterwards["default"]) == (10, True)


def test_the_command_changes_name_and_stopping(system: System, environment_id: str) -> None:
    (changed,) = answer(system, "update", environment_id, "--auto-stop", "0", "--max-run", "600")
    renamed = carried_out(system, "update", environment_id, "--name", changed["name"])[1]

    assert (changed["autoStopMinutes"], changed["maxRunMinutes"]) == (0, 600)
    assert renamed == f"changed {environment_id}, stops 600 minutes after a start in any case\n"


def test_the_command_estimates_what_one_would_cost(system: System) -> None:
    (estimate,) = answer(system, "cost", "--provider", "AZURE", "--cpu", "2")

    assert estimate["rates"]["runningHour"] >= estimate["rates"]["stoppedHour"] >= 0


def test_the_command_lists_and_removes_what_belongs_to_nobody(system: System) -> None:
    left = folder(system, "env-left0behind")
    (left / "workspace").mkdir(parents=True)
    compared = carried_out(system, "reconcile")
    followed = command_line.carried_out(system, "tasks", "watch", compared[1].strip())

    (comparisons,) = answer(system, "comparisons")
    (listed,) = answer(system, "orphans", "list")
    removed = carried_out(system, "orphans", "remove", "local", left.name)
    wait_until(lambda: not left.exists(), timeout=30, what=lambda: system.output("worker"))
    compare(system)
    (afterwards,) = answer(system, "orphans", "list")
    tasks = system.client.get("/api/tasks?kind=compare_environments", headers=admin(system))

    assert (compared[0], followed[0], followed[1].splitlines()[-1]) == (0, 0, "succeeded")
    assert [(one["provider"], one["orphans"]) for one in comparisons["comparisons"]] == [("local", 1)]
    assert [(one["provider"], one["environmentId"]) for one in listed["orphans"]] == [("local", left.name)]
    assert removed[0] == 0, removed
    assert afterwards["orphans"] == []
    # What a worker reports as its result can be shown.
    assert tasks.status_code == 200
    assert tasks.json()["tasks"]


@pytest.mark.parametrize(
    ("words", "exit_code", "sentence"),
    [
        (("show", "env-000000000000"), 3, "not found"),
        (("watch", "env-000000000000"), 3, "not found"),
        (("exec", "env-000000000000", "--", "true"), 3, "not found"),
        (("delete", "env-000000000000"), 3, "not found"),
        (("create", "x", "--provider", "AZURE", "--region", "atlantis", *SIZE), 2, "atlantis"),
        (("create", "x", "--provider", "IBM", "--region", "eastus"), 2, "IBM"),
        (("create", "x", "--provider", "AZURE", "--region", "eastus"), 2, "cpuCores"),
        (("cost",), 2, "--provider"),
        (("keep-awake", "env-000000000000"), 2, "--minutes"),
        (("orphans", "remove", "local", "env-000000000000"), 3, ""),
        (("schedules", "list", "env-000000000000"), 3, "not found"),
        (("schedules", "add", "env-000000000000", "restart", "@daily"), 2, "restart"),
        (("quotas", "set", "anna"), 2, "nothing to set"),
        (("update", "env-000000000000"), 2, "nothing to change"),
    ],
)  # fmt: skip
def test_a_refusal_is_one_line_and_an_exit_code(
    system: System, words: tuple[str, ...], exit_code: int, sentence: str
) -> None:
    code, out, err = carried_out(system, *words)

    assert (code, out) == (exit_code, ""), err
    assert err.startswith("switchyard: ")
    assert sentence in err
    assert len(err.splitlines()) == 1


# The page of docs.


def shown_by(system: System, block: str) -> str:
    """What a block of the page shows."""
    return walk_through.typed(system, PAGE, block, {"127.0.0.1:8080": f"127.0.0.1:{system.agent_port}"})


def test_the_first_environment_of_the_page(system: System) -> None:
    shown = shown_by(system, "http")

    assert "http://127.0.0.1:" in shown
    assert '/workspace"' in shown
    assert '"message":"Environment stopped successfully"' in shown
    assert '"message":"Environment deleted successfully"' in shown


def test_the_commands_of_the_page(system: System) -> None:
    shown = shown_by(system, "command")

    assert "RUNNING at http://127.0.0.1:" in shown
    assert "git version" in shown
    assert shown.rstrip().endswith("it is gone")


def test_the_page_knows_the_settings_and_the_addresses_it_names_exist(system: System) -> None:
    page = PAGE.read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    routes = httpx.get(f"{system.url}/openapi.json", trust_env=False).json()["paths"]

    for setting in ("AGENT_PORT", "AGENT_URL", "ENVIRONMENT_RECONCILE_SECONDS", "LOCAL_IDE_COMMAND"):
        assert f"`{setting}`" in page
        assert f"`{setting}`" in readme
    for route in re.findall(r"`(?:GET |POST )?(/api/v1/environment[a-z0-9/:-]*)`", page):
        assert route in routes, route
    calls = {route.rpartition("}")[2] for route in routes if route.startswith("/api/v1/environments/{")}
    for route in re.findall(r"`(?:GET |POST |PATCH |DELETE )?(?:\.\.\.)?/\{id\}(/[a-z-]+)`", page):
        assert route in calls, route
