"""Sessions whose client has died end by themselves, and count once."""

import asyncio
from contextlib import aclosing

import sqlalchemy as sa
from structlog.testing import capture_logs

from server.clock import SECOND
from server.telemetry.sessions.expiry import AT_ONCE
from server.telemetry.tables import PROXIES
from switchyard.telemetry.v1 import event_service_pb2
from switchyard.telemetry.v1.live_service_pb2 import WatchResponse
from switchyard.telemetry.v1.session_pb2 import Session
from tests.integration.telemetry.serving import API_KEY, TTL_SECONDS, Telemetry


async def log_event(telemetry: Telemetry, session_id: str) -> None:
    request = event_service_pb2.LogEventRequest(session_id=session_id, event_type="click")
    await telemetry.events.LogEvent(request, metadata=API_KEY)


async def test_a_silent_session_fails_with_the_error_expired(telemetry: Telemetry) -> None:
    await telemetry.register("silent", proxy="1.2.3.4:1")
    await telemetry.register("alive")
    telemetry.clock.ahead = TTL_SECONDS * SECOND // 2
    await log_event(telemetry, "alive")
    telemetry.clock.ahead = (TTL_SECONDS + 1) * SECOND

    ended = await telemetry.services.expiry.end_silent()

    silent, alive = (await telemetry.get("silent")).session, (await telemetry.get("alive")).session
    assert ended == 1
    assert (silent.status, silent.error, silent.success) == (Session.STATUS_FAILED, "expired", False)
    assert alive.status == Session.STATUS_ACTIVE
    proxies = (await telemetry.http.get("/api/ip/status")).json()["proxies"]
    assert [(one["uses"], one["failures"]) for one in proxies] == [(1, 1)]


async def test_a_session_that_two_servers_find_silent_counts_once(telemetry: Telemetry) -> None:
    await telemetry.register("silent", proxy="1.2.3.4:1")
    telemetry.clock.ahead = (TTL_SECONDS + 1) * SECOND

    ended = await asyncio.gather(*(telemetry.services.expiry.end_silent() for _ in range(4)))

    assert sum(ended) == 1
    stats = (await telemetry.http.get("/api/stats")).json()
    assert (stats["failed_sessions"], stats["active_sessions"]) == (1, 0)


async def test_an_end_that_comes_after_the_session_expired_is_refused(telemetry: Telemetry) -> None:
    await telemetry.register()
    telemetry.clock.ahead = (TTL_SECONDS + 1) * SECOND
    await telemetry.services.expiry.end_silent()

    answer = await telemetry.http.post("/api/sessions/end", json={"session_id": "s1", "success": True})

    assert answer.status_code == 409
    assert (await telemetry.get()).session.error == "expired"


async def test_a_session_that_cannot_be_ended_holds_up_no_other(telemetry: Telemetry) -> None:
    for n in range(AT_ONCE + 1):
        await telemetry.register(f"broken-{n}", proxy="1.2.3.4:1")
    await telemetry.register("silent")
    # A session whose proxy is not there any more: what no code of ours leaves, a half-restored backup may.
    await telemetry.database.write(lambda connection: connection.execute(sa.delete(PROXIES)))
    telemetry.clock.ahead = (TTL_SECONDS + 1) * SECOND

    with capture_logs() as first:
        ended = await telemetry.services.expiry.end_silent()
    with capture_logs() as second:
        await telemetry.services.expiry.end_silent()

    assert ended == 1
    assert (await telemetry.get("silent")).session.error == "expired"
    assert (await telemetry.get("broken-0")).session.status == Session.STATUS_ACTIVE
    assert {line["session_id"] for line in first} == {f"broken-{n}" for n in range(AT_ONCE + 1)}
    assert second == []


async def test_an_expired_session_is_told_to_whoever_watches(telemetry: Telemetry) -> None:
    await telemetry.register()
    telemetry.clock.ahead = (TTL_SECONDS + 1) * SECOND
    place = telemetry.services.hub.place("")

    await telemetry.services.expiry.end_silent()

    async with aclosing(telemetry.services.hub.follow(place)) as told:
        message = await anext(told)
    assert message.type == WatchResponse.TYPE_SESSION_END
