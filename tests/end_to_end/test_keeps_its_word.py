"""What a control plane must not lose or claim wrongly, shown with real processes and real kills."""

import random
import shutil
import time
from typing import Any

import psutil
import pytest

from tests.end_to_end.system import System, wait_until

BROWSER_WAITS = [
    {
        "name": "wait",
        "steps": [{"goto": {"url": "{{params.url}}"}}, {"log": "page is open"}, {"sleep": {"seconds": 60}}],
    }
]
# A line every ten milliseconds, so that kills and partings fall in the middle of them.
LINE_COUNT = 400
CHATTY = {"lines": LINE_COUNT, "pause": 0.01}


def browser_is_up(system: System, name: str = "worker") -> bool:
    return any("chrom" in " ".join(process.cmdline()) for process in alive(system.descendants(name)))


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def start_waiting_browser(system: System, **body: Any) -> tuple[str, str]:
    """Start a run that sits in front of a page of the server itself."""
    instance = system.create_instance(
        "noop", config={"phases": BROWSER_WAITS}, params={"url": f"{system.url}/api/server"}
    )
    run = system.start_run(instance, **body)
    wait_until(
        lambda: "page is open" in system.log_text(instance, run),
        timeout=60,
        what=lambda: system.log_text(instance, run) + system.output("worker"),
    )
    return instance, run


def test_a_run_whose_worker_is_killed_ends_as_worker_lost_and_leaves_no_browser(
    system_of_short_leases: System,
) -> None:
    system = system_of_short_leases
    instance, run = start_waiting_browser(system)
    assert browser_is_up(system)
    below = system.descendants("worker")

    system.kill("worker")

    wait_until(lambda: not alive(below), timeout=15, what=lambda: str(alive(below)))
    ended = system.wait_for(instance, run, timeout=30)
    assert (ended["status"], ended["error_code"]) == ("error", "WorkerLost")


def test_a_second_worker_takes_up_what_a_killed_one_left(
    system_of_short_leases: System,
) -> None:
    system = system_of_short_leases
    instance, run = start_waiting_browser(system, max_attempts=2)

    system.kill("worker")
    system.start_worker("worker")

    wait_until(
        lambda: system.log_text(instance, run).count("page is open") == 2,
        timeout=60,
        what=lambda: system.log_text(instance, run),
    )
    assert system.run(instance, run)["attempt"] == 2
    system.client.post(f"/api/bot-instances/{instance}/stop")
    assert system.wait_for(instance, run, timeout=15)["status"] == "stopped"


def test_a_killed_server_loses_and_repeats_no_line_of_a_running_log(system: System) -> None:
    instance = system.create_instance("noop", params=CHATTY)
    run = system.start_run(instance)
    wait_until(lambda: len(system.log_lines(instance, run)) > 50, timeout=30, what=lambda: system.output("worker"))

    system.kill("server")
    time.sleep(1)
    system.start_server()

    ended = system.wait_for(instance, run)
    assert ended["status"] == "success"
    lines = system.log_lines(instance, run)
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    said = [line["message"] for line in lines if line["message"].startswith("line ")]
    assert said == [f"line {n} of {LINE_COUNT}" for n in range(1, LINE_COUNT + 1)]
    text = system.client.get(f"/api/bot-instances/{instance}/runs/{run}/logs", params={"format": "text"}).text
    wait_until(lambda: log_files(system) == [text], timeout=10, what=lambda: "\n".join(log_files(system)))


def log_files(system: System) -> list[str]:
    return [path.read_text() for path in system.data_dir.glob("tenants/*/bots/*/logs/*")]


def test_queued_runs_survive_the_loss_of_the_queue_and_run_once(system: System) -> None:
    system.stop("worker")
    runs = []
    for _ in range(5):
        instance = system.create_instance("noop")
        runs.append((instance, system.start_run(instance)))
    assert system.queue is not None

    system.queue.stop()
    shutil.rmtree(system.queue_dir / "data")
    system.start_queue()
    system.start_worker()

    for instance, run in runs:
        ended = system.wait_for(instance, run)
        assert (ended["status"], ended["attempt"]) == ("success", 1)


def test_a_stopped_run_is_really_over_and_says_how(system: System) -> None:
    instance, run = start_waiting_browser(system)

    for _ in range(2):
        assert system.client.post(f"/api/bot-instances/{instance}/stop").json() == {"ok": True}

    ended = system.wait_for(instance, run, timeout=15)
    assert ended["status"] == "stopped"
    assert ended["receipt"]["process_count_left"] == 0
    wait_until(lambda: not browser_is_up(system), timeout=5, what=lambda: str(system.descendants("worker")))
    system.client.post(f"/api/bot-instances/{instance}/stop")
    assert system.run(instance, run) == ended


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05, 0.1, 0.2, 0.4])
def test_a_stop_at_any_moment_leaves_one_final_state(shared_system: System, delay: float) -> None:
    instance = shared_system.create_instance("noop")
    run = shared_system.start_run(instance)

    time.sleep(delay)
    assert shared_system.client.post(f"/api/bot-instances/{instance}/stop").json() == {"ok": True}

    ended = shared_system.wait_for(instance, run, timeout=20)
    time.sleep(0.5)
    assert shared_system.run(instance, run) == ended
    assert ended["status"] in {"stopped", "success"}


def test_a_reader_that_comes_back_at_random_points_sees_exactly_the_stored_log(shared_system: System) -> None:
    instance = shared_system.create_instance("noop", params=CHATTY)
    run = shared_system.start_run(instance)
    dice = random.Random(20240115)
    seen: list[tuple[str, str]] = []
    ended = False

    while not ended:
        patience = dice.randint(1, 60)
        for event in shared_system.events(instance, last_event_id=seen[-1][0] if seen else ""):
            ended = event.event == "end"
            if event.id and not ended:
                seen.append((event.id, event.data))
                patience -= 1
            if patience == 0:
                break

    stored = shared_system.log_lines(instance, run)
    assert [cursor for cursor, _ in seen] == [f"{run}:{line['seq']}" for line in stored]
    assert [text.partition(" - ")[2] for _, text in seen] == [line["message"] for line in stored]
