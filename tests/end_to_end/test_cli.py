"""The `switchyard` command as people and programs use it, against a running system."""

import json
import os
from pathlib import Path

import pytest

from tests.end_to_end.command_line import answer, carried_out, command, switchyard
from tests.end_to_end.system import System, wait_until

UNKNOWN = "550e8400-e29b-41d4-a716-446655440000"


@pytest.fixture
def instance(shared_system: System) -> str:
    return shared_system.create_instance("noop")


def test_an_instance_is_created_shown_listed_and_deleted(shared_system: System) -> None:
    made = answer(shared_system, "bots", "create", "noop", "--owner-id", "o-1", "--param", "lines=2")
    shown = answer(shared_system, "bots", "show", made["id"])
    listed = answer(shared_system, "bots", "list", "--owner-id", "o-1")
    deleted = answer(shared_system, "bots", "delete", made["id"])

    assert (made["owner_type"], made["bot_code"], made["status"]) == ("user", "noop", "inactive")
    assert (shown["cookies_uploaded"], shown["inputs"], shown["newest_run"]) == (False, [], None)
    assert [each["id"] for each in listed["bot_instances"]] == [made["id"]]
    assert deleted == {"ok": True}
    assert switchyard(shared_system, "bots", "show", made["id"])[0] == 3


def test_people_get_the_id_alone_so_that_a_shell_can_keep_it(shared_system: System) -> None:
    exit_code, out, err = switchyard(shared_system, "bots", "create", "noop", "--owner-id", "o-2")

    assert (exit_code, err) == (0, "")
    assert len(out.split()) == 1


def test_a_repeated_create_with_the_same_request_id_creates_once(shared_system: System) -> None:
    words = ("bots", "create", "noop", "--owner-id", "o-3", "--request-id", "once")

    assert answer(shared_system, *words)["id"] == answer(shared_system, *words)["id"]


def test_config_is_changed_key_by_key(shared_system: System, instance: str) -> None:
    answer(shared_system, "bots", "config", "set", instance, "locale=nl-NL", "--param", "lines=7")

    text = answer(shared_system, "bots", "config", "show", instance)["config_yaml"]
    assert "locale: nl-NL" in text
    assert "lines: 7" in text


@pytest.mark.parametrize(
    ("words", "exit_code", "sentence"),
    [
        (("bots", "show", UNKNOWN), 3, ""),
        (("bots", "create", "noop", "--owner-id", "../x"), 2, "owner_id must"),
        (("bots", "create", "noop"), 2, "owner-id"),
        (("bots", "list", "--status", "asleep"), 2, "asleep"),
        (("bots", "upload-cookies", UNKNOWN, "/nowhere.json"), 2, "/nowhere.json"),
        (("bots", "config", "set", UNKNOWN), 2, "nothing to set"),
        (("bots", "list", "--server", "127.0.0.1:1"), 5, "127.0.0.1:1"),
        (("users", "list", "--api-key", "wrong"), 4, "--api-key"),
        (("bots", "nothing"), 2, "nothing"),
    ],
)
def test_a_refusal_is_one_line_and_an_exit_code(
    shared_system: System, words: tuple[str, ...], exit_code: int, sentence: str
) -> None:
    code, out, err = switchyard(shared_system, *words)

    assert (code, out) == (exit_code, "")
    assert err.startswith("switchyard: ")
    assert sentence in err
    assert len(err.splitlines()) == 1


def test_start_with_follow_shows_the_log_and_ends_with_the_run(shared_system: System, instance: str) -> None:
    exit_code, out, _ = switchyard(shared_system, "bots", "start", instance, "--param", "lines=3", "--follow")

    run_id, *lines = out.splitlines()
    assert exit_code == 0
    assert run_id in {run["id"] for run in answer(shared_system, "bots", "runs", instance)}
    assert [line.partition(" - ")[2] for line in lines if "line " in line] == [f"line {n} of 3" for n in (1, 2, 3)]


def test_a_run_that_fails_makes_the_exit_code_1(shared_system: System, instance: str) -> None:
    answer(shared_system, "bots", "config", "set", instance, "phases=[{name: p, steps: [{expect: nonsense}]}]")

    exit_code, _, err = switchyard(shared_system, "bots", "start", instance, "--follow")

    assert exit_code == 1
    assert "ended: error" in err.splitlines()[-1]


def test_programs_get_each_line_and_the_end_as_a_document(shared_system: System, instance: str) -> None:
    exit_code, out, err = switchyard(shared_system, "bots", "start", instance, "--follow", "--json")

    first, *lines, end = (json.loads(line) for line in out.splitlines())
    assert (exit_code, err) == (0, "")
    assert first["status"] == "queued"
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert end["end"]["status"] == "success"


def test_stop_returns_when_the_run_has_ended(shared_system: System, instance: str) -> None:
    run_id = answer(shared_system, "bots", "start", instance, "--param", "seconds=60")["run_id"]
    shared_system.wait_for(instance, run_id, "running")

    stopped = answer(shared_system, "bots", "stop", instance)

    assert (stopped["id"], stopped["status"]) == (run_id, "stopped")
    assert switchyard(shared_system, "bots", "stop", instance)[1] == "nothing was running\n"


def test_a_second_start_is_refused_while_a_run_is_active(shared_system: System, instance: str) -> None:
    answer(shared_system, "bots", "start", instance, "--param", "seconds=60")

    exit_code, _, err = switchyard(shared_system, "bots", "start", instance)

    answer(shared_system, "bots", "stop", instance)
    assert exit_code == 1
    assert len(err.splitlines()) == 1


