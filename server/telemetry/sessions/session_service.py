"""SessionService: sessions as the wire says them."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any, Final

import grpc
import sqlalchemy as sa
from google.api import httpbody_pb2

from server import csv_text
from server.clock import SECOND, Clock
from server.database.after_commit import after_commit
from server.database.database import Database
from server.database.text import storable
from server.errors import InvalidArgument, NotFound
from server.rpc import idempotency
from server.rpc.idempotency import IdempotencyKey
from server.telemetry.access import tenantless
from server.telemetry.events import event_store
from server.telemetry.events.conversion import to_messages
from server.telemetry.events.event_store import StoredEvent
from server.telemetry.live.hub import Hub
from server.telemetry.paging import cursor_at, page_count, place_of
from server.telemetry.sessions import session_export, session_list, session_removal, session_store, session_view
from server.telemetry.sessions.addresses import ProxyUnclear, bare_proxy, bare_target, bare_text, site_of
from server.telemetry.sessions.session_list import Filters, Found
from server.telemetry.sessions.session_store import NewSession, SessionRow
from server.telemetry.statistics import counts
from switchyard.telemetry.v1 import session_service_pb2 as pb
from switchyard.telemetry.v1 import session_service_pb2_grpc as pb_grpc
from switchyard.telemetry.v1.session_pb2 import Session

Context = grpc.aio.ServicerContext[Any, Any]

DEFAULT_PER_PAGE: Final = 20
# What stands where the id of a session would, or is taken for a step through folders; nobody could read such a session.
OTHER_PATHS: Final = frozenset({".", "..", "end", "export", "register"})
DEFAULT_EVENT_LIMIT: Final = 10_000
# So many events are read in less time than a hop to a thread takes.
FEW_EVENTS: Final = 100
# What the published document answers.
REGISTERED: Final = "registered"
ENDED: Final = "ended"


class SessionService(pb_grpc.SessionServiceServicer):
    """Serves sessions to clients of no tenant. `hub` hears of each session that begins or ends, once it is on disk."""

    def __init__(self, database: Database, hub: Hub, clock: Clock) -> None:
        self._database = database
        self._hub = hub
        self._clock = clock

    async def ListSessions(self, request: pb.ListSessionsRequest, _context: Context) -> pb.ListSessionsResponse:
        """List a page of sessions."""
        tenantless()
        place = place_of(request, default_per_page=DEFAULT_PER_PAGE)
        filters = _filters(request, search=request.search)
        run = self._database.read if place.near and not filters.search else self._database.scan
        found: Found = await run(lambda connection: session_list.read_page(connection, filters, place))
        return pb.ListSessionsResponse(
            sessions=[session_view.message(row) for row in found.rows],
            total=found.total,
            page=place.page,
            per_page=place.per_page,
            total_pages=page_count(found.total, place.per_page),
            total_is_minimum=found.total_is_minimum,
            next_cursor=cursor_at(found.rows[-1].number) if found.more else None,
        )

    async def GetSession(self, request: pb.GetSessionRequest, _context: Context) -> pb.GetSessionResponse:
        """Read a session with its first events."""
        tenantless()
        limit = request.event_limit if request.HasField("event_limit") else DEFAULT_EVENT_LIMIT

        def query(connection: sa.Connection) -> tuple[SessionRow, list[StoredEvent]]:
            row = session_store.require(connection, request.session_id)
            return row, event_store.after(connection, event_store.Filters(session_id=row.id), 0, limit=limit)

        run = self._database.read if limit <= FEW_EVENTS else self._database.scan
        row, events = await run(query)
        return pb.GetSessionResponse(
            session=session_view.message(row),
            events=await to_messages(events),
            event_count=row.event_count,
        )

    async def RegisterSession(
        self, request: pb.RegisterSessionRequest, _context: Context
    ) -> pb.RegisterSessionResponse:
        """Store a session that begins now."""
        tenantless()
        key = IdempotencyKey.of_call(request.request_id, "RegisterSession")
        new = _new_session(request)
        kept = pb.RegisterSessionRequest()
        kept.CopyFrom(request)
        # Not even a digest of a password is stored.
        kept.proxy, kept.target_url = new.proxy or "", new.target_url or ""

        def work(connection: sa.Connection) -> pb.RegisterSessionResponse:
            now = self._clock()
            earlier = idempotency.remember(connection, key, kept, now=now)
            if earlier is not None:
                return pb.RegisterSessionResponse.FromString(earlier)
            row = session_store.register(connection, new, now=now)
            after_commit(connection, partial(self._hub.session_started, row))
            active = counts.count_sessions(connection, status=Session.STATUS_ACTIVE)
            response = pb.RegisterSessionResponse(status=REGISTERED, session_id=row.id, active_count=active)
            idempotency.store_answer(connection, key, response)
            return response

        return await self._database.write(work)

    async def EndSession(self, request: pb.EndSessionRequest, _context: Context) -> pb.EndSessionResponse:
        """End a session."""
        tenantless()
        duration = round(request.duration * SECOND) if request.HasField("duration") else None

        def work(connection: sa.Connection) -> int:
            row = session_store.end(
                connection,
                request.session_id,
                success=request.success,
                duration_micros=duration,
                error=bare_text(storable(request.error)) or None,
                now=self._clock(),
            )
            after_commit(connection, partial(self._hub.session_ended, row))
            return counts.count_sessions(connection, status=Session.STATUS_ACTIVE)

        return pb.EndSessionResponse(status=ENDED, active_count=await self._database.write(work))

    async def DeleteSession(self, request: pb.DeleteSessionRequest, _context: Context) -> pb.DeleteSessionResponse:
        """Delete a session with its events."""
        tenantless()
        row = await self._database.read(lambda connection: session_store.require(connection, request.session_id))
        if not await session_removal.remove_session(self._database, row.number):
            raise NotFound("Session not found", session_id=request.session_id)
        self._hub.totals_changed()
        return pb.DeleteSessionResponse(ok=True)

    async def ExportSessions(
        self, request: pb.ExportSessionsRequest, context: Context
    ) -> AsyncIterator[httpbody_pb2.HttpBody]:
        """Send sessions as CSV."""
        tenantless()
        await context.send_initial_metadata((("content-disposition", 'attachment; filename="sessions.csv"'),))
        yield httpbody_pb2.HttpBody(content_type=csv_text.CONTENT_TYPE)
        async with aclosing(session_export.pieces(self._database, _filters(request))) as pieces:
            async for piece in pieces:
                yield httpbody_pb2.HttpBody(data=piece)


def _filters(request: pb.ListSessionsRequest | pb.ExportSessionsRequest, *, search: str = "") -> Filters:
    return Filters(
        status=request.status if request.HasField("status") else None,
        country=storable(request.country) or None,
        search=storable(search),
    )


def _proxy(text: str) -> str | None:
    try:
        return bare_proxy(text)
    except ProxyUnclear as error:
        words = "be HOST:PORT, with a scheme and a user and password before it if need be"
        raise InvalidArgument.field("proxy", f"must {words}") from error


def _new_session(request: pb.RegisterSessionRequest) -> NewSession:
    """The session that `request` registers. Empty texts count as absent; credentials in addresses end here."""
    if request.session_id in OTHER_PATHS:
        raise InvalidArgument.field("session_id", f"must not be {request.session_id!r}, which is another path")
    target_url = bare_target(storable(request.target_url))
    return NewSession(
        id=request.session_id,
        profile_id=storable(request.profile_id),
        device=storable(request.device) or None,
        target_url=target_url,
        site=site_of(target_url),
        proxy=_proxy(storable(request.proxy)),
        country=storable(request.country) or None,
    )
