"""Environments when parts of the system are killed, or when they are deleted while they are made."""

import contextlib
import shlex
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest

from tests.end_to_end.environment_calls import (
    GATED,
    PATH,
    SETTINGS,
    comes_to,
    compare,
    create,
    delete_all,
    folder,
    is_gone,
    nothing_left,
    open_gate,
    processes,
    read,
)
from tests.end_to_end.system import System, wait_until

pytestmark = pytest.mark.timeout(240)


# An editor that does not end when it is asked to, so that a stop takes a while: it is killed in the end.
STUBBORN = shlex.join(["sh", "-c", f"trap '' TERM; exec {SETTINGS['LOCAL_IDE_COMMAND']}"])


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that misses a lost worker after 3 s. What a test kills, it starts again."""
    with System(tmp_path_factory.mktemp("system"), {"LOCAL_IDE_COMMAND": STUBBORN, "LEASE_SECONDS": "3"}) as system:
        system.start()
        answer = system.client.post("/api/v1/environment-templates", json={"template": GATED})
        assert answer.status_code == 201, answer.text
        yield system
        delete_all(system)


def half_made(system: System) -> str:
    """An environment that is being made, as far as its startup script."""
    one = create(system, templateId="gated")
    workspace = folder(system, one) / "workspace"
    wait_until(
        lambda: workspace.is_dir() and bool(processes(one)),
        timeout=60,
        what=lambda: f"{read(system, one)}\n{system.output('worker')}",
    )
    return one


def test_an_environment_whose_worker_was_killed_is_made_by_the_next_one(system: System) -> None:
    one = half_made(system)
    system.kill("worker")
    system.start_worker()
    open_gate(system, one)

    environment = comes_to(system, one, "RUNNING", timeout=90)
    opened = httpx.get(environment["vsCodeUrl"], trust_env=False)
    system.client.delete(f"{PATH}/{one}", timeout=60)

    assert opened.status_code < 500
    is_gone(system, one)
    nothing_left(system, one)


def test_an_environment_whose_server_was_killed_while_it_stopped_is_stopped(system: System) -> None:
    one = create(system)
    comes_to(system, one, "RUNNING")
    (folder(system, one) / "workspace" / "kept.txt").write_text("kept")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(httpx.post, f"{system.url}{PATH}/{one}/stop", trust_env=False, timeout=60)
        comes_to(system, one, "STOPPING")
        system.kill("server")
        broken = call.exception(timeout=60)
    system.start_server()

    environment = comes_to(system, one, "STOPPED", timeout=90)

    assert isinstance(broken, httpx.TransportError)
    assert "vsCodeUrl" not in environment
    wait_until(lambda: not processes(one), timeout=20, what=lambda: f"{processes(one)}")
    assert (folder(system, one) / "workspace" / "kept.txt").read_text() == "kept"


def test_an_environment_that_is_deleted_while_it_is_made_leaves_nothing(system: System) -> None:
    one = half_made(system)

    answer = system.client.delete(f"{PATH}/{one}", timeout=60)

    assert (answer.status_code, answer.json()["message"]) == (200, "Environment deleted successfully")
    is_gone(system, one)
    nothing_left(system, one)


def test_an_environment_goes_on_without_its_worker_and_is_stopped_by_the_next_one(system: System) -> None:
    one = create(system)
    environment = comes_to(system, one, "RUNNING")
    system.kill("worker")
    alive = processes(one)
    system.start_worker()

    stopped = system.client.post(f"{PATH}/{one}/stop", timeout=60)
    comes_to(system, one, "STOPPED")

    assert alive
    assert stopped.status_code == 200
    wait_until(lambda: not processes(one), timeout=20, what=lambda: f"{processes(one)}")
    with pytest.raises(httpx.TransportError):
        httpx.get(environment["vsCodeUrl"], trust_env=False)


def test_an_environment_whose_processes_were_killed_is_stopped_by_the_next_comparison(system: System) -> None:
    one = create(system)
    comes_to(system, one, "RUNNING")
    for process in processes(one):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    wait_until(lambda: not processes(one), timeout=20, what=lambda: f"{processes(one)}")

    compare(system)
    environment = read(system, one)
    (decision, *_) = system.client.get(f"{PATH}/{one}/decisions").json()["decisions"]
    started = system.client.post(f"{PATH}/{one}/start", timeout=60)
    comes_to(system, one, "RUNNING")

    assert environment is not None
    assert environment["status"] in {"STOPPED", "ERROR"}
    assert (decision["kind"], decision["action"]) == ("reconciliation", "correct")
    assert started.status_code == 200
