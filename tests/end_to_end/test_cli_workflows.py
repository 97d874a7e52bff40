"""Workflows, jobs, schedules, secrets and robots on the command line, against a running system."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.command_line import carried_out as switchyard
from tests.end_to_end.command_line import command
from tests.end_to_end.system import System, wait_until

NODES = {"start": {"type": "StartNode"}, "say": {"type": "LogNode", "config": {"message": "hello {{who}}"}}}
EDGES = [{"out": ["start", "exec_out"], "in": ["say", "exec_in"]}]
UNKNOWN = "550e8400-e29b-41d4-a716-446655440000"


@pytest.fixture(scope="module")
def system(shared_system: System) -> System:
    """A system whose worker has said which nodes it knows."""
    wait_until(
        lambda: bool(answer(shared_system, "fleet", "list")), timeout=30, what=lambda: shared_system.output("worker")
    )
    return shared_system


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "greet.json"
    path.write_text(json.dumps({"nodes": NODES, "connections": EDGES}))
    return path


def answer(system: System, *words: str) -> Any:
    """The document that a command prints with --json."""
    exit_code, out, err = switchyard(system, *words, "--json")
    assert (exit_code, err) == (0, ""), (out, err)
    return json.loads(out)


def long_file(folder: Path) -> Path:
    path = folder / "long.json"
    nodes = {"start": {"type": "StartNode"}, "say": {"type": "WaitNode", "config": {"seconds": 600}}}
    path.write_text(json.dumps({"nodes": nodes, "connections": EDGES}))
    return path


def submitted(system: System, file: Path) -> str:
    """Id of a workflow that is stored, and started by its webhook only."""
    return str(answer(system, "workflow", "submit", str(file), "--webhook")["workflow_id"])


def status(system: System, job_id: str) -> str:
    return str(answer(system, "job", "show", job_id)["status"])


def test_submit_with_wait_shows_the_log_and_ends_with_the_job(system: System, file: Path) -> None:
    exit_code, out, err = switchyard(system, "workflow", "submit", str(file), "--var", "who=you", "--wait")

    facts, log = out.splitlines()[:2], out.splitlines()[2:]
    assert exit_code == 0, err
    assert [line.split()[0] for line in facts] == ["Workflow", "Job"]
    assert any(line.endswith(" - hello you") for line in log)


def test_a_job_that_fails_makes_the_exit_code_1(system: System, tmp_path: Path) -> None:
    # An input that is missing would be missing again: there is no other attempt.
    nodes = {"start": {"type": "StartNode"}, "say": {"type": "IncrementVariableNode"}}
    (tmp_path / "f.json").write_text(json.dumps({"nodes": nodes, "connections": EDGES}))

    exit_code, _, err = switchyard(system, "workflow", "submit", str(tmp_path / "f.json"), "--wait")

    assert exit_code == 1
    assert err.splitlines()[-1].startswith("switchyard: job ")
    assert " failed: " in err.splitlines()[-1]


def test_programs_get_the_answer_each_line_and_the_end(system: System, file: Path) -> None:
    workflow_id = submitted(system, file)

    exit_code, out, err = switchyard(system, "workflow", "start", workflow_id, "--var", "who=3", "--wait", "--json")

    started, *lines, end = (json.loads(line) for line in out.splitlines())
    job = answer(system, "job", "show", started["job_id"])
    assert (exit_code, err) == (0, "")
    assert "hello 3" in [line["message"] for line in lines]
    assert end["end"]["status"] == "completed"
    assert job["variables"] == {"who": 3}
    assert [execution["node_id"] for execution in job["node_executions"]] == ["start", "say"]
    assert job["job_id"] in {each["job_id"] for each in answer(system, "job", "list", "--workflow", workflow_id)}


def test_a_workflow_is_stored_shown_changed_and_deleted(system: System, file: Path, tmp_path: Path) -> None:
    workflow_id = submitted(system, file)
    (tmp_path / "next.json").write_text(json.dumps({"nodes": {"only": {"type": "StartNode"}}}))

    changed = answer(
        system, "workflow", "update", workflow_id, "--file", str(tmp_path / "next.json"), "--name", "other"
    )
    shown = answer(system, "workflow", "show", workflow_id)
    first = switchyard(system, "workflow", "show", workflow_id, "--version", "1", "--source")[1]
    listed = answer(system, "workflow", "list", "--name", "other")
    answer(system, "workflow", "delete", workflow_id)

    assert (changed["version"], shown["workflow_name"], shown["node_count"]) == (2, "other", 1)
    assert json.loads(first) == json.loads(file.read_text())
    assert workflow_id in {each["workflow_id"] for each in listed["workflows"]}
    assert switchyard(system, "workflow", "show", workflow_id)[0] == 3


def test_a_job_that_runs_is_explained_followed_cancelled_and_retried(system: System, tmp_path: Path) -> None:
    job_id = answer(system, "workflow", "submit", str(long_file(tmp_path)))["job_id"]
    wait_until(lambda: status(system, job_id) == "claimed", timeout=30, what=lambda: system.output("worker"))
    follower = command(system, "job", "logs", job_id, "-f", "--json")

    explained = answer(system, "job", "explain", job_id)
    answer(system, "job", "cancel", job_id, "--reason", "a test")
    out, err = follower.communicate(timeout=60)
    again = answer(system, "job", "retry", job_id)["job_id"]
    answer(system, "job", "cancel", again)

    assert explained["summary"]
    assert json.loads(out.splitlines()[-1])["end"]["status"] == "cancelled", err
    assert [json.loads(line) for line in out.splitlines()[:-1]]
    assert switchyard(system, "job", "logs", job_id)[1]
    assert again != job_id


def test_a_schedule_is_added_previewed_rested_triggered_and_removed(system: System, file: Path) -> None:
    workflow_id = submitted(system, file)

    zone = ("--timezone", "Europe/Amsterdam")
    made = answer(system, "schedule", "add", workflow_id, "0 6 * * 1", "--name", "weekly", *zone, "--var", "who=all")
    schedule_id = made["schedule_id"]
    preview = answer(system, "schedule", "preview", schedule_id, "--count", "2")
    disabled = answer(system, "schedule", "disable", schedule_id)
    listed = answer(system, "schedule", "list", "--workflow", workflow_id, "--no-enabled")
    triggered = switchyard(system, "schedule", "trigger", schedule_id, "--wait")
    enabled = answer(system, "schedule", "enable", schedule_id)
    answer(system, "schedule", "remove", schedule_id)

    assert (made["variables"], made["timezone"]) == ({"who": "all"}, "Europe/Amsterdam")
    assert len(preview["fire_times"]) == 2
    assert (disabled["enabled"], enabled["enabled"]) == (False, True)
    assert [each["schedule_id"] for each in listed] == [schedule_id]
    assert (triggered[0], "hello all" in triggered[1]) == (0, True)
    assert answer(system, "schedule", "list", "--workflow", workflow_id) == []


def test_what_became_of_a_schedule_is_shown_and_it_is_changed(system: System, file: Path) -> None:
    schedule_id = answer(system, "schedule", "add", submitted(system, file), "0 6 * * 1", "--disabled")["schedule_id"]
    job_id = answer(system, "schedule", "trigger", schedule_id)["job_id"]

    ledger = answer(system, "schedule", "occurrences", schedule_id, "--status", "triggered")
    changed = answer(system, "schedule", "update", schedule_id, "--cron", "0 7 * * 1", "--overlap", "allow")
    shown = switchyard(system, "schedule", "show", schedule_id)[1]

    assert [(each["job_id"], each["reason"]) for each in ledger["occurrences"]] == [(job_id, "triggered by api-key")]
    assert (changed["cron_expression"], changed["overlap_policy"]) == ("0 7 * * 1", "allow")
    assert "0 7 * * 1 (UTC)" in shown
    assert "1, 0 failed" in shown


def test_versions_are_listed_and_compared(system: System, file: Path, tmp_path: Path) -> None:
    workflow_id = submitted(system, file)
    (tmp_path / "next.json").write_text(json.dumps({"nodes": {"start": {"type": "StartNode"}}}))
    answer(system, "workflow", "update", workflow_id, "--file", str(tmp_path / "next.json"))

    versions = answer(system, "workflow", "versions", workflow_id)["versions"]
    diff = switchyard(system, "workflow", "diff", workflow_id)
    same = switchyard(system, "workflow", "diff", workflow_id, "--from", "2", "--to", "2")

    assert [(each["version"], each["node_count"]) for each in versions] == [(2, 1), (1, 2)]
    assert diff == (0, "- node say\n- connection start.exec_out -> say.exec_in\n", "")
    assert same == (0, "nothing differs\n", "")


def test_a_webhook_gets_another_path(system: System, file: Path) -> None:
    made = answer(system, "workflow", "submit", str(file), "--webhook")

    code, path, _ = switchyard(system, "workflow", "rotate-webhook", made["workflow_id"])

    assert code == 0
    assert path.startswith("/api/v1/hooks/")
    assert path.strip() != made["metadata"]["webhook_path"]


def test_types_of_nodes_are_listed_and_shown(system: System) -> None:
    listed = {each["name"] for each in answer(system, "workflow", "nodes")}
    shown = switchyard(system, "workflow", "nodes", "LogNode")[1]

    assert {"StartNode", "LogNode"} <= listed
    assert 'Takes     level: string = "info", one of debug' in shown


def test_a_secret_is_set_from_standard_input_and_never_comes_back(system: System) -> None:
    made = switchyard(system, "secret", "set", "door", "--json", typed="of the door\n")
    listed = switchyard(system, "secret", "list", "--json")
    answer(system, "secret", "delete", "door")

    assert (made[0], listed[0]) == (0, 0), made
    assert [each["name"] for each in json.loads(listed[1])] == ["door"]
    assert "of the door" not in made[1] + made[2] + listed[1] + listed[2]
    assert answer(system, "secret", "list") == []


def test_a_secret_belongs_to_the_tenant_that_is_named(system: System) -> None:
    made = switchyard(system, "secret", "set", "gate", "--tenant", "t-1", typed="of the gate")

    assert made[0] == 0, made
    assert answer(system, "secret", "list") == []
    assert [each["name"] for each in answer(system, "secret", "list", "--tenant", "t-1")] == ["gate"]
    assert switchyard(system, "secret", "delete", "gate")[0] == 3
    assert switchyard(system, "secret", "delete", "gate", "--tenant", "t-1")[0] == 0


def test_robots_are_listed_drained_and_given_jobs_again(system: System) -> None:
    (robot,) = answer(system, "fleet", "list")

    shown = answer(system, "fleet", "show", robot["robot_id"])
    activity = answer(system, "fleet", "activity", "--type", "robot_online")["events"]
    drained = answer(system, "fleet", "drain", robot["robot_id"])
    resumed = answer(system, "fleet", "resume", robot["robot_id"])
    key = switchyard(system, "fleet", "enrol", "--id", "r-9", "--minutes", "5")

    assert (shown["hostname"], shown["status"]) == (robot["hostname"], robot["status"])
    assert [event["robot_id"] for event in activity] == [robot["robot_id"]]
    assert (drained["draining"], resumed["draining"]) == (True, False)
    assert (key[0], len(key[1].split())) == (0, 1)


@pytest.mark.parametrize(
    ("words", "exit_code", "sentence"),
    [
        (("workflow", "show", UNKNOWN), 3, ""),
        (("workflow", "update", UNKNOWN), 2, "nothing to change"),
        (("job", "cancel", UNKNOWN), 3, ""),
        (("schedule", "preview", "--cron", "0 0 31 2 *"), 2, "cron"),
        (("schedule", "preview"), 2, "--cron"),
        (("secret", "set", "door"), 2, "no value"),
        (("schedule", "update", UNKNOWN), 2, "nothing to change"),
        (("schedule", "occurrences", UNKNOWN), 3, ""),
        (("workflow", "nodes", "NoNode"), 3, "'NoNode'"),
        (("workflow", "diff", UNKNOWN), 3, ""),
        (("fleet", "drain", "nobody"), 3, ""),
        (("fleet", "show", "nobody"), 3, ""),
    ],
)
def test_a_refusal_is_one_line_and_an_exit_code(
    system: System, words: tuple[str, ...], exit_code: int, sentence: str
) -> None:
    code, out, err = switchyard(system, *words)

    assert (code, out) == (exit_code, "")
    assert err.startswith("switchyard: ")
    assert sentence.lower() in err.lower()
    assert len(err.splitlines()) == 1
