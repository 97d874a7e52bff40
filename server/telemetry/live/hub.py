"""What has happened to sessions lately, for everybody who watches: the newest messages, kept in memory.

Messages are numbered. Each is made once, when the first reader comes to it, and all readers get the same object.
Readers walk along the messages at their own pace: one that is slow delays nobody, and is let go when what it was to
read next is no longer kept.
"""

import asyncio
import re
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from typing import Any, Final, TypeAlias

import orjson
import sqlalchemy as sa
import structlog
from google.protobuf.struct_pb2 import Struct

from server.clock import SECOND, Clock, to_timestamp
from server.database.database import Database
from server.errors import InvalidArgument
from server.telemetry.events.event_store import StoredEvent
from server.telemetry.sessions.session_store import SessionRow
from server.telemetry.statistics import counts
from server.telemetry.statistics.counts import Totals
from switchyard.telemetry.v1.live_service_pb2 import WatchResponse

# Messages that are kept, and the details they may hold together.
KEPT_MESSAGES: Final = 10_000
KEPT_CHARACTERS: Final = 4 * 1024 * 1024
TOTALS_PERIOD_SECONDS: Final = 1.0
# So long after the last reader has left messages are kept for its return; then they would cost every event something.
RETURN_SECONDS: Final = 60

_CURSOR: Final = re.compile(r"(?P<boot>[0-9a-f]{1,32})-(?P<number>[0-9]{1,18})", re.ASCII)

_log = structlog.get_logger(__name__)

Type: TypeAlias = "WatchResponse.Type.ValueType"


class _Message:
    """One thing that has happened, as it was told. `session_id` None means that it concerns all sessions."""

    __slots__ = ("_made", "_make", "_what", "session_id", "size", "type")

    def __init__(
        self, kind: Type, session_id: str | None, make: Callable[[Any], WatchResponse], what: Any, size: int = 0
    ) -> None:
        self.type = kind
        self.session_id = session_id
        self.size = size
        self._make = make
        self._what = what
        self._made: WatchResponse | None = None

    def concerns(self, session_id: str | None, types: Collection[Type]) -> bool:
        """Whether it is for a reader of that session and those types; None and empty stand for all."""
        if types and self.type not in types:
            return False
        return session_id is None or self.session_id is None or self.session_id == session_id

    def response(self, cursor: str) -> WatchResponse:
        """Return the message as the contract shows it, the same object each time."""
        if self._made is None:
            self._made = self._make(self._what)
            self._made.type = self.type
            self._made.cursor = cursor
        return self._made


