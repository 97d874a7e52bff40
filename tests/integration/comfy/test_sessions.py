"""Sessions: how they start, what refuses to start, how they end. Source: the published Quick Start Guide of the API."""

import asyncio
from typing import Any

import pytest

from tests.integration.comfy.holder import (
    CREDENTIALS,
    ENDPOINT,
    PASSWORD,
    URL,
    USERNAME,
    Holders,
    get,
    post,
    start_body,
    until,
)
from tests.integration.orchestrator.serving import Site

NO_SESSION = "No active browser session. Start a session first with POST /session/start"
GONE = "Browser server not responding"


async def active(site: Site) -> list[Any]:
    sessions: list[Any] = (await get(site.http, "/session/list", active=True))["sessions"]
    return sessions


async def test_a_start_is_answered_when_the_session_takes_calls(site: Site, holders: Holders) -> None:
    starting = asyncio.create_task(post(site.http, "/session/start", **start_body(port=9998, headless=False)))
    holder = await holders.claim()
    plan = await holder.plan()
    before = (await get(site.http, "/session/status"))["state"]
    await holder.ready(port=9998)

    answer = await starting

    assert (plan.username, plan.password, plan.url) == (USERNAME, PASSWORD, URL)
    assert (list(plan.addresses), plan.port, plan.headless) == (["127.0.0.1"], 9998, False)
    assert before == "starting"
    assert answer == (
        200,
        {
            "success": True,
            "message": "Session started",
            "details": {
                "port": 9998,
                "url": URL,
                "headless": False,
                "session": "default",
                "session_id": holder.session_id,
                "browser_endpoint": ENDPOINT,
            },
        },
    )


async def test_the_status_shows_an_active_session_and_nothing_that_is_secret(site: Site, holders: Holders) -> None:
    await holders.start()

    status = await get(site.http, "/session/status")

    assert (status["active"], status["port"], status["url"], status["reason"]) == (True, 9999, URL, None)
    assert (status["state"], status["mode"], status["prompts_active"]) == ("ready", "browser", 0)
    assert ENDPOINT not in str(status)


async def test_a_direct_session_has_neither_port_nor_window(site: Site, holders: Holders) -> None:
    starting = asyncio.create_task(post(site.http, "/session/start", **start_body(mode="api")))
    holder = await holders.claim()
    await holder.ready(port=None, browser_endpoint=None, frontend_version=None)

    _, body = await starting

    details = body["details"]
    assert (details["port"], details["headless"], details["browser_endpoint"]) == (None, None, None)


async def test_nothing_was_started_under_a_name_that_nobody_has_used(site: Site) -> None:
    status = await get(site.http, "/session/status", session="other")

    assert (status["active"], status["port"], status["url"], status["state"]) == (False, None, None, None)
    assert status["session"] == "other"


async def test_a_stop_is_answered_when_the_session_is_over(site: Site, holders: Holders) -> None:
    await holders.start()

    answer = await post(site.http, "/session/stop")

    assert answer == (200, {"success": True, "message": "Session stopped", "details": None})
    status = await get(site.http, "/session/status")
    assert (status["active"], status["state"], status["port"]) == (False, "ended", None)
    assert await post(site.http, "/session/stop") == (400, {"detail": NO_SESSION})


async def test_a_second_start_on_the_same_name_is_refused_and_changes_nothing(site: Site, holders: Holders) -> None:
    holder = await holders.start()

    status, body = await post(site.http, "/session/start", **start_body())

    assert (status, body["detail"]) == (
        400,
        "Session 'default' is active already. Stop it first with POST /session/stop",
    )
    assert [one["id"] for one in await active(site)] == [holder.session_id]


async def test_of_two_starts_at_once_one_wins(site: Site, holders: Holders) -> None:
    starting = [asyncio.create_task(post(site.http, "/session/start", **start_body())) for _ in range(2)]
    holder = await holders.claim()
    await holder.ready()

    answers = await asyncio.gather(*starting)

    assert sorted(status for status, _ in answers) == [200, 400]


