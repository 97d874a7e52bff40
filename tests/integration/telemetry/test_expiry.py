"""Sessions whose client has died end by themselves, and count once."""

import asyncio

from server.clock import SECOND
from switchyard.telemetry.v1 import event_service_pb2
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
