"""Limits of requests per client address and method, in a moving window."""

import logging
import math
import time
from typing import Final, NamedTuple

import limits
from limits.aio.storage import MovingWindowSupport
from limits.aio.strategies import MovingWindowRateLimiter
from limits.errors import StorageError
from limits.storage import storage_from_string

from gateway.errors import RateLimitExceeded
from gateway_options.v1 import options_pb2

log = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]

NAMES: Final = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}


class Window(NamedTuple):
    """A limit made ready for counting."""

    key: str
    item: limits.RateLimitItem
    sentence: str


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
    return Window(full_name, item, f"Rate limit exceeded: {limit.requests} per {count} {unit}{plural}")


class RateLimiter:
    """Counts in the storage at `storage_uri`: "memory://", or "redis://..." where several gateways share the counts."""

    def __init__(self, storage_uri: str) -> None:
        storage = storage_from_string(f"async+{storage_uri}", wrap_exceptions=True, implementation="redispy")
        if not isinstance(storage, MovingWindowSupport):
            raise TypeError(f"{storage_uri!r} has no moving windows")
        self._windows = MovingWindowRateLimiter(storage)

    async def take(self, window: Window, client: str) -> Allowance:
        """Count one request of `client`.

        While the storage cannot be reached, requests pass uncounted: a limit protects, it must not be the outage.
        """
        try:
            allowed = await self._windows.hit(window.item, window.key, client)
            stats = await self._windows.get_window_stats(window.item, window.key, client)
        except StorageError:
            log.warning("the storage of rate limits does not answer; the request passes", exc_info=True)
            return Allowance([], None)
        headers = [
            (b"x-ratelimit-limit", b"%d" % window.item.amount),
            (b"x-ratelimit-remaining", b"%d" % max(0, stats.remaining)),
            (b"x-ratelimit-reset", b"%d" % math.ceil(stats.reset_time)),
        ]
        if allowed:
            return Allowance(headers, None)
        wait = max(1, math.ceil(stats.reset_time - time.time()))
        return Allowance(headers, RateLimitExceeded(window.sentence, retry_after_seconds=wait))
