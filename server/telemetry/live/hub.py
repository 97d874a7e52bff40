"""What has happened to sessions lately, for everybody who watches: the newest messages, kept in memory.

Messages are numbered. Each is made once, when the first reader comes to it, and all readers get the same object.
Readers walk along the messages at their own pace: one that is slow delays nobody, and is let go when what it was to
read next is no longer kept.

What happens at other servers comes from them. Readers are told of a gap when some of it may not have arrived, and so is
who comes back to another server than he left: each server numbers its messages itself.
"""

import asyncio
import re
import secrets
import sys
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final, TypeAlias

import orjson
import structlog

from server.clock import SECOND, Clock, to_timestamp
from server.database.away import BREAKS
from server.database.database import Database
from server.errors import InvalidArgument
from server.fan_out import ALONE, FanOut, Parts
from server.newest import Newest
from server.telemetry.events.event_store import StoredEvent
from server.telemetry.sessions.session_store import SessionRow
from server.telemetry.statistics import counts
from server.telemetry.statistics.counts import Totals
from switchyard.telemetry.v1.live_service_pb2 import WatchResponse

# Messages that are kept, and the memory their details may take together, made messages included.
KEPT_MESSAGES: Final = 10_000
KEPT_BYTES: Final = 8 * 1024 * 1024
TOTALS_PERIOD_SECONDS: Final = 1.0
# So long after the last reader has left messages are kept for its return; else they would cost every event something.
RETURN_SECONDS: Final = 60

