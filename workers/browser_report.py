"""Reports the browser of one attempt to telemetry: a session, what happens in it, and its end.

The session begins with the first event. Events go in order and each once: they have positions, and a batch whose answer
was lost is sent again from where the server stands.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import grpc
import orjson
import structlog

from switchyard.errors.v1 import error_reason_pb2 as reasons
from switchyard.telemetry.v1 import event_service_pb2 as events_pb
from switchyard.telemetry.v1 import session_service_pb2 as sessions_pb
from switchyard.telemetry.v1.session_pb2 import NewEvent
from workers.server_link import Refused, ServerLink

# The first event goes at once; later ones gather for so long, as each message costs the server what many events do.
GATHER_SECONDS: Final = 0.1
# Events that wait to be sent; a run that makes more waits.
WAITING_EVENTS: Final = 10_000
# The contract takes this many in one message.
BATCH_EVENTS: Final = 1_000
CALL_SECONDS: Final = 10.0
DEVICE: Final = "desktop"
# The session was there, or had ended, before this call, because an earlier try of it has come through; or an attempt
# before this one opened no page.
_NOTHING_TO_DO: Final = frozenset(
    reasons.ErrorReason.Name(reason)
    for reason in (
        reasons.ERROR_REASON_ALREADY_EXISTS,
        reasons.ERROR_REASON_SESSION_ENDED,
        reasons.ERROR_REASON_NOT_FOUND,
    )
)

log: Final = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class End:
    """How the session ended. `error` is empty after a success."""

    success: bool
    error: str = ""


class BrowserReport:
    """The session of one attempt. Nothing is reported of a run that opens no page.

    Telemetry must not fail a run: what the server refuses is a line in the worker's own log.
    """

    def __init__(self, link: ServerLink, run_id: str, attempt: int, profile_id: str) -> None:
        self._link = link
        self._session_id = session_of(run_id, attempt)
        self._earlier = [session_of(run_id, number) for number in range(1, attempt)]
        self._profile_id = profile_id
        self._waiting: asyncio.Queue[NewEvent | End] = asyncio.Queue(WAITING_EVENTS)
        self._ended = asyncio.Event()
        self._next_position = 1
        self._begun = False

    async def add(self, event_type: str, details: Mapping[str, Any], micros: int) -> None:
        """Report an event that happened at `micros`. Waits while too many wait already."""
        text = orjson.dumps(details).decode()
        event = NewEvent(session_id=self._session_id, event_type=event_type, details=text)
        event.event_time.FromMicroseconds(micros)
        await self._waiting.put(event)

    async def end(self, end: End) -> None:
        """Report the end, behind every event so far."""
        self._ended.set()
        await self._waiting.put(end)

    async def send(self) -> None:
        """Send what is reported, until the end."""
        try:
            while not isinstance(first := await self._waiting.get(), End):
                await self._send_batch(self._batch(first))
                await self._gather()
            if self._begun:
                await self._finish(self._session_id, first)
        except Refused as refusal:
            log.warning("telemetry takes no more of this run", session=self._session_id, reason=str(refusal))
            await self._discard()

    async def _gather(self) -> None:
        """Let events gather; the end keeps nobody waiting."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GATHER_SECONDS):
                await self._ended.wait()

    def _batch(self, first: NewEvent) -> list[NewEvent]:
        batch = [first]
        while len(batch) < BATCH_EVENTS and not self._waiting.empty():
            following = self._waiting.get_nowait()
            if isinstance(following, End):
                # It stands behind everything, so there is room for it again.
                self._waiting.put_nowait(following)
                break
            batch.append(following)
        return batch

    async def _send_batch(self, batch: list[NewEvent]) -> None:
        if not self._begun:
            await self._begin(batch[0])
        request = events_pb.IngestEventsRequest(
            producer_id=self._session_id, first_position=self._next_position, events=batch
        )
        last = self._next_position + len(batch) - 1
        await self._link.persist(lambda: self._ingest(request, last))
        self._next_position = last + 1

    async def _ingest(self, request: events_pb.IngestEventsRequest, last: int) -> None:
        """Send one message and return when everything up to `last` is stored or refused."""
        call = self._link.events.IngestEvents(only(request), timeout=CALL_SECONDS, metadata=self._link.metadata)
        async for answer in call:
            for refused in answer.refused:
                log.warning("an event of a run was refused", session=self._session_id, reason=refused.message)
            if answer.acknowledged_position >= last:
                return
        raise Refused(grpc.StatusCode.INTERNAL, message="the server ended the stream before all events were stored")

    async def _begin(self, first: NewEvent) -> None:
        for session_id in self._earlier:
            # Its worker was lost, or it would not be our turn.
            await self._finish(session_id, End(False, "WorkerLost"))
        request = sessions_pb.RegisterSessionRequest(
            session_id=self._session_id, profile_id=self._profile_id, device=DEVICE
        )
        details = orjson.loads(first.details)
        if "url" in details:
            request.target_url = str(details["url"])
        await self._call(self._link.sessions.RegisterSession, request)
        self._begun = True

    async def _finish(self, session_id: str, end: End) -> None:
        request = sessions_pb.EndSessionRequest(session_id=session_id, success=end.success)
        if end.error:
            request.error = end.error
        await self._call(self._link.sessions.EndSession, request)

    async def _call(self, method: Any, request: Any) -> None:
        try:
            await self._link.call(method, request)
        except Refused as refusal:
            if refusal.reason not in _NOTHING_TO_DO:
                raise

    async def _discard(self) -> None:
        """Take what is reported and drop it, so that the run does not wait."""
        while not isinstance(await self._waiting.get(), End):
            pass


def session_of(run_id: str, attempt: int) -> str:
    """The session of one attempt, as telemetry knows it."""
    return f"{run_id}-{attempt}"


async def only(request: events_pb.IngestEventsRequest) -> AsyncIterator[events_pb.IngestEventsRequest]:
    """A stream of one request."""
    yield request
