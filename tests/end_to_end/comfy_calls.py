"""What tests ask of ComfyUI sessions over REST, and what they see of their browsers."""

from collections.abc import Callable
from typing import Any, Final

import psutil

from tests.comfyui.process import ComfyUIProcess
from tests.end_to_end.system import System, wait_until

ENDED: Final = ("success", "error", "cancelled", "lost")
# A busy machine takes longer until its first worker is there.
ENVIRONMENT: Final = {"SESSION_WAIT_SECONDS": "120"}
CALL_SECONDS: Final = 180


def get(system: System, path: str) -> Any:
    answer = system.client.get(path, timeout=CALL_SECONDS)
    assert answer.status_code == 200, answer.text
    return answer.json()


def post(system: System, path: str, **body: Any) -> Any:
    answer = system.client.post(path, json=body, timeout=CALL_SECONDS)
    assert answer.status_code == 200, f"{answer.text}\n{system.output('worker')}"
    return answer.json()


def start(system: System, comfyui: ComfyUIProcess, **more: Any) -> Any:
    return post(system, "/session/start", credentials={"username": "", "password": "", "url": comfyui.url}, **more)


def queue(system: System, **body: Any) -> list[str]:
    ids: list[str] = post(system, "/workflow/queue", **body)["details"]["prompt_ids"]
    return ids


def stop_all(system: System) -> None:
    for session in get(system, "/session/list?active=true")["sessions"]:
        post(system, "/session/stop", session=session["name"], cancel_prompts=True)


def wait_for(
    system: System, prompt_id: str, holds: Callable[[dict[str, Any]], bool], *, timeout: float = 60
) -> dict[str, Any]:
    """Wait until `holds` is true of a prompt, and return it."""

    def prompt() -> dict[str, Any]:
        found: dict[str, Any] = get(system, f"/workflow/prompts/{prompt_id}")
        return found

    wait_until(lambda: holds(prompt()), timeout=timeout, what=lambda: f"{prompt()}\n{system.output('worker')}")
    return prompt()


def ended(system: System, prompt_id: str, *, timeout: float = 60) -> dict[str, Any]:
    return wait_for(system, prompt_id, lambda prompt: prompt["status"] in ENDED, timeout=timeout)


def browsers(system: System) -> list[psutil.Process]:
    """Every process of every browser that the worker holds."""
    return [process for process in system.descendants("worker") if "chrom" in process.name()]


def alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
