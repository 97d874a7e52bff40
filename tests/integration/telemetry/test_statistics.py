"""Health, totals, and whether the totals are true."""

import sqlalchemy as sa

from server.telemetry.tables import EVENT_COUNTS, PROXIES, SESSION_COUNTS
from switchyard.telemetry.v1 import event_service_pb2, statistics_service_pb2
from tests.integration.telemetry.serving import API_KEY, Telemetry


async def fill(telemetry: Telemetry) -> None:
    """Four sessions: one active, two that succeeded in 10 and 20 s, one that failed in 30; and three events."""
    await telemetry.register("active", proxy="1.2.3.4:1", country="US")
    for session_id, success, duration in (("one", True, 10), ("two", True, 20), ("three", False, 30)):
        await telemetry.register(session_id, proxy="5.6.7.8:2")
        await telemetry.end(session_id, success=success, duration=duration)
    for event_type, session_id in (("click", "active"), ("page_load", "one"), ("click", "two")):
        event = event_service_pb2.LogEventRequest(session_id=session_id, event_type=event_type)
        event.details = '{"load_time_ms":1500}'
        await telemetry.events.LogEvent(event, metadata=API_KEY)


async def check(telemetry: Telemetry) -> statistics_service_pb2.CheckStatisticsResponse:
    return await telemetry.statistics.CheckStatistics(statistics_service_pb2.CheckStatisticsRequest(), metadata=API_KEY)


# api/session-telemetry.md, "GET /api/health": anybody may ask.
async def test_health_is_told_to_anybody(telemetry: Telemetry) -> None:
    await telemetry.register()

    answer = await telemetry.http.get("/api/health", headers={"x-api-key": "wrong"})

    body = answer.json()
    assert answer.status_code == 200
    assert list(body) == [
        "status",
        "timestamp",
        "active_sessions",
        "database_path",
        "version",
        "auth_enabled",
        "rate_limiting",
    ]
    assert body.pop("timestamp").endswith("+00:00")
    assert body == {
        "status": "healthy",
        "active_sessions": 1,
        "database_path": "data/switchyard.db",
        "version": "1.2.3",
        "auth_enabled": True,
        "rate_limiting": False,
    }


async def test_totals_of_an_empty_installation_are_zero(telemetry: Telemetry) -> None:
    answer = await telemetry.http.get("/api/stats")

    assert answer.json() == {
        "total_sessions": 0,
        "active_sessions": 0,
        "successful_sessions": 0,
        "failed_sessions": 0,
        "total_events": 0,
        "average_duration": 0,
        "success_rate": 0,
        "proxy_stats": [],
        "ip_health": {"healthy": 0, "flagged": 0, "blacklisted": 0},
    }


async def test_totals_are_what_happened(telemetry: Telemetry) -> None:
    await fill(telemetry)

    body = (await telemetry.http.get("/api/stats")).json()

    proxies = {one["url"]: one for one in body.pop("proxy_stats")}
    assert body == {
        "total_sessions": 4,
        "active_sessions": 1,
        "successful_sessions": 2,
        "failed_sessions": 1,
        "total_events": 3,
        "average_duration": 20,
        "success_rate": 50,
        "ip_health": {"healthy": 1, "flagged": 1, "blacklisted": 0},
    }
    busy = proxies["5.6.7.8:2"]
    assert (busy["uses"], busy["successes"], busy["failures"], busy["status"]) == (3, 2, 1, "flagged")
    assert busy["avg_latency_ms"] == 1500


async def test_totals_are_those_the_rows_amount_to(telemetry: Telemetry) -> None:
    await fill(telemetry)
    await telemetry.http.delete("/api/sessions/two")

    found = await check(telemetry)

    assert (found.ok, list(found.differences)) == (True, [])
    assert found.compared > 10


async def test_a_total_that_is_wrong_is_named_with_both_figures(telemetry: Telemetry) -> None:
    await fill(telemetry)

    def spoil(connection: sa.Connection) -> None:
        connection.execute(sa.update(SESSION_COUNTS).values(sessions=SESSION_COUNTS.c.sessions + 1))
        connection.execute(sa.delete(EVENT_COUNTS).where(EVENT_COUNTS.c.event_type == "click"))
        connection.execute(sa.update(PROXIES).where(PROXIES.c.url == "1.2.3.4:1").values(uses=7))

    await telemetry.database.write(spoil)
    found = await check(telemetry)

    told = {one.what: (one.stored, one.counted) for one in found.differences}
    assert not found.ok
    assert told["sessions, status active, country US"] == (2, 1)
    assert told["events, type click"] == (0, 2)
    assert told["proxy 1.2.3.4:1: uses"] == (7, 1)


async def test_events_that_a_session_does_not_count_are_found(telemetry: Telemetry) -> None:
    await fill(telemetry)
    await telemetry.database.write(
        lambda connection: connection.execute(sa.text("UPDATE browser_sessions SET event_count = 5 WHERE id = 'one'"))
    )

    found = await check(telemetry)

    assert [(one.what, one.stored, one.counted) for one in found.differences] == [("session one: event_count", 5, 1)]
