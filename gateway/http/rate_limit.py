"""Limits of requests per client address and method, in a moving window."""

import asyncio
import logging
import math
import time
from functools import lru_cache
from ipaddress import IPv4Address, ip_address
from typing import Any, Final, NamedTuple, cast

import limits
from limits.aio.storage import MemoryStorage, MovingWindowSupport
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string
from redis.asyncio import BlockingConnectionPool

from gateway.errors import RateLimitExceeded
from gateway_options.v1 import options_pb2

log = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]

# A storage answers within a millisecond or two; a request must not wait for one that does not.
STORAGE_SECONDS: Final = 0.5
# After a failure the storage is left alone for so long, so that not each request waits for the same answer.
PAUSE_SECONDS: Final = 1.0

IN_MEMORY: Final = "memory://"
MAX_CONNECTIONS: Final = 16

EXCEEDED: Final = "Rate limit exceeded"
NAMES: Final = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}


class Window(NamedTuple):
    """A limit made ready for counting."""

    key: str
    item: limits.RateLimitItem
    sentence: str
    refusal: "options_pb2.RateLimit.Refusal.ValueType"


class StorageInvalid(ValueError):
    """The address names no storage of rate limits."""

    def __init__(self) -> None:
        super().__init__("requests are counted at memory://, redis://..., rediss://... or redis+unix://...")


class Allowance(NamedTuple):
    """What is left of a window, and what to tell a client that has used it up; None while it has not."""

    headers: Headers
    refusal: RateLimitExceeded | None


def read_window(full_name: str, limit: options_pb2.RateLimit) -> Window:
    """Make the limit of the method `full_name` ready. Each method counts by itself."""
    item = limits.RateLimitItemPerSecond(limit.requests, limit.window_seconds)
    count, unit = next(
        (limit.window_seconds // seconds, name)
        for seconds, name in sorted(NAMES.items(), reverse=True)
        if limit.window_seconds % seconds == 0
    )
    plural = "" if count == 1 else "s"
    sentence = f"{EXCEEDED}: {limit.requests} per {count} {unit}{plural}"
    return Window(full_name, item, sentence, limit.refusal)


def refused(window: Window, retry_after_seconds: int) -> RateLimitExceeded:
    """The refusal of one request too many."""
    body: dict[str, str | int] | None = None
    if window.refusal == options_pb2.RateLimit.REFUSAL_SENTENCE:
        body = {"error": window.sentence}
    elif window.refusal == options_pb2.RateLimit.REFUSAL_RETRY_AFTER:
        body = {"error": EXCEEDED, "retry_after": retry_after_seconds}
    return RateLimitExceeded(window.sentence, retry_after_seconds=retry_after_seconds, body=body)


class RateLimiter:
    """Counts in the storage at `storage_uri`: "memory://", or a Redis ("redis://", "rediss://", "redis+unix://").

    Gateways with the same Redis share the counts. While it does not answer each counts by itself, in memory: nobody is
    locked out, and nobody has more than a limit for each gateway there is.

    Raises:
        StorageInvalid: there is no such storage.
    """

    def __init__(self, storage_uri: str) -> None:
        self._connections: BlockingConnectionPool | None = None
        try:
            if storage_uri != IN_MEMORY:
                self._connections = connections_to(storage_uri)
            storage = storage_from_string(
                f"async+{storage_uri}",
                wrap_exceptions=True,
                implementation="redispy",
                # limits passes it on to redis, but has no type for it.
                **{} if self._connections is None else {"connection_pool": cast("Any", self._connections)},
            )
        except (ConfigurationError, ValueError) as error:
            raise StorageInvalid from error
        if not isinstance(storage, MovingWindowSupport):
            raise StorageInvalid
        self._windows = MovingWindowRateLimiter(storage)
        self._own_windows = MovingWindowRateLimiter(MemoryStorage())
        self._asked_again_at = 0.0
        # Whether this was told in the log.
        self._away = False

    async def close(self) -> None:
        """Close what is open to the storage. A request that is counted afterwards opens it again."""
        if self._connections is not None:
            await self._connections.disconnect()

    async def take(self, window: Window, client: str) -> Allowance:
        """Count one request of `client`."""
        who = counted_as(client)
        allowed, stats = await self._count_shared(window, who) or await _count(self._own_windows, window, who)
        headers = [
            (b"x-ratelimit-limit", b"%d" % window.item.amount),
            (b"x-ratelimit-remaining", b"%d" % max(0, stats.remaining)),
            (b"x-ratelimit-reset", b"%d" % math.ceil(stats.reset_time)),
        ]
        if allowed:
            return Allowance(headers, None)
        wait = max(1, math.ceil(stats.reset_time - time.time()))
        return Allowance(headers, refused(window, wait))

    async def _count_shared(self, window: Window, who: str) -> "Counted | None":
        """Count in the storage; None while it does not answer."""
        if time.monotonic() < self._asked_again_at:
            return None
        try:
            async with asyncio.timeout(2 * STORAGE_SECONDS):
                counted = await _count(self._windows, window, who)
        except (StorageError, TimeoutError) as error:
            if not self._away:
                cause = type(error.__cause__ or error).__name__
                log.warning("the storage of rate limits does not answer; each gateway counts by itself: %s", cause)
            self._away = True
            self._asked_again_at = time.monotonic() + PAUSE_SECONDS
            return None
        if self._away:
            log.info("the storage of rate limits answers again")
        self._away = False
        return counted


class Counted(NamedTuple):
    """Whether a request is within its window, and how the window stands."""

    allowed: bool
    stats: limits.WindowStats


async def _count(windows: MovingWindowRateLimiter, window: Window, who: str) -> Counted:
    allowed = await windows.hit(window.item, window.key, who)
    return Counted(allowed, await windows.get_window_stats(window.item, window.key, who))


@lru_cache(maxsize=1024)
def counted_as(client: str) -> str:
    """The address that stands for `client`: its own, or the first 64 bits of one of IPv6.

    Who has one address of IPv6 has the whole network behind these bits, another address for each request (RFC 7421).
    """
    try:
        address = ip_address(client)
    except ValueError:  # a Unix socket has none
        return client
    if isinstance(address, IPv4Address) or address.ipv4_mapped is not None:
        return client
    return address.packed[:8].hex()


def connections_to(storage_uri: str) -> BlockingConnectionPool:
    """Return a pool of connections to a Redis. Raises ValueError when the address is of something else."""
    return BlockingConnectionPool.from_url(
        storage_uri.removeprefix("redis+") if storage_uri.startswith("redis+unix:") else storage_uri,
        max_connections=MAX_CONNECTIONS,
        timeout=STORAGE_SECONDS,
        socket_timeout=STORAGE_SECONDS,
        socket_connect_timeout=STORAGE_SECONDS,
    )