async def test_sessions_of_several_names_live_side_by_side(site: Site, holders: Holders) -> None:
    for name in ("a", "b.c_d-1"):
        await holders.start(session=name)

    assert sorted(one["name"] for one in await active(site)) == ["a", "b.c_d-1"]
    await post(site.http, "/session/stop", session="a")
    assert [one["name"] for one in await active(site)] == ["b.c_d-1"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"session": "a b"}, "session"),
        ({"session": "a/b"}, "session"),
        ({"session": "é"}, "session"),
        ({"session": "x" * 65}, "session"),
        ({"session": "a\u0000"}, "session"),
        ({"session": 5}, "session"),
        ({"port": 80}, "port"),
        ({"port": 65_536}, "port"),
        ({"port": -1}, "port"),
        ({"port": 9999.5}, "port"),
        ({"port": "9999"}, "port"),
        ({"headless": "yes"}, "headless"),
        ({"mode": "robot"}, "mode"),
        ({"on_restart": "maybe"}, "on_restart"),
        ({"credentials": None}, "credentials"),
        ({"credentials": "me"}, "credentials"),
        ({"credentials": {"username": "a", "password": "b"}}, "credentials.url"),
        ({"credentials": {"url": ""}}, "credentials.url"),
        ({"credentials": {"url": "nonsense"}}, "credentials.url"),
        ({"credentials": {"url": "ftp://127.0.0.1/"}}, "credentials.url"),
        ({"credentials": {"url": "ws://127.0.0.1:8188"}}, "credentials.url"),
        ({"credentials": {"url": "file:///etc/passwd"}}, "credentials.url"),
        ({"credentials": {"url": "http://127.0.0.1:0"}}, "credentials.url"),
        ({"credentials": {"url": "http://127.0.0.1:99999"}}, "credentials.url"),
        ({"credentials": {"url": "http://[/"}}, "credentials.url"),
        ({"credentials": {"url": "http:///x"}}, "credentials.url"),
        ({"credentials": {"url": "http://user:pw@127.0.0.1:8188"}}, "credentials.url"),
        ({"credentials": {"url": "http://@127.0.0.1:8188"}}, "credentials.url"),
        ({"credentials": {"url": "http://127.0.0.1:8188/?token=secret"}}, "credentials.url"),
        ({"credentials": {"url": "http://127.0.0.1:8188/#secret"}}, "credentials.url"),
        ({"credentials": {"url": "http://127.0.0.1\r\nX: y"}}, "credentials.url"),
        ({"credentials": {"url": "http://127.0.0.1/" + "x" * 2048}}, "credentials.url"),
        # RFC 7617, section 2.
        ({"credentials": {"url": URL, "username": "a:b", "password": "c"}}, "credentials.username"),
    ],
)
async def test_what_is_out_of_bounds_does_not_start(site: Site, changes: dict[str, Any], field: str) -> None:
    status, body = await post(site.http, "/session/start", **start_body(**changes))

    assert status == 400
    assert body["detail"].split()[0] == field
    assert "pw" not in body["detail"]
    assert await active(site) == []


@pytest.mark.parametrize(
    "url",
    ["http://10.0.0.1:8188", "http://169.254.169.254/latest", "http://192.168.1.1", "http://[::ffff:10.0.0.1]/",
     "http://0.0.0.0:8188", "http://2130706433.", "http://0x0a000001/"],
)  # fmt: skip
async def test_an_address_that_may_not_be_called_is_refused(site: Site, url: str) -> None:
    status, body = await post(site.http, "/session/start", **start_body(credentials={**CREDENTIALS, "url": url}))

    assert status == 400
    assert "url" in body["detail"]
    assert await active(site) == []


async def test_without_a_worker_a_start_is_refused_after_the_wait_and_leaves_nothing(site: Site) -> None:
    status, body = await post(site.http, "/session/start", **start_body())

    assert (status, body["detail"]) == (503, "No worker is free to hold a session. Start one, or stop a session")
    assert await active(site) == []
    assert (await get(site.http, "/session/status"))["state"] == "ended"
    assert await post(site.http, "/workflow/queue") == (400, {"detail": NO_SESSION})


@pytest.mark.parametrize(
    ("error_type", "expected"),
    [
        ("PortTaken", 400),
        ("ComfyUnreachable", 500),
        ("ComfyRefused", 500),
        ("ConfigInvalid", 500),
        ("BrowserCrashed", 503),
    ],
)
async def test_what_the_worker_says_of_a_failed_start_is_told(
    site: Site, holders: Holders, error_type: str, expected: int
) -> None:
    starting = asyncio.create_task(post(site.http, "/session/start", **start_body()))
    holder = await holders.claim()
    await holder.fail(error_type, "a sentence of the worker")

    status, body = await starting

    assert (status, body["detail"]) == (expected, GONE if expected == 503 else "a sentence of the worker")
    assert await active(site) == []
    assert (await get(site.http, "/session/status"))["reason"] == "a sentence of the worker"
    assert await post(site.http, "/workflow/queue") == (400, {"detail": NO_SESSION})


async def test_a_start_that_is_stopped_meanwhile_is_refused(site: Site, holders: Holders) -> None:
    starting = asyncio.create_task(post(site.http, "/session/start", **start_body()))
    holder = await holders.claim()
    holders.run(holder.end_when_asked())

    stopped = await post(site.http, "/session/stop")

    assert stopped[0] == 200
    assert await starting == (400, {"detail": NO_SESSION})


async def test_a_caller_who_leaves_takes_the_session_with_him(site: Site, holders: Holders) -> None:
    stub = site.stub("comfy.SessionService")
    request = _start_request()
    starting = stub.StartSession(request, metadata=site.admin)
    holder = await holders.claim()

    starting.cancel()

    holders.run(holder.end_when_asked())
    await until(lambda: _nothing_active(site))