def test_artifacts_are_downloaded_as_they_were_stored(shared_system: System, instance: str, tmp_path: Path) -> None:
    switchyard(shared_system, "bots", "start", instance, "--follow")

    listed = answer(shared_system, "bots", "artifacts", instance, "--download", str(tmp_path / "left"))

    names = {artifact["name"]: artifact["size_bytes"] for artifact in listed["artifacts"]}
    assert "result.json" in names
    assert {file.name: file.stat().st_size for file in (tmp_path / "left").iterdir()} == names


def test_files_are_uploaded_and_listed(shared_system: System, instance: str, tmp_path: Path) -> None:
    (tmp_path / "cookies.json").write_text('[{"name": "a", "value": "b", "domain": "127.0.0.1", "path": "/"}]')
    (tmp_path / "captions.csv").write_text("caption\nhello\n")
    (tmp_path / "film.mp4").write_bytes(os.urandom(700_000))
    (tmp_path / "dot.png").write_bytes(b"png")

    answer(shared_system, "bots", "upload-cookies", instance, str(tmp_path / "cookies.json"))
    answer(shared_system, "bots", "upload-captions", instance, str(tmp_path / "captions.csv"))
    media = [str(tmp_path / name) for name in ("film.mp4", "dot.png")]
    uploaded = switchyard(shared_system, "bots", "upload-media", instance, *media)

    assert uploaded[0] == 0, uploaded
    shown = answer(shared_system, "bots", "show", instance)
    assert shown["cookies_uploaded"]
    assert {file["path"]: file["size_bytes"] for file in shown["inputs"]} == {
        "inputs/captions.csv": 14,
        "inputs/media/film.mp4": 700_000,
        "inputs/media/dot.png": 3,
    }
    answer(shared_system, "bots", "delete-media", instance, "film.mp4")
    shown = answer(shared_system, "bots", "show", instance)
    assert {file["path"] for file in shown["inputs"]} == {"inputs/captions.csv", "inputs/media/dot.png"}


def test_validate_shows_the_checks_and_fails_for_an_invalid_instance(shared_system: System) -> None:
    unknown = shared_system.create_instance("a-bot-nobody-knows")

    exit_code, out, err = switchyard(shared_system, "bots", "validate", unknown)

    assert exit_code == 1
    assert "WRONG" in out
    assert "is not valid" in err
    assert len(err.splitlines()) == 1


def test_tasks_are_listed_shown_and_cancelled(shared_system: System, instance: str) -> None:
    run_id = answer(shared_system, "bots", "start", instance, "--param", "seconds=60")["run_id"]

    listed = answer(shared_system, "tasks", "list", "--subject", f"bot_instances/{instance}")
    cancelled = answer(shared_system, "tasks", "cancel", run_id, "--reason", "a test")

    assert [task["id"] for task in listed["tasks"]] == [run_id]
    assert cancelled["state"] in {"cancelling", "cancelled"}
    assert shared_system.wait_for(instance, run_id)["status"] == "stopped"
    assert answer(shared_system, "tasks", "show", run_id)["state"] == "cancelled"


def test_a_task_is_watched_to_its_end(shared_system: System, instance: str) -> None:
    run_id = answer(shared_system, "bots", "start", instance)["run_id"]

    exit_code, out, err = carried_out(shared_system, "tasks", "watch", run_id)

    assert (exit_code, err) == (0, "")
    assert out.splitlines()[-1] == "succeeded"


def test_watching_a_task_that_did_not_succeed_makes_the_exit_code_1(shared_system: System, instance: str) -> None:
    run_id = answer(shared_system, "bots", "start", instance, "--param", "seconds=60")["run_id"]
    answer(shared_system, "tasks", "cancel", run_id)

    exit_code, out, err = carried_out(shared_system, "tasks", "watch", run_id, "--json")

    assert exit_code == 1
    assert json.loads(out.splitlines()[-1])["state"] == "cancelled"
    assert err == f"switchyard: task {run_id} cancelled\n"


def test_users_are_created_listed_and_deleted_with_the_stored_key(shared_system: System) -> None:
    words = ("users", "create", "anna", "--role", "operator", "--password-stdin")

    made = answer(shared_system, *words, typed="long enough\n")
    listed = answer(shared_system, "users", "list")
    answer(shared_system, "users", "delete", "anna")

    assert made["roles"] == ["operator"]
    assert {"admin", "anna"} <= {user["username"] for user in listed}
    assert "anna" not in {user["username"] for user in answer(shared_system, "users", "list")}


def test_a_webhook_is_set_shown_and_removed(shared_system: System, instance: str) -> None:
    made = answer(shared_system, "bots", "webhook", "set", instance, "http://127.0.0.1:9/hook")

    shown = answer(shared_system, "bots", "webhook", "show", instance)
    deliveries = answer(shared_system, "bots", "webhook", "deliveries", instance)
    answer(shared_system, "bots", "webhook", "delete", instance)

    assert made["secret"].startswith("whsec_")
    assert shown["url"] == "http://127.0.0.1:9/hook"
    assert "secret" not in shown
    assert deliveries["deliveries"] == []
    assert switchyard(shared_system, "bots", "webhook", "show", instance)[0] == 3


def test_a_log_is_followed_across_a_restart_of_the_server(system: System) -> None:
    instance = system.create_instance("noop", params={"lines": 40, "pause": 0.2})
    run_id = system.start_run(instance)
    follower = command(system, "bots", "logs", instance, "-f", "--json")
    wait_until(lambda: len(system.log_lines(instance, run_id)) > 10, timeout=30, what=lambda: system.output("worker"))

    system.kill("server")
    system.start_server()

    out, err = follower.communicate(timeout=60)
    *lines, end = (json.loads(line) for line in out.splitlines())
    assert follower.returncode == 0, err
    assert [line["message"] for line in lines] == [line["message"] for line in system.log_lines(instance, run_id)]
    assert end["end"]["status"] == "success"
