"""ComfyUI sessions in a whole system: over REST, by clients and by the command.

The documented calls are at ComfyUI's real page. Nothing here harms system or ComfyUI; what becomes of sessions when
parts are killed stands in test_comfy_losses.py.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.comfyui import workflows
from tests.comfyui.frontends import SMALL
from tests.comfyui.nginx import Nginx, program
from tests.comfyui.process import ComfyUIProcess
from tests.end_to_end import walk_through
from tests.end_to_end.comfy_calls import ENVIRONMENT, alive, browsers, ended, get, post, queue, start, stop_all
from tests.end_to_end.command_line import carried_out as switchyard
from tests.end_to_end.command_line import command
from tests.end_to_end.system import ROOT, System, read_events
from tests.ports import free_port
from workers import chromium

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(chromium.find(os.environ) is None, reason="there is no Chromium; run `make setup`"),
]

NO_SESSION = "No active browser session. Start a session first with POST /session/start"
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def comfyui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUIProcess]:
    process = ComfyUIProcess(tmp_path_factory.mktemp("comfyui"), SMALL)
    process.start()
    process.folders.write_workflow("my_workflow.json", workflows.with_seed(5))
    yield process
    process.kill()


@pytest.fixture(scope="module")
def whole_comfyui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUIProcess]:
    """One with the real front end."""
    process = ComfyUIProcess(tmp_path_factory.mktemp("whole-comfyui"))
    process.start()
    process.folders.write_workflow("my_workflow.json", workflows.as_page_format(workflows.with_seed(5)))
    yield process
    process.kill()


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system"), dict(ENVIRONMENT)) as system:
        system.start()
        yield system


@pytest.fixture(autouse=True)
def _sessions_end(system: System) -> Iterator[None]:
    yield
    stop_all(system)


# The five calls of the published guide, "Typical Workflow", with its bodies but for the address.


def test_the_five_documented_calls_answer_as_documented(system: System, whole_comfyui: ComfyUIProcess) -> None:
    port = free_port()
    credentials = {"username": "YOUR_USERNAME", "password": "YOUR_PASSWORD", "url": whole_comfyui.url}

    started = post(system, "/session/start", credentials=credentials, port=port, headless=True)
    opened = post(system, "/workflow/open", workflow_path="workflows/my_workflow.json")
    queued = post(system, "/workflow/queue", iterations=10)
    status = get(system, "/session/status")
    browser = browsers(system)
    for prompt_id in queued["details"]["prompt_ids"]:
        assert ended(system, prompt_id)["status"] == "success"
    # As `curl -X POST` sends it: without a body.
    stopped = system.client.post("/session/stop", timeout=120)

    session_id, endpoint = started["details"]["session_id"], started["details"]["browser_endpoint"]
    assert started == {
        "success": True,
        "message": "Session started",
        "details": {
            "port": port,
            "url": whole_comfyui.url,
            "headless": True,
            "session": "default",
            "session_id": session_id,
            "browser_endpoint": endpoint,
        },
    }
    assert endpoint.startswith(f"ws://127.0.0.1:{port}/")
    assert opened == {
        "success": True,
        "message": "Workflow opened: workflows/my_workflow.json",
        "details": {"workflow_path": "workflows/my_workflow.json", "node_count": 3, "format": "ui"},
    }
    assert queued == {
        "success": True,
        "message": "Queued 10 executions",
        "details": {"iterations": 10, "prompt_ids": queued["details"]["prompt_ids"]},
    }
    assert len(set(queued["details"]["prompt_ids"])) == 10
    assert (status["active"], status["port"], status["url"]) == (True, port, whole_comfyui.url)
    assert (stopped.status_code, stopped.json()) == (
        200,
        {"success": True, "message": "Session stopped", "details": None},
    )
    assert browser
    assert not [process for process in browser if alive(process)]
    assert {ended(system, prompt_id)["status"] for prompt_id in queued["details"]["prompt_ids"]} <= {
        "success",
        "cancelled",
    }


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/session/stop", {}),
        ("/workflow/open", {"workflow_path": "workflows/my_workflow.json"}),
        ("/workflow/queue", {"iterations": 10}),
    ],
)
def test_without_a_session_the_documented_error_is_answered(system: System, path: str, body: dict[str, Any]) -> None:
    answer = system.client.post(path, json=body)

    assert (answer.status_code, answer.json()) == (400, {"detail": NO_SESSION})
    assert get(system, "/session/status")["active"] is False


def test_each_iteration_runs_with_its_seed_and_leaves_its_picture(system: System, comfyui: ComfyUIProcess) -> None:
    start(system, comfyui)
    post(system, "/workflow/open", workflow_path="my_workflow.json")

    ids = queue(system, iterations=3, seed_policy="increment", seed=40, inputs={"3": {"filename_prefix": "mine"}})
    prompts = [ended(system, prompt_id) for prompt_id in ids]
    results = [get(system, f"/workflow/results/{prompt_id}")["results"] for prompt_id in ids]

    assert [(prompt["status"], prompt["iteration"], prompt["seed"]) for prompt in prompts] == [
        ("success", 0, 40),
        ("success", 1, 41),
        ("success", 2, 42),
    ]
    files = [file for (file,) in results]
    contents = [system.client.get(file["url"]).content for file in files]
    assert [hashlib.sha256(content).hexdigest() for content in contents] == [file["sha256"] for file in files]
    assert len({file["sha256"] for file in files}) == 3
    assert all(content.startswith(PNG) for content in contents)
    assert all(file["filename"].startswith("mine") for file in files)


def test_a_prompt_is_followed_node_by_node_to_its_end(system: System, comfyui: ComfyUIProcess) -> None:
    start(system, comfyui, mode="api")
    post(system, "/workflow/open", workflow=workflows.held("followed"))
    [prompt_id] = queue(system)
    with system.client.stream("GET", f"/workflow/prompts/{prompt_id}/events", timeout=60) as answer:
        stream = read_events(answer.iter_lines())
        told = [next(stream)]
        comfyui.folders.open_gate("followed")
        told += list(stream)

    kinds = [json.loads(event.data)["kind"] for event in told[:-1]]
    assert kinds[0] == "status"
    assert "node" in kinds
    assert (told[-1].event, json.loads(told[-1].data)["status"]) == ("end", "success")


def test_sessions_of_two_names_work_side_by_side(system: System, comfyui: ComfyUIProcess) -> None:
    start(system, comfyui, session="page")
    start(system, comfyui, session="direct", mode="api")
    post(system, "/workflow/open", workflow_path="my_workflow.json", session="page")
    post(system, "/workflow/open", workflow=workflows.save_image(color=7), session="direct")

    [one] = queue(system, session="page", inputs={"2": {"seed": 77}})
    [two] = queue(system, session="direct")
    prompts = [ended(system, prompt_id) for prompt_id in (one, two)]
    nodes = [get(system, f"/workflow/status?session={name}")["node_count"] for name in ("page", "direct")]
    post(system, "/session/stop", session="page")

    assert [(prompt["session"], prompt["status"]) for prompt in prompts] == [("page", "success"), ("direct", "success")]
    assert nodes == [3, 2]
    assert get(system, "/session/status?session=page")["active"] is False
    assert get(system, "/session/status?session=direct")["active"] is True
    assert get(system, "/session/status")["active"] is False  # nobody started "default"


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("/workflow/queue", {}, "No workflow is open"),
        ("/workflow/open", {"workflow_path": "workflows/nowhere.json"}, "nowhere.json"),
        ("/workflow/open", {"workflow_path": "../secret.json"}, "workflow_path"),
        ("/workflow/open", {"workflow": workflows.unknown_node()}, "NobodyKnowsThis"),
        ("/session/start", {"credentials": {"username": "", "password": "", "url": "http://127.0.0.1:1"}}, "active"),
    ],
)
def test_what_cannot_be_done_is_a_400_and_the_session_goes_on(
    system: System, comfyui: ComfyUIProcess, path: str, body: dict[str, Any], words: str
) -> None:
    start(system, comfyui, mode="api")

    answer = system.client.post(path, json=body, timeout=60)

    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    assert get(system, "/session/status")["active"] is True


def test_a_comfyui_that_does_not_answer_is_a_500_and_leaves_nothing(system: System) -> None:
    credentials = {"username": "", "password": "", "url": f"http://127.0.0.1:{free_port()}"}

    answer = system.client.post("/session/start", json={"credentials": credentials}, timeout=60)

    assert answer.status_code == 500
    assert set(answer.json()) == {"detail"}
    assert get(system, "/session/list?active=true")["sessions"] == []
    assert browsers(system) == []


# The command.


def answer(system: System, *words: str, typed: str = "") -> Any:
    """The document that a command prints with --json."""
    exit_code, out, err = switchyard(system, "comfy", *words, "--json", typed=typed)
    assert (exit_code, err) == (0, ""), (out, err, system.output("worker"))
    return json.loads(out)


def test_the_command_starts_opens_queues_shows_and_stops(
    system: System, comfyui: ComfyUIProcess, tmp_path: Path
) -> None:
    started = answer(system, "start", comfyui.url, "--mode", "api", "--session", "cli")
    (tmp_path / "flow.json").write_text(json.dumps(workflows.with_seed(1)))
    opened = answer(system, "open", "--file", str(tmp_path / "flow.json"), "--session", "cli")
    exit_code, out, err = switchyard(
        system,
        "comfy",
        "queue",
        "-n",
        "2",
        "--set",
        "3.filename_prefix=by hand",
        "--seed",
        "9",
        "--session",
        "cli",
        "--wait",
    )
    ids = out.split()
    results = answer(system, "results", *ids, "--output", str(tmp_path / "files"))
    status = answer(system, "status", "--session", "cli")
    shown = switchyard(system, "comfy", "status", "--session", "cli")[1]
    listed = answer(system, "list", "--active")
    prompts = answer(system, "prompts", "--session", "cli", "--status", "success")
    answer(system, "stop", "--session", "cli")

    assert (started["details"]["session"], started["details"]["port"]) == ("cli", None)
    assert (opened["details"]["node_count"], opened["details"]["format"]) == (3, "api")
    assert exit_code == 0, err
    assert [f"prompt {prompt_id} success" in err for prompt_id in ids] == [True, True]
    assert [one["prompt_id"] for one in results] == ids
    for one in results:
        for file in one["results"]:
            content = (tmp_path / "files" / one["prompt_id"] / file["name"]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == file["sha256"]
            assert file["filename"].startswith("by hand")
    assert (status["active"], status["workflow"]["success"]) == (True, 2)
    assert "2 success" in shown
    assert [session["name"] for session in listed["sessions"]] == ["cli"]
    assert [prompt["seed"] for prompt in prompts["prompts"]] == [9, 9]
    assert switchyard(system, "comfy", "stop", "--session", "cli")[0] == 1


def test_a_prompt_that_fails_makes_the_exit_code_1_and_names_its_node(
    system: System, comfyui: ComfyUIProcess, tmp_path: Path
) -> None:
    (tmp_path / "flow.json").write_text(json.dumps(workflows.failing("no more\npaint")))
    answer(system, "start", comfyui.url, "--mode", "api")
    answer(system, "open", "--file", str(tmp_path / "flow.json"))

    exit_code, out, err = switchyard(system, "comfy", "queue", "--wait")

    assert (exit_code, len(out.split())) == (1, 1)
    last = err.splitlines()[-1]
    assert last.startswith("switchyard: 1 of 1 did not succeed; the first: prompt ")
    assert "FailImage" in last


def test_programs_get_the_answer_each_event_and_the_end_of_each_prompt(
    system: System, comfyui: ComfyUIProcess, tmp_path: Path
) -> None:
    (tmp_path / "flow.json").write_text(json.dumps(workflows.save_image(color=11)))
    answer(system, "start", comfyui.url, "--mode", "api")
    answer(system, "open", "--file", str(tmp_path / "flow.json"))

    exit_code, out, err = switchyard(system, "comfy", "queue", "-n", "2", "--wait", "--json")

    queued, *told = (json.loads(line) for line in out.splitlines())
    assert (exit_code, err) == (0, "")
    ends = [line["end"] for line in told if "end" in line]
    assert [end["prompt_id"] for end in ends] == queued["details"]["prompt_ids"]
    assert {end["status"] for end in ends} == {"success"}
    assert all("kind" in line for line in told if "end" not in line)


def test_a_prompt_that_runs_is_cancelled_and_whoever_waits_learns_of_it(
    system: System, comfyui: ComfyUIProcess, tmp_path: Path
) -> None:
    (tmp_path / "flow.json").write_text(json.dumps(workflows.held("never")))
    answer(system, "start", comfyui.url, "--mode", "api")
    answer(system, "open", "--file", str(tmp_path / "flow.json"))
    waiting = command(system, "comfy", "queue", "--wait")
    assert waiting.stdout is not None
    prompt_id = waiting.stdout.readline().strip()

    answer(system, "cancel", prompt_id, "--reason", "a test")
    _, err = waiting.communicate(timeout=60)

    assert waiting.returncode == 1
    assert f"prompt {prompt_id} cancelled" in err


def test_a_password_goes_from_standard_input_to_comfyui_and_is_shown_nowhere(
    system: System, comfyui: ComfyUIProcess, tmp_path: Path
) -> None:
    if program() is None:
        pytest.skip("nginx is not installed; run `make comfyui`")
    with Nginx(tmp_path / "nginx", comfyui.url, {"me": "pä:s %40"}) as nginx:
        words = ("comfy", "start", nginx.url, "--mode", "api", "--username", "me", "--password-stdin")
        wrong = switchyard(system, *words, typed="other\n")
        right = switchyard(system, *words, typed="pä:s %40\n")
        answer(system, "stop")

    assert wrong[0] == 1
    assert right[0] == 0, right[2]
    assert "pä:s" not in wrong[1] + wrong[2] + right[1] + right[2]


@pytest.mark.parametrize(
    ("words", "exit_code", "sentence"),
    [
        (("stop",), 1, "No active browser session"),
        (("queue",), 1, "No active browser session"),
        (("open",), 2, "--file"),
        (("queue", "--set", "seed=5"), 2, "NODE.WIDGET=VALUE"),
        (("start", "nonsense"), 2, "url"),
        (("start", "http://127.0.0.1:1", "--username", "me"), 2, "--password-stdin"),
        (("results", "550e8400-e29b-41d4-a716-446655440000"), 3, ""),
        (("cancel", "550e8400-e29b-41d4-a716-446655440000"), 3, ""),
    ],
)
def test_a_refusal_is_one_line_and_an_exit_code(
    system: System, words: tuple[str, ...], exit_code: int, sentence: str
) -> None:
    code, out, err = switchyard(system, "comfy", *words)

    assert (code, out) == (exit_code, "")
    assert err.startswith("switchyard: ")
    assert sentence in err
    assert len(err.splitlines()) == 1


# The page of docs.


def typed(system: System, comfyui: ComfyUIProcess, folder: Path, block: str) -> str:
    """What a block of the page shows."""
    in_place_of = {
        "127.0.0.1:8000": f"127.0.0.1:{system.http_port}",
        "/tmp/walk": str(folder),
        "http://127.0.0.1:8188": comfyui.url,
    }
    return walk_through.typed(system, ROOT / "docs" / "how_to" / "comfyui.md", block, in_place_of)


def test_the_first_session_of_the_page(system: System, comfyui: ComfyUIProcess, tmp_path: Path) -> None:
    shown = typed(system, comfyui, tmp_path, "http")

    assert '"message":"Queued 3 executions"' in shown
    assert "event: end" in shown
    assert '"sha256":"' in shown
    assert shown.rstrip().endswith('{"success":true,"message":"Session stopped","details":null}')


def test_the_commands_of_the_page(system: System, comfyui: ComfyUIProcess, tmp_path: Path) -> None:
    shown = typed(system, comfyui, tmp_path, "command")

    pictures = sorted((tmp_path / "pictures").rglob("*.png"))
    assert [picture.read_bytes()[:8] for picture in pictures] == [PNG] * 3
    assert "3 success" in shown
    assert shown.rstrip().endswith("default: Session stopped")


def test_the_direct_mode_of_the_page(system: System, comfyui: ComfyUIProcess, tmp_path: Path) -> None:
    (tmp_path / "api_format.json").write_text(json.dumps(workflows.with_seed(1)))

    shown = typed(system, comfyui, tmp_path, "direct")

    assert "success, 1 file" in shown


def test_the_page_knows_the_settings_and_the_addresses_it_names_exist(system: System) -> None:
    page = (ROOT / "docs" / "how_to" / "comfyui.md").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    routes = httpx.get(f"{system.url}/openapi.json").json()["paths"]

    for setting in ("COMFY_SESSIONS", "SESSION_IDLE_MINUTES", "SESSION_WAIT_SECONDS"):
        assert f"`{setting}`" in page
        assert f"`{setting}`" in readme
    for route in re.findall(r"`(?:GET |POST )?(/(?:session|workflow)/[a-z/{}]+)`", page.replace("GET\n", "GET ")):
        assert route.replace("{id}", "{prompt_id}") in routes
