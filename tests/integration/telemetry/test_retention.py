"""What is kept for long enough goes, oldest first, with everything that was counted of it."""

from server.clock import SECOND
from server.telemetry.sessions.retention import DAY_MICROS, Limits, Retention
from switchyard.telemetry.v1 import event_service_pb2, statistics_service_pb2
from tests.integration.telemetry.serving import API_KEY, Telemetry


async def session(telemetry: Telemetry, session_id: str, *, events: int = 1, ended: bool = True) -> None:
    await telemetry.register(session_id, proxy="1.2.3.4:1")
    for _ in range(events):
        event = event_service_pb2.LogEventRequest(session_id=session_id, event_type="click")
        await telemetry.events.LogEvent(event, metadata=API_KEY)
    if ended:
        await telemetry.end(session_id)


async def remove(telemetry: Telemetry, **limits: int) -> tuple[int, list[str]]:
    """Remove what is beyond `limits`; return how many sessions went and which are left, oldest first."""
    count = await Retention(telemetry.database, telemetry.services.hub, telemetry.clock, Limits(**limits)).remove()
    checked = await telemetry.statistics.CheckStatistics(
        statistics_service_pb2.CheckStatisticsRequest(), metadata=API_KEY
    )
    assert list(checked.differences) == []
    return count, [one.id for one in reversed((await telemetry.list()).sessions)]


async def test_without_limits_everything_is_kept(telemetry: Telemetry) -> None:
    await session(telemetry, "old")
    telemetry.clock.ahead = 10_000 * DAY_MICROS

    assert await remove(telemetry) == (0, ["old"])


async def test_sessions_go_when_they_ended_too_long_ago(telemetry: Telemetry) -> None:
    await session(telemetry, "old")
    await session(telemetry, "still-active", ended=False)
    telemetry.clock.ahead = 30 * DAY_MICROS
    await session(telemetry, "young")
    telemetry.clock.ahead += SECOND

    assert await remove(telemetry, days=30) == (1, ["still-active", "young"])


async def test_of_too_many_sessions_the_oldest_ended_ones_go(telemetry: Telemetry) -> None:
    await session(telemetry, "active", ended=False)
    for name in ("a", "b", "c"):
        await session(telemetry, name)

    assert await remove(telemetry, sessions=2) == (2, ["active", "c"])


async def test_of_too_many_events_the_oldest_sessions_go_until_the_rest_is_few_enough(telemetry: Telemetry) -> None:
    for name in ("a", "b", "c"):
        await session(telemetry, name, events=3)

    assert await remove(telemetry, events=4) == (2, ["c"])
    assert (await telemetry.http.get("/api/events")).json()["total"] == 3


async def test_events_of_active_sessions_cost_ended_ones_nothing(telemetry: Telemetry) -> None:
    await session(telemetry, "active", events=9, ended=False)
    for name in ("a", "b"):
        await session(telemetry, name, events=2)

    assert await remove(telemetry, events=4) == (0, ["active", "a", "b"])
    assert await remove(telemetry, events=3) == (1, ["active", "b"])


async def test_active_sessions_are_kept_however_many_they_are(telemetry: Telemetry) -> None:
    for name in ("a", "b"):
        await session(telemetry, name, ended=False)

    assert await remove(telemetry, sessions=1, events=1, days=1) == (0, ["a", "b"])