async def test_a_session_whose_worker_dies_is_inactive_and_says_why(site: Site, holders: Holders) -> None:
    await holders.start()

    site.clock.ahead += 31_000_000
    await site.kernel.expire_leases()

    status = await get(site.http, "/session/status")
    assert (status["active"], status["state"]) == (False, "ended")
    assert status["reason"] == "the worker on host-1 was lost"
    for path in ("/workflow/open", "/workflow/queue"):
        assert await post(site.http, path, **({"workflow_path": "x"} if "open" in path else {})) == (
            503,
            {"detail": GONE},
        )


async def test_a_lost_session_answers_503_until_it_is_stopped_and_then_400(site: Site, holders: Holders) -> None:
    holder = await holders.start()
    await holder.fail("BrowserCrashed")

    before = await post(site.http, "/workflow/queue")
    stopped = await post(site.http, "/session/stop")
    after = await post(site.http, "/workflow/queue")

    assert (before[0], stopped[0], after[0]) == (503, 200, 400)


async def test_a_lost_session_can_be_started_again(site: Site, holders: Holders) -> None:
    await (await holders.start()).fail("BrowserCrashed")

    again = await holders.start()

    assert (await get(site.http, "/session/status"))["active"] is True
    assert [one["id"] for one in await active(site)] == [again.session_id]


async def test_a_start_repeated_with_its_key_gives_the_first_answer(site: Site, holders: Holders) -> None:
    headers = {"Idempotency-Key": "k"}
    both = [asyncio.create_task(site.http.post("/session/start", json=start_body(), headers=headers)) for _ in range(2)]
    holder = await holders.claim()
    holders.run(holder.end_when_asked())
    await holder.ready()
    answers = [answer.json() for answer in await asyncio.gather(*both)]
    await post(site.http, "/session/stop")

    later = (await site.http.post("/session/start", json=start_body(), headers=headers)).json()
    other = await site.http.post("/session/start", json=start_body(port=9998), headers=headers)

    assert answers[0] == answers[1]
    # What was secret is erased by then.
    assert later["details"] == answers[0]["details"] | {"browser_endpoint": None}
    assert other.status_code == 409


async def test_a_start_that_failed_can_be_repeated_with_its_key(site: Site, holders: Holders) -> None:
    headers = {"Idempotency-Key": "k"}
    first = await site.http.post("/session/start", json=start_body(), headers=headers)

    starting = asyncio.create_task(site.http.post("/session/start", json=start_body(), headers=headers))
    await (await holders.claim()).ready()

    assert (first.status_code, (await starting).status_code) == (503, 200)


async def test_an_idle_session_ends_and_one_with_a_prompt_does_not(site: Site, holders: Holders) -> None:
    await holders.start(session="idle")
    busy = await holders.opened(session="busy")
    queueing = asyncio.create_task(post(site.http, "/workflow/queue", session="busy"))
    await busy.sent()
    await queueing

    site.clock.ahead += 31 * 60 * 1_000_000

    await until(lambda: _is(site, "idle", "ended"))
    assert (await get(site.http, "/session/status", session="idle"))["reason"] == "nobody used it for 30 minutes"
    assert await post(site.http, "/workflow/queue", session="idle") == (400, {"detail": NO_SESSION})
    assert (await get(site.http, "/session/status", session="busy"))["active"] is True


async def test_sessions_are_listed_in_pages_without_the_address_of_their_browser(site: Site, holders: Holders) -> None:
    for name in ("a", "b", "c"):
        await holders.start(session=name)

    first = await get(site.http, "/session/list", page_size=2)
    last = await get(site.http, "/session/list", page_size=2, page_token=first["next_page_token"])

    assert [one["name"] for one in first["sessions"] + last["sessions"]] == ["c", "b", "a"]
    assert last["next_page_token"] == ""
    assert {one["browser_endpoint"] for one in first["sessions"]} == {None}


async def test_tenants_have_sessions_of_their_own(site: Site, holders: Holders) -> None:
    async with site.client("operator", tenant="acme") as acme, site.client("operator", tenant="other") as other:
        await holders.start(acme)

        seen = [
            ([one["name"] for one in (await get(http, "/session/list"))["sessions"]],
             (await get(http, "/session/status"))["active"])
            for http in (acme, other, site.http)
        ]  # fmt: skip
        stopped = await post(other, "/session/stop")
        await holders.start(other)

        assert seen == [(["default"], True), ([], False), (["default"], False)]
        assert stopped == (400, {"detail": NO_SESSION})
        assert (await get(acme, "/session/status"))["active"] is True


async def _nothing_active(site: Site) -> bool:
    return await active(site) == []


async def _is(site: Site, session: str, state: str) -> bool:
    found: bool = (await get(site.http, "/session/status", session=session))["state"] == state
    return found


def _start_request() -> Any:
    from switchyard.comfy.v1.session_service_pb2 import StartSessionRequest

    return StartSessionRequest(credentials=StartSessionRequest.Credentials(**CREDENTIALS))
