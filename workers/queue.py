"""The queue, as a worker sees it: arq messages that say "there is work".

The messages decide nothing: the server's rows do. So this may lose its Redis at any time, find it empty, or hear the
same thing twice.

arq looks for messages by asking again and again. Asked often enough to start a run promptly, that costs more of a core
than an idle worker may take; so Redis tells us when the queue is added to (keyspace notifications), and asking is what
is left for a Redis that does not allow them.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.worker import Worker, func
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError, ResponseError

QUEUE_NAME: Final = "switchyard:work"

# How often arq asks when Redis tells of additions, and when it does not.
TOLD_POLL_SECONDS: Final = 1.0
UNTOLD_POLL_SECONDS: Final = 0.05
# While Redis is away, this is how often the server is asked for work without being told of any.
AWAY_SECONDS: Final = 2.0

log: Final = structlog.get_logger(__name__)


async def listen(redis_url: str, look: Callable[[], None], *, has_room: Callable[[], bool]) -> None:
    """Call `look` whenever there may be work, until this is cancelled. Outlives every failure of Redis.

    While `has_room` says no, messages stay on the queue for other workers.
    """
    logging.getLogger("arq").setLevel(logging.WARNING)  # it writes three lines a message otherwise
    settings = RedisSettings.from_dsn(redis_url)
    settings.conn_retries = 0  # the one place that retries is below
    away = False
    while True:
        try:
            async with _listener(settings, look, has_room) as listener:
                log.info("listening to the queue", told=listener.told)
                away = False
                look()  # for what came while nobody listened
                await listener.main()
        except (RedisError, OSError, TimeoutError) as error:
            if not away:
                log.warning("the queue is away", error=str(error))
            away = True
        look()
        await asyncio.sleep(AWAY_SECONDS)


@asynccontextmanager
async def _listener(
    settings: RedisSettings, look: Callable[[], None], has_room: Callable[[], bool]
) -> AsyncIterator["_Listener"]:
    pool = await create_pool(settings, default_queue_name=QUEUE_NAME)
    try:
        async with pool.pubsub() as additions:
            told = await _subscribe(pool, additions, settings.database)
            listener = _Listener(pool, additions if told else None, look, has_room)
            try:
                yield listener
            finally:
                await listener.close()
    finally:
        await pool.aclose()


async def _subscribe(pool: ArqRedis, additions: PubSub, database: int) -> bool:
    """Have Redis tell of additions to the queue; return whether it does."""
    try:
        present = (await pool.config_get("notify-keyspace-events")).get("notify-keyspace-events", "")
        await pool.config_set("notify-keyspace-events", present + "Kz")
    except ResponseError:  # a shared Redis may forbid CONFIG
        return False
    await additions.subscribe(f"__keyspace@{database}__:{QUEUE_NAME}")
    return True


class _Listener(Worker):
    """An arq worker that waits to be told before it asks."""

    def __init__(
        self, pool: ArqRedis, additions: PubSub | None, look: Callable[[], None], has_room: Callable[[], bool]
    ) -> None:
        async def work_waiting(ctx: dict[Any, Any], *_kind: Any, **_: Any) -> None:  # noqa: ARG001, named by arq
            look()

        super().__init__(
            functions=[func(work_waiting, name="work_waiting", keep_result=0, timeout=10, max_tries=1)],
            queue_name=QUEUE_NAME,
            redis_pool=pool,
            handle_signals=False,
            keep_result=0,
            log_results=False,
        )
        self.told = additions is not None
        self._additions = additions
        self._has_room = has_room

    async def main(self) -> None:
        """Take messages until the connection breaks, in place of arq's loop that only sleeps between two looks.

        Raises:
            RedisError: the connection broke.
        """
        while True:
            self.allow_pick_jobs = self._has_room()
            await self._poll_iteration()
            if self._additions is None:
                await asyncio.sleep(UNTOLD_POLL_SECONDS)
            else:
                await self._addition(self._additions, TOLD_POLL_SECONDS)

    async def close(self) -> None:
        """End the messages at work. The connections belong to who made them."""
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)

    async def _addition(self, additions: PubSub, seconds: float) -> None:
        """Return when the queue was added to, or after `seconds`."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (left := end - loop.time()) > 0:
            message = await additions.get_message(ignore_subscribe_messages=True, timeout=left)
            if message is not None and message["data"] == b"zadd":
                return
