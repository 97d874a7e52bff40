"""EventService: what happens in sessions, as the wire says it."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any, Final

import grpc
import sqlalchemy as sa
from google.api import httpbody_pb2

from server import csv_text
from server.clock import Clock
from server.database.after_commit import after_commit
from server.database.database import Database
from server.errors import SwitchyardError, Violation
from server.rpc import idempotency
from server.rpc.idempotency import IdempotencyKey
from server.telemetry.access import tenantless
from server.telemetry.events import event_export, event_store
from server.telemetry.events.conversion import convert, to_messages
from server.telemetry.events.event_store import EventDraft, Filters
from server.telemetry.events.event_writer import EventWriter
from server.telemetry.events.ingest import Ingest
from server.telemetry.live.hub import Hub
from server.telemetry.paging import cursor_at, page_count, place_of
from switchyard.telemetry.v1 import event_service_pb2 as pb
from switchyard.telemetry.v1 import event_service_pb2_grpc as pb_grpc
from switchyard.telemetry.v1.session_pb2 import NewEvent

Context = grpc.aio.ServicerContext[Any, Any]

# What the contract promises for an absent field.
DEFAULT_PER_PAGE: Final = 50

LOGGED: Final = "logged"


class EventService(pb_grpc.EventServiceServicer):
    """Serves events to those who report them and those who look at them."""

    def __init__(self, database: Database, hub: Hub, clock: Clock) -> None:
        self._database = database
        self._hub = hub
        self._clock = clock
        self._writer = EventWriter(database, hub, clock)
        self._ingest = Ingest(database, hub, clock)

    async def ListEvents(self, request: pb.ListEventsRequest, _context: Context) -> pb.ListEventsResponse:
        """List a page of events."""
        tenantless()
        place = place_of(request, default_per_page=DEFAULT_PER_PAGE)
        filters = _filters(request)

        def query(connection: sa.Connection) -> event_store.Page:
            return event_store.page(connection, filters, place)

        # To count the events of one type in a session takes as long as the session has events.
        short = place.near and not (filters.event_type and filters.session_id)
        page = await (self._database.read(query) if short else self._database.scan(query))
        return pb.ListEventsResponse(
            events=await to_messages(page.events),
            total=page.total,
            page=place.page,
            per_page=place.per_page,
            total_pages=page_count(page.total, place.per_page),
            next_cursor=cursor_at(page.events[-1].id) if page.more else None,
        )

    async def LogEvent(self, request: pb.LogEventRequest, _context: Context) -> pb.LogEventResponse:
        """Store one event."""
        tenantless()
        draft = event_store.from_message(request, now=self._clock())
        if not request.request_id:
            return pb.LogEventResponse(status=LOGGED, event_id=await self._writer.write(draft))
        key = IdempotencyKey.of_call(request.request_id, "LogEvent")

        def work(connection: sa.Connection) -> pb.LogEventResponse:
            now = self._clock()
            earlier = idempotency.remember(connection, key, request, now=now)
            if earlier is not None:
                return pb.LogEventResponse.FromString(earlier)
            outcomes = event_store.append(connection, [draft], now=now)
            if isinstance(outcomes[0], SwitchyardError):
                raise outcomes[0]
            response = pb.LogEventResponse(status=LOGGED, event_id=outcomes[0])
            idempotency.store_answer(connection, key, response)
            after_commit(connection, lambda: self._hub.events_stored(event_store.stored([draft], outcomes)))
            return response

        return await self._database.write(work)

    async def LogEvents(self, request: pb.LogEventsRequest, _context: Context) -> pb.LogEventsResponse:
        """Store many events, all of them or none."""
        tenantless()
        drafts = await convert(request.ByteSize(), lambda: _drafts(request.events, now=self._clock()))
        key = IdempotencyKey.of_call(request.request_id, "LogEvents")

        def work(connection: sa.Connection) -> pb.LogEventsResponse:
            now = self._clock()
            earlier = idempotency.remember(connection, key, request, now=now)
            if earlier is not None:
                return pb.LogEventsResponse.FromString(earlier)
            ids = _all_stored(event_store.append(connection, drafts, now=now))
            response = pb.LogEventsResponse(status=LOGGED, event_ids=ids)
            idempotency.store_answer(connection, key, response)
            after_commit(connection, lambda: self._hub.events_stored(event_store.stored(drafts, ids)))
            return response

        return await self._database.write(work)

    async def IngestEvents(
        self, request_iterator: AsyncIterator[pb.IngestEventsRequest], _context: Context
    ) -> AsyncGenerator[pb.IngestEventsResponse, None]:
        """Store what a producer sends."""
        tenantless()
        async with aclosing(self._ingest.answers(request_iterator)) as answers:
            async for answer in answers:
                yield answer

    async def ExportEvents(
        self, request: pb.ExportEventsRequest, context: Context
    ) -> AsyncGenerator[httpbody_pb2.HttpBody, None]:
        """Send all events that match as CSV."""
        tenantless()
        await context.send_initial_metadata((("content-disposition", 'attachment; filename="events.csv"'),))
        yield httpbody_pb2.HttpBody(content_type=csv_text.CONTENT_TYPE)
        async with aclosing(event_export.pieces(self._database, _filters(request))) as pieces:
            async for piece in pieces:
                yield httpbody_pb2.HttpBody(data=piece)


def _filters(request: pb.ListEventsRequest | pb.ExportEventsRequest) -> Filters:
    return Filters(event_type=request.event_type or None, session_id=request.session_id or None)


def _drafts(events: Sequence[NewEvent], *, now: int) -> list[EventDraft]:
    drafts = []
    for index, event in enumerate(events):
        try:
            drafts.append(event_store.from_message(event, now=now))
        except SwitchyardError as error:
            raise _at(index, error) from error
    return drafts


def _all_stored(outcomes: Sequence[int | SwitchyardError]) -> list[int]:
    """Return the numbers of all events of a batch. Raises the refusal of the first one that is not stored."""
    numbers: list[int] = []
    for index, outcome in enumerate(outcomes):
        if isinstance(outcome, SwitchyardError):
            raise _at(index, outcome)
        numbers.append(outcome)
    return numbers


def _at(index: int, error: SwitchyardError) -> SwitchyardError:
    """Return the refusal of the event at `index` of a batch, as one that says which event it is."""
    prefix = f"events[{index}]."
    violations = [Violation(f"{prefix}{one.field}", one.message) for one in error.violations]
    refusal = type(error)(f"{prefix}{error.message}", violations=violations)
    refusal.metadata = {**error.metadata, "index": str(index)}
    return refusal
