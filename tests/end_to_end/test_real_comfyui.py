"""EmptyImage -> SaveImage at a real ComfyUI, through all documented calls. Run by `make test-comfyui`.

Needs COMFYUI_DIR, a checkout that `make test-comfyui` starts, or COMFYUI_URL, the address of one that runs.
"""

import hashlib
import os
import secrets
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.comfyui import real, workflows
from tests.comfyui.png import chunks_of
from tests.end_to_end.system import System, wait_until

pytestmark = [
    pytest.mark.skipif(
        not (os.environ.get("COMFYUI_DIR") or os.environ.get("COMFYUI_URL")),
        reason="neither COMFYUI_DIR nor COMFYUI_URL is set",
    ),
    pytest.mark.timeout(600),
]

ENDED = ("success", "error", "cancelled", "lost")
PROMPT_SECONDS = 120.0


@pytest.fixture(scope="module")
def comfyui_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with real.running(tmp_path_factory.mktemp("comfyui")) as url:
        yield url


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    with System(tmp_path_factory.mktemp("system"), {"OUTBOUND_ALLOW": "*"}) as system:
        system.start()
        yield system


def call(system: System, method: str, path: str, **arguments: Any) -> Any:
    answer = system.client.request(method, path, timeout=60, **arguments)
    assert answer.status_code == 200, answer.text
    return answer.json()


def picture(system: System, prompt_id: str) -> bytes:
    """Wait for the end of a prompt, and return its only picture."""

    def status() -> str:
        return str(call(system, "GET", f"/workflow/prompts/{prompt_id}")["status"])

    wait_until(lambda: status() in ENDED, timeout=PROMPT_SECONDS, what=lambda: "the prompt goes on")
    results = call(system, "GET", f"/workflow/results/{prompt_id}")
    assert results["status"] == "success"
    [result] = results["results"]
    content = system.client.get(result["url"]).content
    assert hashlib.sha256(content).hexdigest() == result["sha256"]
    assert (result["kind"], result["type"], result["size_bytes"]) == ("images", "output", len(content))
    return content


def size(content: bytes) -> tuple[int, int]:
    header = dict(chunks_of(content))[b"IHDR"]
    return int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")


def test_all_documented_calls_work_in_order(system: System, comfyui_url: str) -> None:
    # ComfyUI remembers results: a colour of its own makes the graph one that was never executed.
    workflow = workflows.save_image(width=40, height=30, color=secrets.randbelow(2**24), prefix="switchyard")
    name = f"switchyard/test {secrets.token_hex(4)}.json"
    saved = quote(f"workflows/{name}", safe="")
    httpx.post(
        f"{comfyui_url}/userdata/{saved}", json=workflows.as_page_format(workflow), trust_env=False
    ).raise_for_status()
    credentials = {"username": "", "password": "", "url": comfyui_url}

    started = call(system, "POST", "/session/start", json={"credentials": credentials, "headless": True})
    status = call(system, "GET", "/session/status")
    opened = call(system, "POST", "/workflow/open", json={"workflow_path": f"workflows/{name}"})
    queued = call(
        system,
        "POST",
        "/workflow/queue",
        json={"iterations": 2, "inputs": {"1": {"width": 41}, "2": {"filename_prefix": "switchyard/inputs"}}},
    )
    sizes = [size(picture(system, prompt_id)) for prompt_id in queued["details"]["prompt_ids"]]
    counted = call(system, "GET", "/workflow/status")
    stopped = call(system, "POST", "/session/stop")

    assert (started["success"], started["details"]["url"]) == (True, comfyui_url)
    assert (status["active"], status["port"]) == (True, started["details"]["port"])
    assert opened["details"]["workflow_path"] == f"workflows/{name}"
    assert sizes == [(41, 30), (41, 30)]
    assert (counted["success"], counted["queued"], counted["running"]) == (2, 0, 0)
    assert (stopped["success"], stopped["details"]) == (True, None)
    assert call(system, "GET", "/session/status")["active"] is False
    assert httpx.delete(f"{comfyui_url}/userdata/{saved}", trust_env=False).status_code == 204


@pytest.mark.parametrize("mode", ["browser", "api"])
def test_a_workflow_in_api_format_runs_in_either_mode(system: System, comfyui_url: str, mode: str) -> None:
    workflow = workflows.save_image(width=20, height=10, color=secrets.randbelow(2**24), prefix="switchyard")
    credentials = {"username": "", "password": "", "url": comfyui_url}

    call(system, "POST", "/session/start", json={"credentials": credentials, "session": mode, "mode": mode})
    call(system, "POST", "/workflow/open", json={"workflow": workflow, "session": mode})
    [prompt_id] = call(system, "POST", "/workflow/queue", json={"session": mode})["details"]["prompt_ids"]
    content = picture(system, prompt_id)
    call(system, "POST", "/session/stop", json={"session": mode})

    assert size(content) == (20, 10)


def test_a_type_of_node_that_is_missing_is_refused(system: System, comfyui_url: str) -> None:
    credentials = {"username": "", "password": "", "url": comfyui_url}
    call(system, "POST", "/session/start", json={"credentials": credentials, "session": "missing"})

    body = {"workflow": workflows.as_page_format(workflows.unknown_node()), "session": "missing"}
    refused = system.client.post("/workflow/open", json=body)
    call(system, "POST", "/session/stop", json={"session": "missing"})

    assert refused.status_code == 400
    assert "NobodyKnowsThis" in refused.json()["detail"]
