"""What tests ask of environments over REST, and what they see of them on this machine."""

import contextlib
import json
import re
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from tests.end_to_end.system import System, read_events, wait_until

# An editor that is there at once. JupyterLab itself is opened by the tests of the local provider.
SETTINGS: Final = {
    "LOCAL_IDE_COMMAND": shlex.join(
        [sys.executable, "-m", "http.server", "{port}", "--bind", "{host}", "--directory", "{workspace}"]
    ),
}
PATH: Final = "/api/v1/environments"
EVENTS: Final = {"accept": "text/event-stream"}
BODY: Final = {
    "name": "My Dev Environment",
    "cloudProvider": "AZURE",
    "cloudRegion": "eastus",
    "cpuCores": 1,
    "memoryGB": 1,
    "storageGB": 10,
}
# An environment whose creation goes on until its workspace has a file of this name.
GATE: Final = "go-on"
GATED: Final = {"templateId": "gated", "startupScript": f"until [ -e {GATE} ]; do sleep 0.1; done"}


def agent(system: System) -> str:
    """The address of the environments API's own listener."""
    return f"http://127.0.0.1:{system.agent_port}"


def admin(system: System) -> dict[str, str]:
    """What an admin sends."""
    text = (system.data_dir / "credentials.env").read_text()
    key = re.search(r'^API_KEY="?([^"\n]+)', text, re.MULTILINE)
    assert key is not None
    return {"x-api-key": key[1]}


def create(system: System, **more: Any) -> str:
    """Create an environment and return its id; it is CREATING."""
    answer = system.client.post(PATH, json=BODY | more)
    assert answer.status_code == 201, answer.text
    assert answer.json()["environment"]["status"] == "CREATING"
    return str(answer.json()["environment"]["id"])


def read(system: System, environment_id: str) -> dict[str, Any] | None:
    """An environment as it is now; None when it is gone."""
    answer = system.client.get(f"{PATH}/{environment_id}")
    if answer.status_code == 404:
        return None
    assert answer.status_code == 200, answer.text
    environment: dict[str, Any] = answer.json()["environment"]
    return environment


def comes_to(system: System, environment_id: str, *statuses: str, timeout: float = 60) -> dict[str, Any]:
    """Wait until an environment stands at one of `statuses`, and return it."""
    found: dict[str, Any] = {}

    def there() -> bool:
        environment = read(system, environment_id)
        assert environment is not None, "it is gone"
        found.clear()
        found.update(environment)
        return environment["status"] in statuses

    wait_until(there, timeout=timeout, what=lambda: f"{found}\n{system.output('worker')}")
    return found


def is_gone(system: System, environment_id: str, *, timeout: float = 60) -> None:
    """Wait until there is no such environment any more."""
    wait_until(
        lambda: read(system, environment_id) is None,
        timeout=timeout,
        what=lambda: f"{read(system, environment_id)}\n{system.output('worker')}",
    )


def folder(system: System, environment_id: str) -> Path:
    return system.data_dir / "environments" / environment_id


def open_gate(system: System, environment_id: str) -> None:
    """Let the creation of an environment with the template GATED go on."""
    (folder(system, environment_id) / "workspace" / GATE).touch()


def processes(environment_id: str) -> list[psutil.Process]:
    """The living processes that belong to an environment, whoever their parent is."""
    return [process for process in psutil.process_iter() if belongs(process, environment_id)]


def belongs(process: psutil.Process, environment_id: str) -> bool:
    with contextlib.suppress(psutil.Error):
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        told = [*process.cmdline(), process.environ().get("ENVIRONMENT_ID", ""), process.cwd()]
        return any(environment_id in word for word in told)
    return False


@contextmanager
def watched(url: str, environment_id: str) -> Iterator[Iterator[tuple[str, dict[str, Any]]]]:
    """Follow an environment: event and data of each message."""
    with (
        httpx.Client(trust_env=False, timeout=60) as client,
        client.stream("GET", f"{url}{PATH}/{environment_id}/watch", headers=EVENTS) as answer,
    ):
        assert answer.status_code == 200, answer.read()
        yield messages(answer)


def messages(answer: httpx.Response) -> Iterator[tuple[str, dict[str, Any]]]:
    """Event ("" for none) and data of each message of a body of Server-Sent Events."""
    for event in read_events(answer.iter_lines()):
        yield event.event, json.loads(event.data)


def delete_all(system: System) -> None:
    """Leave nothing behind, whatever a test has left."""
    listed = system.client.get(PATH, params={"pageSize": 100}, headers=admin(system)).json()["environments"]
    for environment in listed:
        with contextlib.suppress(FileNotFoundError):
            open_gate(system, environment["id"])
        system.client.delete(f"{PATH}/{environment['id']}", headers=admin(system))
    for environment in listed:
        is_gone(system, environment["id"])


def compare(system: System) -> dict[str, Any]:
    """Have the environments compared with what is there, and return how that went."""

    def last() -> dict[str, Any]:
        answer = system.client.get(f"{PATH}:reconciliation", headers=admin(system))
        (comparison,) = answer.raise_for_status().json()["comparisons"]
        return dict(comparison)

    before = last().get("compareTime")
    system.client.post(f"{PATH}:reconcile", json={}, headers=admin(system)).raise_for_status()
    wait_until(
        lambda: last().get("compareTime") != before,
        timeout=60,
        what=lambda: f"{last()}\n{system.output('worker')}",
    )
    return last()


def nothing_left(system: System, environment_id: str, *, timeout: float = 20) -> None:
    """Wait until an environment has no process and no folder."""

    def left() -> list[object]:
        there = [folder(system, environment_id)] if folder(system, environment_id).exists() else []
        return [*there, *processes(environment_id)]

    wait_until(lambda: not left(), timeout=timeout, what=lambda: f"{left()}")
