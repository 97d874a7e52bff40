"""What users see of a ComfyUI session when its browser, ComfyUI, the server or the worker is killed in the middle.

One system for all but the last: each test puts back what it has killed.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.comfyui import workflows
from tests.comfyui.frontends import SMALL
from tests.comfyui.process import ComfyUIProcess
from tests.end_to_end.comfy_calls import (
    ENVIRONMENT,
    alive,
    browsers,
    ended,
    get,
    post,
    queue,
    start,
    stop_all,
    wait_for,
)
from tests.end_to_end.command_line import carried_out as switchyard
from tests.end_to_end.system import System, wait_until
from workers import chromium

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(chromium.find(os.environ) is None, reason="there is no Chromium; run `make setup`"),
]

GONE = "Browser server not responding"


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system"), dict(ENVIRONMENT)) as system:
        system.start()
        yield system


@pytest.fixture(scope="module")
def comfyui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUIProcess]:
    process = ComfyUIProcess(tmp_path_factory.mktemp("comfyui"), SMALL)
    process.start()
    yield process
    process.kill()


@pytest.fixture(autouse=True)
def _sessions_end(system: System) -> Iterator[None]:
    yield
    stop_all(system)


def working(system: System, comfyui: ComfyUIProcess, gate: str, *, iterations: int, **more: Any) -> list[str]:
    """Start a session whose first prompt runs until `gate` is open; return the ids of its prompts.

    Each has a seed of its own: ComfyUI executes nothing a second time that has not changed.
    """
    start(system, comfyui, **more)
    post(system, "/workflow/open", workflow=workflows.held(gate))
    ids = queue(system, iterations=iterations, seed_policy="random")
    wait_for(system, ids[0], lambda prompt: prompt["current_node"] == "2")
    return ids


def inactive(system: System) -> dict[str, Any]:
    def status() -> dict[str, Any]:
        found: dict[str, Any] = get(system, "/session/status")
        return found

    wait_until(lambda: not status()["active"], timeout=60, what=lambda: f"{status()}\n{system.output('worker')}")
    return status()


def browser_of(system: System) -> psutil.Process:
    """The first process of the browser, which the others end with."""
    begun = [process for process in browsers(system) if "--remote-debugging-pipe" in process.cmdline()]
    [browser] = [process for process in begun if not any(part.startswith("--type=") for part in process.cmdline())]
    return browser


def refusal(system: System, path: str, **body: Any) -> tuple[int, str]:
    answer = system.client.post(path, json=body, timeout=60)
    return answer.status_code, answer.json()["detail"]


def test_a_killed_browser_is_seen_at_once_and_can_be_started_anew(system: System, comfyui: ComfyUIProcess) -> None:
    ids = working(system, comfyui, "browser", iterations=2)
    processes = browsers(system)

    browser_of(system).kill()
    status = inactive(system)
    prompts = [ended(system, prompt_id) for prompt_id in ids]
    refusals = [refusal(system, path, workflow_path="x.json") for path in ("/workflow/open", "/workflow/queue")]
    by_command = switchyard(system, "comfy", "queue")
    wait_until(lambda: not any(map(alive, processes)), timeout=30, what=lambda: str(browsers(system)))
    comfyui.folders.open_gate("browser")
    again = working(system, comfyui, "browser again", iterations=1)
    post(system, "/session/stop", cancel_prompts=True)

    assert (status["state"], status["port"]) == ("ended", None)
    assert status["reason"]
    assert [prompt["status"] for prompt in prompts] == ["lost", "lost"]
    assert refusals == [(503, GONE), (503, GONE)]
    # The server does answer, so the code is not that of one that does not.
    assert by_command[0] == 1
    assert by_command[2].startswith(f"switchyard: {GONE}: ")
    assert ended(system, again[0])["status"] == "cancelled"


def test_a_prompt_that_a_killed_comfyui_forgot_is_sent_again_with_its_id(
    system: System, comfyui: ComfyUIProcess
) -> None:
    ids = working(system, comfyui, "comfyui", iterations=2)
    before = get(system, f"/workflow/prompts/{ids[0]}")

    comfyui.kill()
    comfyui.start()
    comfyui.folders.open_gate("comfyui")
    prompts = [ended(system, prompt_id) for prompt_id in ids]
    active = get(system, "/session/status")["active"]
    post(system, "/session/stop", cancel_prompts=True)

    assert [(prompt["status"], prompt["result_count"]) for prompt in prompts] == [("success", 1), ("success", 1)]
    assert prompts[0]["comfy_prompt_id"] != before["comfy_prompt_id"]
    assert active is True


def test_a_prompt_that_a_killed_comfyui_forgot_is_lost_where_that_is_wanted(
    system: System, comfyui: ComfyUIProcess
) -> None:
    [prompt_id] = working(system, comfyui, "lose", iterations=1, mode="api", on_restart="lose")

    comfyui.kill()
    comfyui.start()
    prompt = ended(system, prompt_id)
    post(system, "/session/stop", cancel_prompts=True)

    assert (prompt["status"], prompt["result_count"]) == ("lost", 0)
    assert prompt["error"]["message"]


def test_a_killed_server_loses_no_prompt_no_id_and_no_result(system: System, comfyui: ComfyUIProcess) -> None:
    ids = working(system, comfyui, "server", iterations=3)
    comfyui.folders.open_gate("server")
    first = ended(system, ids[0])
    results = get(system, f"/workflow/results/{ids[0]}")
    content = system.client.get(results["results"][0]["url"]).content
    comfyui.folders.close_gate("server")
    more = queue(system, iterations=2, seed_policy="random")

    system.kill("server")
    system.start_server()
    comfyui.folders.open_gate("server")
    prompts = [ended(system, prompt_id) for prompt_id in (*ids, *more)]
    listed = get(system, f"/workflow/prompts?page_size={len(prompts)}")["prompts"]
    active = get(system, "/session/status")["active"]
    last = ended(system, queue(system, seed_policy="random")[0])
    post(system, "/session/stop", cancel_prompts=True)

    assert [prompt["status"] for prompt in prompts] == ["success"] * 5
    assert prompts[0] == first
    assert get(system, f"/workflow/results/{ids[0]}") == results
    assert system.client.get(results["results"][0]["url"]).content == content
    assert [prompt["prompt_id"] for prompt in reversed(listed)] == [*ids, *more]
    assert active is True
    assert last["status"] == "success"


def test_a_killed_worker_leaves_no_process_and_its_session_says_so(tmp_path: Path, comfyui: ComfyUIProcess) -> None:
    # It counts as lost when its lease has run out.
    with System(tmp_path, {**ENVIRONMENT, "LEASE_SECONDS": "3"}) as system:
        system.start()
        ids = working(system, comfyui, "worker", iterations=2)
        browser, processes = browsers(system), system.descendants("worker")

        system.kill("worker")
        at_once = refusal(system, "/workflow/queue")
        status = inactive(system)
        prompts = [ended(system, prompt_id) for prompt_id in ids]
        later = refusal(system, "/workflow/queue")
        wait_until(lambda: not any(map(alive, processes)), timeout=30, what=lambda: str(processes))
        system.start_worker()
        comfyui.folders.open_gate("worker")
        again = working(system, comfyui, "worker again", iterations=1, mode="api")
        post(system, "/session/stop", cancel_prompts=True)
        after = ended(system, again[0])

    assert browser
    assert status["reason"]
    assert [prompt["status"] for prompt in prompts] == ["lost", "lost"]
    assert (at_once, later) == ((503, GONE), (503, GONE))
    assert after["status"] == "cancelled"
