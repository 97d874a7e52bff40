"""Telemetry of a whole system: what it answers is on disk, its own bots report themselves, and its figures are true."""

import asyncio
import json
import threading
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from server.database.database import open_database
from tests.end_to_end.command_line import switchyard
from tests.end_to_end.system import System, wait_until
from tests.end_to_end.test_keeps_its_word import start_waiting_browser


def with_key(system: System) -> httpx.Client:
    """A client that shows the API key of a system."""
    lines = (system.data_dir / "credentials.env").read_text().splitlines()
    key = dict(line.split("=", 1) for line in lines if "=" in line)["API_KEY"].strip("\"'")
    return httpx.Client(base_url=system.url, headers={"X-API-Key": key}, timeout=30, trust_env=False)


def totals_are_true(client: httpx.Client) -> bool:
    checked: dict[str, Any] = client.get("/api/stats/check").json()
    return bool(checked["ok"])


# api/session-telemetry.md, "Authentication": 401 without a key, 403 with a wrong one, in these words.
@pytest.mark.parametrize(
    ("headers", "status", "detail"),
    [
        ({}, 401, "Missing API key. Provide X-API-Key header."),
        ({"X-API-Key": "wrong"}, 403, "Invalid API key"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/sessions"),
        ("GET", "/api/sessions/s"),
        ("POST", "/api/sessions/register"),
        ("POST", "/api/sessions/end"),
        ("DELETE", "/api/sessions/s"),
        ("GET", "/api/sessions/export"),
        ("GET", "/api/events"),
        ("POST", "/api/events"),
        ("POST", "/api/events/batch"),
        ("POST", "/api/events/ingest"),
        ("GET", "/api/events/export"),
        ("GET", "/api/stats"),
        ("GET", "/api/stats/check"),
        ("GET", "/api/ip/status"),
        ("GET", "/api/proxies"),
        ("POST", "/api/proxies"),
        ("PATCH", "/api/proxies/1"),
        ("DELETE", "/api/proxies/1"),
        ("GET", "/api/proxies/1/health"),
        ("POST", "/api/proxies/lease"),
        ("DELETE", "/api/proxies/leases/l"),
    ],
)
def test_nobody_gets_in_without_the_key_not_even_locally(
    shared_system: System, method: str, path: str, headers: dict[str, str], status: int, detail: str
) -> None:
    answer = shared_system.client.request(method, path, headers=headers)

    assert (answer.status_code, answer.json()) == (status, {"detail": detail})


def test_more_than_a_hundred_requests_a_minute_are_refused_in_the_documented_words(shared_system: System) -> None:
    with with_key(shared_system) as client:
        first = client.get("/api/ip/status")
        left = int(first.headers["x-ratelimit-remaining"])
        answers = [client.get("/api/ip/status") for _ in range(left + 1)]

    assert (first.headers["x-ratelimit-limit"], left > 90) == ("100", True)
    assert [answer.status_code for answer in answers] == [200] * left + [429]
    assert answers[-1].json() == {"error": "Rate limit exceeded: 100 per 1 minute"}
    assert int(answers[-1].headers["retry-after"]) > 0


def test_the_run_of_a_bot_is_a_session_with_its_events(system: System) -> None:
    instance = system.create_instance(
        "noop",
        config={"phases": [{"name": "look", "steps": [{"goto": "{{params.url}}"}, {"screenshot": "page"}]}]},
        params={"url": f"{system.url}/api/server"},
    )
    run = system.start_run(instance)
    system.wait_for(instance, run, "success")

    with with_key(system) as client:
        found = client.get(f"/api/sessions/{run}-1").json()
        proxies = client.get("/api/ip/status").json()["proxies"]
        assert totals_are_true(client)

    session = found["session"]
    assert (session["status"], session["success"], session["error"]) == ("completed", True, None)
    assert (session["profile_id"], session["target_url"]) == (f"bot_instances/{instance}", f"{system.url}/api/server")
    assert session["duration"] > 0
    assert [event["event_type"] for event in found["events"]] == ["navigation", "page_load", "screenshot"]
    assert found["events"][1]["details"]["load_time_ms"] >= 0
    assert proxies == []


def test_a_killed_worker_leaves_no_session_active(system_of_short_leases: System) -> None:
    system = system_of_short_leases
    instance, run = start_waiting_browser(system)
    with with_key(system) as client:
        wait_until(
            lambda: client.get(f"/api/sessions/{run}-1").status_code == 200, timeout=20, what=lambda: "no session"
        )

        system.kill("worker")
        system.wait_for(instance, run, "error", timeout=30)

        session = client.get(f"/api/sessions/{run}-1").json()["session"]
        assert (session["status"], session["success"]) == ("failed", False)
        assert totals_are_true(client)


class Agent:
    """Registers sessions and logs events one after the other, and keeps what it got an answer for."""

    def __init__(self, system: System, name: str) -> None:
        self.events: list[int] = []
        self.sessions: list[str] = []
        self._name = name
        self._client = with_key(system)
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def join(self) -> None:
        self._thread.join()
        self._client.close()

    def _work(self) -> None:
        try:
            for number in range(1_000_000):
                session_id = f"{self._name}-{number}"
                body = {"session_id": session_id, "profile_id": "p", "proxy": "1.2.3.4:1"}
                self._post("/api/sessions/register", body)
                self.sessions.append(session_id)
                for _ in range(3):
                    logged = self._post("/api/events", {"session_id": session_id, "event_type": "click"})
                    self.events.append(logged["event_id"])
                self._post("/api/sessions/end", {"session_id": session_id, "success": True})
        except httpx.TransportError:
            return

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer = self._client.post(path, json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


def test_what_was_answered_is_there_after_a_kill_at_any_moment(tmp_path: Any) -> None:
    with System(tmp_path, {"RATE_LIMIT_PER_MINUTE": "0"}) as system:
        system.start_queue()
        for round_number in range(3):
            system.start_server()
            agents = [Agent(system, f"r{round_number}-a{number}") for number in range(6)]
            wait_until(
                lambda agents=agents: sum(len(agent.events) for agent in agents) > 200,  # type: ignore[misc]
                timeout=30,
                what=lambda: system.output("server"),
            )

            system.kill("server")

            for agent in agents:
                agent.join()
            system.start_server()
            with with_key(system) as client:
                for agent in agents:
                    assert stored_events(client, agent) >= set(agent.events)
                assert totals_are_true(client)
            system.stop("server")


def stored_events(client: httpx.Client, agent: Agent) -> set[int]:
    """Numbers of the stored events of an agent; each of its sessions must be there."""
    numbers: set[int] = set()
    for session_id in agent.sessions:
        answer = client.get(f"/api/sessions/{session_id}")
        assert answer.status_code == 200, session_id
        numbers |= {event["id"] for event in answer.json()["events"]}
    return numbers


async def falsify_a_total(url: str) -> None:
    database = await open_database(url)
    await database.write(lambda connection: connection.execute(sa.text("UPDATE session_counts SET sessions = 7")))
    await database.close()


def test_doctor_finds_a_total_that_is_wrong(system: System) -> None:
    with with_key(system) as client:
        client.post("/api/sessions/register", json={"session_id": "s", "profile_id": "p"}).raise_for_status()
    good, _, _ = switchyard(system, "doctor", "--json")
    asyncio.run(falsify_a_total(system.environment["DATABASE_URL"]))

    exit_code, out, _ = switchyard(system, "doctor", "--json")

    [counts] = [check for check in json.loads(out)["checks"] if check["name"] == "counts"]
    assert (good, exit_code, counts["ok"]) == (0, 1, False)
    assert "sessions, status active, country unknown: 7, but 1" in counts["found"]
