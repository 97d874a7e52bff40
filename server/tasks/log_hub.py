"""Follows logs while they grow: stored lines first, then new ones, nothing missed and nothing twice.

All followers of a Task share a channel. What is appended in this process reaches the channel directly; it hands out
immutable batches, the same objects to every follower, at once for the first new line and then at most every 50 ms.
A follower that is behind reads the store at its own pace and delays nobody. Other servers say only that they have
appended something, and then the store is looked at; so it is from time to time, in case that was lost.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from server.database.database import Database
from server.errors import NotFound
from server.tasks import log_store
from server.tasks.changes import Changes, Watch
from server.tasks.log_store import LogLineRow
from server.tasks.metrics import LOG_LINES

PACE_SECONDS: Final = 0.05
# Lines in one batch, and in one page read from the store.
BATCH_LINES: Final = 500
# Batches a channel keeps for followers that are a little behind.
RECENT_BATCHES: Final = 64
# Pages kept for followers that read the same stored log, over all Tasks.
CACHED_PAGES: Final = 32


@dataclass(frozen=True, slots=True)
class LogBatch:
    """Lines of one Task that follow one another, at least one. Shared by all who read them.

    `cache` is for consumers: what one of them made of the batch is kept for the others.
    """

    task_id: str
    first_seq: int
    lines: tuple[LogLineRow, ...]
    cache: dict[Hashable, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def last_seq(self) -> int:
        """The number of the last line."""
        return self.first_seq + len(self.lines) - 1

    def behind(self, after_seq: int) -> "LogBatch":
        """Return the lines behind number `after_seq`, which lies before the last: this batch if that is all of it."""
        skipped = after_seq + 1 - self.first_seq
        return self if skipped <= 0 else LogBatch(self.task_id, after_seq + 1, self.lines[skipped:])


class LogHub:
    """Hands out the log of every Task that somebody follows."""

    def __init__(
        self,
        database: Database,
        changes: Changes,
        *,
        pace_seconds: float = PACE_SECONDS,
        look_seconds: float | None = None,
    ) -> None:
        """Look at the store when nothing was heard for `look_seconds`, None for as often as `changes` says."""
        self._database = database
        self._changes = changes
        self._pace_seconds = pace_seconds
        self._look_seconds = look_seconds
        self._channels: dict[str, _Channel] = {}
        self._pages: OrderedDict[tuple[str, int], LogBatch] = OrderedDict()

    def publish(self, task_id: str, lines: Sequence[LogLineRow]) -> None:
        """Hand `lines`, which were just committed, to those who follow the Task, and tell other servers of them."""
        channel = self._channels.get(task_id)
        if channel is not None and lines:
            channel.heard.append(lines)
            channel.watch.wake()
        if lines:
            LOG_LINES.inc(len(lines))
            self._changes.notify_others(_key(task_id))

    async def follow(self, task_id: str, after_seq: int) -> AsyncGenerator[LogBatch, None]:
        """Yield the lines behind number `after_seq` (0: all) in order; end when the Task is final and all were given.

        Ends as well when the Task is deleted. Whoever stops earlier closes the generator.

        Raises:
            NotFound: there is no such Task.
        """
        async with self._channel(task_id) as channel:
            await channel.started.wait()
            if channel.gone:
                raise NotFound(f"task {task_id!r} is not known", task_id=task_id)
            while not channel.over(after_seq):
                moved = channel.moved
                if after_seq >= channel.last_seq:
                    await moved.wait()
                    continue
                batch = channel.recent_behind(after_seq) or await self._page(channel, after_seq)
                if batch is None:
                    return
                yield batch
                after_seq = batch.last_seq

    @asynccontextmanager
    async def _channel(self, task_id: str) -> AsyncIterator["_Channel"]:
        """Enter the channel of a Task; it lives as long as somebody is in it."""
        channel = self._channels.get(task_id)
        if channel is None:
            channel = self._channels[task_id] = _Channel(task_id)
            channel.feeder = asyncio.create_task(self._feed(channel))
        channel.follower_count += 1
        try:
            yield channel
        finally:
            channel.follower_count -= 1
            if not channel.follower_count:
                del self._channels[task_id]
                channel.feeder.cancel()
                await asyncio.wait([channel.feeder])

    async def _feed(self, channel: "_Channel") -> None:
        """Keep `channel` up to date until its log is complete; a failure reaches its followers."""
        try:
            with (
                self._changes.watch(channel.task_id, _key(channel.task_id)) as channel.watch,
                self._changes.watch(channel.task_id) as ends,
            ):
                await self._look(channel)
                channel.started.set()
                while not channel.complete:
                    await channel.watch.wait(self._look_seconds or self._changes.look_seconds)
                    moved = channel.advance()
                    moved |= await self._look(channel)
                    if moved:
                        # When the Task ends, what it has said is complete: nobody is kept waiting for that.
                        await ends.wait(self._pace_seconds)
        except Exception as error:  # noqa: BLE001 - it is raised again, in each follower
            channel.failure = error
            channel.complete = True
        finally:
            channel.started.set()
            channel.pulse()

    async def _look(self, channel: "_Channel") -> bool:
        """Take from the store what was not heard, and return whether there was anything."""
        head = await self._database.read(lambda connection: log_store.head(connection, channel.task_id))
        if head is None:
            channel.gone = channel.complete = True
            return False
        if not channel.started.is_set():
            channel.last_seq = head.line_count
        before = channel.last_seq
        while channel.last_seq < head.line_count:
            lines = await self._lines(channel.task_id, channel.last_seq)
            if not lines:
                break
            channel.push(lines)
        channel.complete = head.final
        return channel.last_seq > before

    async def _page(self, channel: "_Channel", after_seq: int) -> LogBatch | None:
        """Read stored lines behind `after_seq`; None when they are there no more.

        Whole pages never change, so those who read the same log share them.
        """
        number = after_seq // BATCH_LINES
        key = (channel.task_id, number)
        page = self._pages.get(key)
        if page is None:
            first_seq = number * BATCH_LINES + 1
            lines = await self._lines(channel.task_id, first_seq - 1)
            if not lines:
                return None
            page = LogBatch(channel.task_id, first_seq, lines)
            if len(lines) == BATCH_LINES:
                self._pages[key] = page
                if len(self._pages) > CACHED_PAGES:
                    self._pages.popitem(last=False)
        return page.behind(after_seq) if page.last_seq > after_seq else None

    async def _lines(self, task_id: str, after_seq: int) -> tuple[LogLineRow, ...]:
        return await self._database.read(
            lambda connection: log_store.read(connection, task_id, after_seq=after_seq, limit=BATCH_LINES)
        )


def _key(task_id: str) -> str:
    """Return the key under which servers say that a log has grown. Who waits for the Task itself has nothing of it."""
    return f"logs/{task_id}"


class _Channel:
    """The end of the log of one Task, shared by its followers."""

    def __init__(self, task_id: str) -> None:
        self.task_id = task_id
        self.follower_count = 0
        self.feeder: asyncio.Task[None]
        self.watch = Watch()
        # Lines that were published and not taken in yet; bounded, because `advance` runs every `PACE_SECONDS`.
        self.heard: list[Sequence[LogLineRow]] = []
        self.started = asyncio.Event()
        self.moved = asyncio.Event()
        self.last_seq = 0
        self.complete = False
        self.gone = False
        self.failure: Exception | None = None
        self._recent: deque[LogBatch] = deque(maxlen=RECENT_BATCHES)

    def over(self, after_seq: int) -> bool:
        """Whether a follower that has everything up to `after_seq` has everything there will be.

        Raises:
            Exception: whatever stopped the feeder.
        """
        if self.failure is not None:
            raise self.failure
        return self.gone or (self.complete and after_seq >= self.last_seq)

    def advance(self) -> bool:
        """Take in what was heard, as far as it follows what is there, and return whether anything did.

        Behind a gap nothing is taken: the store has it all.
        """
        heard, self.heard = self.heard, []
        fresh: list[LogLineRow] = []
        next_seq = self.last_seq + 1
        for lines in heard:
            if lines[0].seq <= next_seq <= lines[-1].seq:
                fresh.extend(lines[next_seq - lines[0].seq :])
                next_seq = lines[-1].seq + 1
        for start in range(0, len(fresh), BATCH_LINES):
            self.push(tuple(fresh[start : start + BATCH_LINES]))
        return bool(fresh)

    def push(self, lines: tuple[LogLineRow, ...]) -> None:
        """Make one batch of `lines`, which follow what is there, and wake the followers."""
        self._recent.append(LogBatch(self.task_id, lines[0].seq, lines))
        self.last_seq = lines[-1].seq
        self.pulse()

    def pulse(self) -> None:
        """Wake the followers."""
        moved, self.moved = self.moved, asyncio.Event()
        moved.set()

    def recent_behind(self, after_seq: int) -> LogBatch | None:
        """Return a batch that begins right behind `after_seq`, None when it is too long ago."""
        for batch in reversed(self._recent):
            if batch.first_seq <= after_seq + 1:
                return batch.behind(after_seq) if batch.last_seq > after_seq else None
        return None
