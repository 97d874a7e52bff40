"""Several servers, gateways and workers over one Postgres and one Redis: what they share, and what no end of one loses.

The tests share a fleet. Each leaves it whole, and a schedule fires through all of them.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import psutil
import pytest

from tests.comfyui import nginx
from tests.end_to_end.fleet import API_KEY, TELEMETRY_LIMIT, Fleet
from tests.end_to_end.system import wait_until
from tests.patience import PATIENCE

pytestmark = pytest.mark.skipif(nginx.program() is None, reason="there is no nginx; `make comfyui` installs one")

LINES: Final = 40
PAUSE: Final = 0.05
SAID: Final = [f"line {n} of {LINES}" for n in range(1, LINES + 1)]
EVERY_MINUTE: Final = {
    "workflow_name": "each minute",
    "workflow_json": {
        "nodes": [{"id": "start", "type": "StartNode"}, {"id": "end", "type": "EndNode"}],
        "connections": [
            {"source_node": "start", "source_port": "exec_out", "target_node": "end", "target_port": "exec_in"}
        ],
    },
    "trigger_type": "scheduled",
    "schedule_cron": "* * * * *",
}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with Fleet(tmp_path_factory.mktemp("fleet")) as fleet:
        fleet.start()
        yield fleet


@pytest.fixture(scope="module")
def admin(fleet: Fleet) -> dict[str, str]:
    """What an admin sends to the orchestrator."""
    return {"X-API-Key": API_KEY}


@pytest.fixture(scope="module", autouse=True)
def schedule_of_each_minute(fleet: Fleet, admin: dict[str, str]) -> str:
    """A schedule that fires each minute from the start of the fleet."""
    made = fleet.request("POST", "/api/v1/workflows", json=EVERY_MINUTE, headers=admin)
    return str(made.json()["schedule_id"])


@pytest.fixture
def followers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def follow(pool: ThreadPoolExecutor, fleet: Fleet, instance: str, url: str = "") -> tuple[list[str], "Future[None]"]:
    """Follow a log; the list grows as lines come, the future ends with the stream."""
    lines: list[str] = []
    return lines, pool.submit(lambda: lines.extend(event.data for event in fleet.events(instance, url=url)))


def messages(lines: list[str]) -> list[str]:
    """What was said, without the time before it: "[2026-01-01 00:00:00] - text"."""
    return [line.partition("] - ")[2] for line in lines]


def test_every_line_is_streamed_by_each_server_whichever_it_was_written_through(
    fleet: Fleet, followers: ThreadPoolExecutor
) -> None:
    # A worker gives each batch of lines to the next server, so that both have lines which the other one took.
    instance, run = fleet.start_noop(key="shared-log", lines=LINES, pause=PAUSE)
    followed = [follow(followers, fleet, instance, fleet.url_of(name)) for name in fleet.server_names]

    for _, end in followed:
        end.result(PATIENCE)

    log = fleet.log(instance, run)
    assert [line for line in log if line in SAID] == SAID
    for lines, _ in followed:
        assert messages(lines) == log


@pytest.mark.parametrize(
    ("listener", "paths"),
    [
        (
            "main",
            [
                "/api/bot-instances",
                "/api/bot-instances/none",
                "/api/sessions?page=0",
                "/api/v1/environments/none",
                "/health/ready",
                "/api/nowhere",
                "/nowhere",
                "/docs",
                "/redoc",
            ],
        ),
        ("agent", ["/", "/ready", "/live", "/api/v1/environments?page=0", "/nowhere", "/docs"]),
    ],
)
def test_a_gateway_apart_answers_as_the_one_in_a_server_does(fleet: Fleet, listener: str, paths: list[str]) -> None:
    place = fleet.url_of if listener == "main" else fleet.agent_url_of

    for path in paths:
        # A request that came through a proxy is not local to the server either.
        inside, apart = (
            fleet.client.get(f"{place(name)}{path}", headers={"X-Forwarded-For": "192.0.2.1"})
            for name in ("server-0", "gateway-0")
        )
        assert (apart.status_code, apart.content) == (inside.status_code, inside.content), path
        assert set(apart.headers) == set(inside.headers), path


def test_requests_through_either_gateway_count_against_one_limit(fleet: Fleet) -> None:
    # An address that nobody else asks from; the gateways believe those who are on this machine.
    client = {"X-Forwarded-For": "192.0.2.7"}
    statuses = [
        fleet.client.get(f"{fleet.url_of(name)}/api/ip/status", headers=client).status_code
        for name in fleet.gateway_names * TELEMETRY_LIMIT
    ]

    assert statuses == [200] * TELEMETRY_LIMIT + [429] * TELEMETRY_LIMIT


def test_clients_are_told_apart_behind_the_proxy_and_none_of_them_is_local(fleet: Fleet) -> None:
    # What a client says of itself is replaced by nginx, so it stays one client; and it has to show a credential.
    found = {
        fleet.client.get("/api/ip/status", headers={"X-Forwarded-For": f"192.0.2.{n}"}).status_code
        for n in range(TELEMETRY_LIMIT + 1)
    }
    stranger = httpx.get(f"{fleet.url}/api/bot-instances", trust_env=False)

    assert found == {200, 429}
    assert stranger.status_code == 401


def test_nobody_who_reads_notices_that_a_server_is_killed(fleet: Fleet) -> None:
    fleet.kill("server-0")
    statuses = [fleet.client.get("/api/server").status_code for _ in range(40)]
    fleet.launch("server-0")

    assert statuses == [200] * 40


@pytest.mark.parametrize("kind", ["server", "gateway", "worker", "nginx", "redis", "postgres"])
def test_the_end_of_any_process_loses_no_run_and_no_line(
    fleet: Fleet, followers: ThreadPoolExecutor, kind: str
) -> None:
    started = [fleet.start_noop(key=f"{kind}-{n}", lines=LINES, pause=PAUSE, max_attempts=2) for n in range(2)]
    followed = [follow(followers, fleet, instance) for instance, _ in started]
    for instance, run in started:
        wait_until(
            lambda instance=instance, run=run: SAID[4] in fleet.log(instance, run),  # type: ignore[misc]
            timeout=PATIENCE,
            what=lambda: "\n".join(fleet.output(name) for name in fleet.worker_names),
        )

    name = busiest(fleet) if kind == "worker" else next(name for name in fleet.programs if name.startswith(kind))
    fleet.kill(name)
    fleet.launch(name)

    for (instance, run), (lines, end) in zip(started, followed, strict=True):
        assert fleet.wait_for_end(instance, run)["status"] == "success"
        end.result(PATIENCE)
        log = fleet.log(instance, run)
        # The second attempt of a run whose worker was killed begins anew, below what the first one had said.
        assert [line for line in log if line in SAID][-LINES:] == SAID
        assert messages(lines) == log


def busiest(fleet: Fleet) -> str:
    """The worker with the most processes, which has a run."""
    return max(
        fleet.worker_names, key=lambda name: len(psutil.Process(fleet.processes[name].pid).children(recursive=True))
    )


def test_what_was_acknowledged_before_a_kill_of_postgres_is_there_afterwards(fleet: Fleet) -> None:
    made = [fleet.start_noop(key=f"kept-{n}", lines=1, pause=0)[0] for n in range(5)]

    fleet.kill("postgres")
    meanwhile = fleet.client.get(f"/api/bot-instances/{made[0]}")
    fleet.launch("postgres")

    # Not a fault of the server's, and worth another try.
    assert meanwhile.status_code == 503, meanwhile.text
    for instance in made:
        assert fleet.request("GET", f"/api/bot-instances/{instance}").json()["id"] == instance


def test_a_rolling_restart_loses_no_run_and_no_stream(fleet: Fleet, followers: ThreadPoolExecutor) -> None:
    restarted = [*fleet.server_names, *fleet.gateway_names, *fleet.worker_names]
    started: list[tuple[str, str]] = []
    followed: list[tuple[list[str], Future[None]]] = []
    for name in restarted:
        started.append(fleet.start_noop(key=f"rolling-{name}", lines=LINES, pause=PAUSE))
        followed.append(follow(followers, fleet, started[-1][0]))

        assert fleet.stop(name) == 0, fleet.output(name)
        fleet.launch(name)

    for (instance, run), (lines, end) in zip(started, followed, strict=True):
        ended = fleet.wait_for_end(instance, run)
        assert (ended["status"], ended["max_attempts"]) == ("success", 1)
        end.result(PATIENCE)
        log = fleet.log(instance, run)
        assert [line for line in log if line in SAID][-LINES:] == SAID
        assert messages(lines) == log


def test_a_schedule_has_fired_once_a_minute_whatever_was_killed_meanwhile(
    fleet: Fleet, admin: dict[str, str], schedule_of_each_minute: str
) -> None:
    path = f"/api/v1/schedules/{schedule_of_each_minute}"

    def passed() -> list[dict[str, Any]]:
        return list(fleet.request("GET", f"{path}/occurrences", headers=admin).json()["occurrences"])

    wait_until(lambda: bool(passed()), timeout=75, what=lambda: fleet.output("server-0"))
    occurrences = passed()
    minutes = [datetime.fromisoformat(one["fire_time"]) for one in occurrences]
    fired = [one["job_id"] for one in occurrences if one["status"] in ("fired", "late")]

    # The newest first, and none is left out.
    assert minutes == [minutes[0] - n * timedelta(minutes=1) for n in range(len(minutes))]
    assert fired
    assert len(set(fired)) == len(fired) == fleet.request("GET", path, headers=admin).json()["run_count"]
