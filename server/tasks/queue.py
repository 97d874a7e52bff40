"""Wakes workers through arq: a job says only that work of a kind waits.

The jobs are hints. Losing them costs a moment, because the sweep wakes workers again; so nothing here is waited for,
and a queue that is away is no failure of the call that had something to announce.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Final

import structlog
from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool
from redis.exceptions import RedisError

# The contract between server and workers; the one argument of the job is the kind.
QUEUE_NAME: Final = "switchyard:work"
JOB_NAME: Final = "work_waiting"

# Hints that may wait on the queue. So many wake every worker; more would only fill the memory while none runs.
QUEUE_LIMIT: Final = 64
# A hint nobody took by then is worth nothing.
HINT_SECONDS: Final = 60
CALL_SECONDS: Final = 2.0
# Pause after a failure, so that a queue that is away is not called in a loop.
PAUSE_SECONDS: Final = 0.5

log = structlog.get_logger(__name__)


class QueueUrlInvalid(ValueError):
    """The URL names no queue that the server can use."""


class NoQueue:
    """Stands in where there is no queue: workers ask for work once in a while, and robots are woken by the server."""

    def announce(self, kinds: Sequence[str]) -> None:
        """Do nothing."""

    async def reachable(self) -> bool:
        """Return that nothing is missing."""
        return True

    async def run(self) -> None:
        """Return at once: there is nothing to send."""


class WorkQueue:
    """The queue at `url` (redis://, rediss:// or unix://). Sends while `run` runs."""

    def __init__(self, url: str) -> None:
        try:
            pool = ConnectionPool.from_url(
                url, socket_timeout=CALL_SECONDS, socket_connect_timeout=CALL_SECONDS, max_connections=4
            )
        except ValueError as error:
            raise QueueUrlInvalid("the queue URL must begin with redis://, rediss:// or unix://") from error
        self._redis = ArqRedis(pool)
        self._pending: Counter[str] = Counter()
        self._wake = asyncio.Event()
        self._away = False

    def announce(self, kinds: Sequence[str]) -> None:
        """Say that a Task of each of `kinds` waits, one entry per Task. Returns at once and never fails."""
        self._pending.update(kinds)
        self._wake.set()

    async def reachable(self) -> bool:
        """Return whether the queue answers within two seconds."""
        try:
            async with asyncio.timeout(CALL_SECONDS):
                await self._redis.ping()
        except (RedisError, OSError, TimeoutError):
            return False
        return True

    async def run(self) -> None:
        """Send what is announced, until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                pending, self._pending = self._pending, Counter()
                await self._send(pending)
        finally:
            await self._redis.aclose(close_connection_pool=True)

    async def _send(self, pending: Counter[str]) -> None:
        try:
            async with asyncio.timeout(2 * CALL_SECONDS):
                room = QUEUE_LIMIT - await self._redis.zcard(QUEUE_NAME)
                for kind in _hints(pending, room):
                    await self._redis.enqueue_job(JOB_NAME, kind, _queue_name=QUEUE_NAME, _expires=HINT_SECONDS)
        except (RedisError, OSError, TimeoutError) as error:
            if not self._away:
                log.warning("queue is away; work waits", error=type(error).__name__)
            self._away = True
            await asyncio.sleep(PAUSE_SECONDS)
        else:
            if self._away:
                log.info("queue is back")
            self._away = False


def _hints(pending: Counter[str], room: int) -> list[str]:
    """Return at most `room` kinds, each as often as it is pending, taking turns so that none is left out."""
    turns = ((turn, kind) for kind, count in pending.items() for turn in range(min(count, room)))
    return [kind for _, kind in sorted(turns)[: max(room, 0)]]
