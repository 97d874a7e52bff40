"""Sessions of our own bots end with their run, and whoever watches hears of it."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing

import pytest

from server.tasks.kernel import Kernel
from server.tasks.lifecycle import Succeeded
from server.tasks.task import TaskRow
from server.telemetry.sessions.run_sessions import ERROR, session_id
from switchyard.telemetry.v1.live_service_pb2 import WatchResponse
from switchyard.telemetry.v1.session_pb2 import Session
from tests.integration.tasks.parts import HandClock, NoteQueue, claimed, run
from tests.integration.telemetry.serving import Telemetry


@pytest.fixture
def run_clock() -> HandClock:
    return HandClock()


@pytest.fixture
def kernel(telemetry: Telemetry, run_clock: HandClock) -> Kernel:
    """A kernel over the database of telemetry that knows how a run ends there."""
    hooks = {"run_bot": telemetry.services.run_sessions.on_run_final}
    return Kernel(telemetry.database, NoteQueue(), run_clock, hooks)


async def running(telemetry: Telemetry, kernel: Kernel) -> TaskRow:
    """A run with a session."""
    row = await claimed(kernel, run())
    await telemetry.register(session_id(row.id, 1))
    return row


async def heard(telemetry: Telemetry, place: int | None, types: set[int]) -> Mapping[int, WatchResponse]:
    """Return the first message of each of `types` from `place` on."""
    found: dict[int, WatchResponse] = {}
    async with asyncio.timeout(5), aclosing(telemetry.services.hub.follow(place)) as told:
        async for message in told:
            found.setdefault(message.type, message)
            if types <= found.keys():
                break
    return found


async def test_the_end_of_a_lost_run_ends_its_session_and_is_told(
    telemetry: Telemetry, kernel: Kernel, run_clock: HandClock
) -> None:
    row = await running(telemetry, kernel)
    place = telemetry.services.hub.place("")
    listening = asyncio.create_task(
        heard(telemetry, place, {WatchResponse.TYPE_SESSION_END, WatchResponse.TYPE_STATS_UPDATE})
    )
    await asyncio.sleep(0)

    run_clock.advance(60)
    await kernel.expire_leases()

    session = (await telemetry.get(session_id(row.id, 1))).session
    assert (session.status, session.error) == (Session.STATUS_FAILED, ERROR)
    assert (await listening).keys() == {WatchResponse.TYPE_SESSION_END, WatchResponse.TYPE_STATS_UPDATE}


async def test_the_end_of_a_run_whose_session_has_ended_tells_nothing(telemetry: Telemetry, kernel: Kernel) -> None:
    row = await running(telemetry, kernel)
    await telemetry.end(session_id(row.id, 1))
    place = telemetry.services.hub.place("")

    await kernel.finish(row.id, row.fencing_token, Succeeded())
    await telemetry.register("next")

    messages = await heard(telemetry, place, {WatchResponse.TYPE_SESSION_START})
    assert messages.keys() == {WatchResponse.TYPE_SESSION_START}