_EVENTS: Final = "telemetry.events"
_SESSION: Final = "telemetry.session"
_TOTALS: Final = "telemetry.totals"

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
        fan_out: FanOut = ALONE,
        *,
        kept_messages: int = KEPT_MESSAGES,
        kept_bytes: int = KEPT_BYTES,
        totals_period_seconds: float = TOTALS_PERIOD_SECONDS,
    ) -> None:
        """Tell the totals that stand in `database`."""
        self._database = database
        self._clock = clock
        self._fan_out = fan_out
        self._totals_period_seconds = totals_period_seconds
        # A cursor of another process says nothing about the messages of this one.
        self._boot = secrets.token_hex(4)
        self._newest: Newest[_Message] = Newest(count=kept_messages, size=kept_bytes)
        # When somebody last came or left. Nobody is expected before the first one comes.
        self._visit_time: int | None = None
        self._sessions_changed = asyncio.Event()
        fan_out.hear(_EVENTS, self._heard_events, missed=self._newest.forget)
        fan_out.hear(_SESSION, self._heard_session, missed=self._newest.forget)
        fan_out.hear(_TOTALS, lambda _: self._sessions_changed.set(), missed=self._sessions_changed.set)

    @property
    def watched(self) -> bool:
        """Whether anybody watches."""
        return self._newest.readers > 0

    def session_started(self, session: SessionRow) -> None:
        """Tell of a session whose registration was committed."""
        self._session_changed(WatchResponse.TYPE_SESSION_START, session, _session_start)

    def session_ended(self, session: SessionRow) -> None:
        """Tell of a session whose end was committed."""
        self._session_changed(WatchResponse.TYPE_SESSION_END, session, _session_end)

    def events_stored(self, events: Iterable[StoredEvent]) -> None:
        """Tell of events that were committed; they are not even looked at when nobody is to hear of them."""
        if not self._fan_out.alone:
            events = list(events)
            self._fan_out.tell(_EVENTS, orjson.dumps([tuple(event) for event in events]))
        self._keep_events(events)

    def totals_changed(self) -> None:
        """Tell that sessions were removed."""
        self._sessions_changed.set()
        self._fan_out.tell(_TOTALS)

    def place(self, after: str) -> int | None:
        """Return the number of the message behind the cursor `after`, that of the next one when `after` is empty.

        None when what is behind it is no longer kept, or was told by another process. Whoever asks is expected to
        follow: from now on messages are kept for it.

        Raises:
            InvalidArgument: `after` is no cursor, or one that was not given yet.
        """
        if not after:
            self._visit_time = self._clock()
            return self._newest.next
        match = _CURSOR.fullmatch(after)
        number = int(match["number"]) + 1 if match is not None else 0
        ours = match is not None and match["boot"] == self._boot
        if match is None or (ours and number > self._newest.next):
            raise InvalidArgument.field("after", "must be the cursor of a message")
        self._visit_time = self._clock()
        return number if ours and number >= self._newest.oldest else None

    async def follow(
        self, place: int | None, *, session_id: str | None = None, types: Collection[Type] = ()
    ) -> AsyncGenerator[WatchResponse, None]:
        """Yield what happens from `place` on, which `place` has returned; first a gap if that is None.

        Only messages of `session_id` and of `types`, if given; messages that concern all sessions are of each. Whoever
        stops closes the generator.
        """
        try:
            async with aclosing(self._newest.walk(place)) as entries:
                async for number, message in entries:
                    if message is None:
                        yield self._gap(number)
                    elif message.concerns(session_id, types):
                        yield message.response(self._cursor(number))
        finally:
            self._visit_time = self._clock()

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
        except BREAKS:
            _log.warning("the totals could not be read; they are told after the next change", exc_info=True)
            return
        what = (totals, self._clock())
        self._keep([_Message(WatchResponse.TYPE_STATS_UPDATE, None, _totals, what)])

    def _session_changed(self, kind: Type, session: SessionRow, make: Callable[[SessionRow], WatchResponse]) -> None:
        self._keep([_Message(kind, session.id, make, session)])
        self._sessions_changed.set()
        if not self._fan_out.alone:
            self._fan_out.tell(
                _SESSION, WatchResponse.Type.Name(kind).encode(), session.id.encode(), make(session).SerializeToString()
            )

    def _heard_session(self, parts: Parts) -> None:
        kind, session_id, made = parts
        self._keep(
            [_Message(WatchResponse.Type.Value(kind.decode()), session_id.decode(), WatchResponse.FromString, made)]
        )
        self._sessions_changed.set()

    def _heard_events(self, parts: Parts) -> None:
        # Read only if somebody is to hear of them.
        self._keep_events(() if self._missed() else [StoredEvent(*event) for event in orjson.loads(parts[0])])

    def _keep_events(self, events: Iterable[StoredEvent]) -> None:
        if self._missed():
            # Whoever comes back all the same is told of a gap.
            self._newest.forget()
        else:
            self._keep(
                [_Message(WatchResponse.TYPE_EVENT, one.session_id, _event, one, _memory(one)) for one in events]
            )

    def _missed(self) -> bool:
        """Whether nobody watches, and nobody is expected."""
        if self.watched:
            return False
        return self._visit_time is None or self._clock() - self._visit_time > RETURN_SECONDS * SECOND

    def _keep(self, messages: Sequence[_Message]) -> None:
        self._newest.add([(message, message.size) for message in messages])

    def _cursor(self, number: int) -> str:
        return f"{self._boot}-{number}"

    def _gap(self, following: int) -> WatchResponse:
        """Return the message that says that those before number `following` are no longer kept."""
        return WatchResponse(
            type=WatchResponse.TYPE_GAP,
            timestamp=to_timestamp(self._clock()),
            data="{}",
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
    details = orjson.Fragment(event.details)
    return _response(event.time, {"session_id": event.session_id, "event_type": event.event_type, "details": details})


def _memory(event: StoredEvent) -> int:
    """Bytes that the details of `event` take, as they are stored and once more in the message that is made of them."""
    details = event.details
    return 2 * len(details) if details.isascii() else sys.getsizeof(details) + len(details.encode())


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
    timestamp = None if time is None else to_timestamp(time)
    return WatchResponse(timestamp=timestamp, data=orjson.dumps(data).decode())