class Hub:
    """Keeps the newest messages and hands them to whoever watches."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        kept_messages: int = KEPT_MESSAGES,
        kept_characters: int = KEPT_CHARACTERS,
        totals_period_seconds: float = TOTALS_PERIOD_SECONDS,
    ) -> None:
        """Tell the totals that stand in `database`."""
        self._database = database
        self._clock = clock
        self._kept_messages = kept_messages
        self._largest_size = kept_characters
        self._totals_period_seconds = totals_period_seconds
        # A cursor of another process says nothing about the messages of this one.
        self._boot = secrets.token_hex(4)
        self._kept: deque[_Message] = deque()
        self._size = 0
        # The number of the next message; the first one is 1.
        self._next = 1
        self._moved = asyncio.Event()
        self._watching = 0
        self._left_time = clock()
        self._sessions_changed = asyncio.Event()

    @property
    def watched(self) -> bool:
        """Whether anybody watches."""
        return self._watching > 0

    def session_started(self, session: SessionRow) -> None:
        """Tell of a session whose registration was committed."""
        self._session_changed(WatchResponse.TYPE_SESSION_START, session, _session_start)

    def session_ended(self, session: SessionRow) -> None:
        """Tell of a session whose end was committed."""
        self._session_changed(WatchResponse.TYPE_SESSION_END, session, _session_end)

    def events_stored(self, events: Sequence[StoredEvent]) -> None:
        """Tell of events that were committed."""
        if self._missed():
            self._forget()
        else:
            self._keep(
                [_Message(WatchResponse.TYPE_EVENT, one.session_id, _event, one, len(one.details)) for one in events]
            )

    def totals_changed(self) -> None:
        """Tell that sessions were removed."""
        self._sessions_changed.set()

    def place(self, after: str) -> int | None:
        """Return the number of the message behind the cursor `after`, that of the next one when `after` is empty.

        None when what is behind it is no longer kept, or was told by another process.

        Raises:
            InvalidArgument: `after` is no cursor, or one that was not given yet.
        """
        if not after:
            return self._next
        match = _CURSOR.fullmatch(after)
        number = int(match["number"]) + 1 if match is not None else 0
        ours = match is not None and match["boot"] == self._boot
        if match is None or (ours and number > self._next):
            raise InvalidArgument.field("after", "must be the cursor of a message")
        return number if ours and number >= self._oldest else None

    async def follow(
        self, place: int | None, *, session_id: str | None = None, types: Collection[Type] = ()
    ) -> AsyncGenerator[WatchResponse, None]:
        """Yield what happens from `place` on, which `place` has returned; first a gap if that is None.

        Only messages of `session_id` and of `types`, if given; messages that concern all sessions are of each. Whoever
        stops closes the generator.
        """
        following = place
        self._watching += 1
        try:
            if following is None:
                following = self._oldest
                yield self._gap(following)
            while True:
                moved = self._moved
                while following < self._next:
                    if following < self._oldest:
                        # The reader is slower than things happen.
                        following = self._oldest
                        yield self._gap(following)
                        continue
                    message = self._kept[following - self._oldest]
                    following += 1
                    if message.concerns(session_id, types):
                        yield message.response(self._cursor(following - 1))
                await moved.wait()
        finally:
            self._watching -= 1
            self._left_time = self._clock()

    async def run(self) -> None:
        """Tell the totals when they have changed, at most once a second, until cancelled."""
        while True:
            await self._sessions_changed.wait()
            self._sessions_changed.clear()
            if self.watched:
                await self._tell_totals()
                await asyncio.sleep(self._totals_period_seconds)

    async def _tell_totals(self) -> None:
        try:
            totals = await self._database.read(counts.read_totals)
        except (OSError, sa.exc.DBAPIError):
            _log.warning("the totals could not be read; they are told after the next change", exc_info=True)
            return
        what = (totals, self._clock())
        self._keep([_Message(WatchResponse.TYPE_STATS_UPDATE, None, _totals, what)])

    def _session_changed(self, kind: Type, session: SessionRow, make: Callable[[SessionRow], WatchResponse]) -> None:
        self._keep([_Message(kind, session.id, make, session)])
        self._sessions_changed.set()

    def _missed(self) -> bool:
        """Whether nobody watches, and whoever did is not expected back."""
        return not self.watched and self._clock() - self._left_time > RETURN_SECONDS * SECOND

    def _forget(self) -> None:
        """Keep nothing; whoever comes back all the same is told of a gap."""
        self._kept.clear()
        self._size = 0
        self._next += 1

    def _keep(self, messages: Sequence[_Message]) -> None:
        self._kept.extend(messages)
        self._next += len(messages)
        self._size += sum([message.size for message in messages])
        while len(self._kept) > self._kept_messages or self._size > self._largest_size:
            self._size -= self._kept.popleft().size
        if self.watched:
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()

    @property
    def _oldest(self) -> int:
        return self._next - len(self._kept)

    def _cursor(self, number: int) -> str:
        return f"{self._boot}-{number}"

    def _gap(self, following: int) -> WatchResponse:
        """Return the message that says that those before number `following` are no longer kept."""
        return WatchResponse(
            type=WatchResponse.TYPE_GAP,
            timestamp=to_timestamp(self._clock()),
            data=Struct(),
            cursor=self._cursor(following - 1),
        )


def _session_start(session: SessionRow) -> WatchResponse:
    data = {
        "session_id": session.id,
        "profile_id": session.profile_id,
        "device": session.device,
        "proxy": session.proxy,
        "country": session.country,
    }
    return _response(session.start_time, data)


def _session_end(session: SessionRow) -> WatchResponse:
    data = {
        "session_id": session.id,
        "success": session.success,
        "duration": None if session.duration_micros is None else session.duration_micros / SECOND,
        "error": session.error,
    }
    return _response(session.end_time, data)


def _event(event: StoredEvent) -> WatchResponse:
    data = {"session_id": event.session_id, "event_type": event.event_type, "details": orjson.loads(event.details)}
    return _response(event.time, data)


def _totals(what: tuple[Totals, int]) -> WatchResponse:
    totals, time = what
    data = {
        "total_sessions": totals.sessions,
        "active_sessions": totals.active,
        "success_rate": totals.success_percent,
    }
    return _response(time, data)


def _response(time: int | None, data: Mapping[str, Any]) -> WatchResponse:
    """Return a message without its type and cursor. `time` is micros."""
    response = WatchResponse(timestamp=None if time is None else to_timestamp(time))
    response.data.update(data)
    return response
