"""Requests and their answers, over connections that lead only to addresses which may be called."""

import asyncio
import ipaddress
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from importlib import metadata
from itertools import count
from typing import Final, TypeVar

import aiohttp

from workers.flow.errors import AddressRefused
from workers.pinned_resolver import PinnedResolver
from workers.workflow.errors import NodeFailed, NotAllowed
from workers.workflow.host import Host
from workers.workflow.nodes.http_request import Request
from workers.workflow.registry import Given
from workers.workflow.step import Step

MOST_RETRIES: Final = 10
# No wait between two tries is longer; whoever asks for more is not asked again.
LONGEST_WAIT_SECONDS: Final = 120.0

# The server, or one on the way to it, may do better later.
_BUSY: Final = frozenset({429, 502, 503, 504})

T = TypeVar("T")


class Connections:
    """The connections of one run. Proxies of the environment are not used, and cookies not kept."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._resolver = PinnedResolver()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=self._resolver, use_dns_cache=False),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"Switchyard/{metadata.version('switchyard')}"},
            timeout=aiohttp.ClientTimeout(total=None),  # each request has its own
            trust_env=False,
        )

    async def close(self, *, failed: bool) -> None:  # noqa: ARG002, they end in one way
        """Close them."""
        await self._session.close()

    @asynccontextmanager
    async def answer(self, request: Request) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send `request`, follow where it is redirected to, and give the answer, of which the head has come.

        Raises:
            NodeFailed: an address may not be called, or there are too many redirects.
            aiohttp.ClientError, OSError: there is no answer.
        """
        for _ in range((request.redirects or 0) + 1):
            await self._pin(request)
            async with self._session.request(
                request.method,
                request.url,
                headers=request.headers,
                data=request.body,
                allow_redirects=False,
                ssl=request.verify,
            ) as response:
                following = request.redirected(response.status, response.headers.get("location"))
                if following is None:
                    yield response
                    return
            request = following
        raise NodeFailed(
            f"there are more redirects than its input 'max_redirects' allows; the last is {request.origin}"
        )

    async def _pin(self, request: Request) -> None:
        """Let the host of `request` lead to the addresses at which it may be called."""
        try:
            addresses = await self._host.allow_url(request.origin + "/")
        except AddressRefused as refusal:
            raise NotAllowed(refusal.reason, error_type="AddressRefused") from refusal
        host = request.url.raw_host or ""
        self._resolver.pin(host, addresses)
        # An address is connected to as it stands, without asking the resolver.
        if _address(host) is not None and _address(host) not in map(_address, addresses):
            raise NotAllowed(f"{request.origin} may not be called", error_type="AddressRefused")


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is tried again, and after how many seconds the first time; that doubles each time."""

    count: int
    delay: float

    @classmethod
    def of(cls, given: Given) -> "Retries":
        """Return what the inputs of a node say.

        Raises:
            NodeFailed: they are out of their bounds.
        """
        if not 0 <= given["retry_count"] <= MOST_RETRIES:
            raise NodeFailed(f"its input 'retry_count' must be 0 to {MOST_RETRIES}")
        if not 0 <= given["retry_delay"] <= LONGEST_WAIT_SECONDS:
            raise NodeFailed(f"its input 'retry_delay' must be 0 to {LONGEST_WAIT_SECONDS:g} seconds")
        return cls(given["retry_count"], given["retry_delay"])

    def wait_seconds(self, attempt: int, retry_after: str | None, now: datetime) -> float | None:
        """Return how long to wait after try number `attempt` (from 1), None when there is to be no other.

        `retry_after` is what the server says about it (RFC 9110, 10.2.3: seconds or a date).
        """
        if attempt > self.count:
            return None
        wait = min(LONGEST_WAIT_SECONDS, self.delay * 2.0 ** (attempt - 1))
        asked = _seconds(retry_after, now)
        wait = wait if asked is None else max(0.0, asked)
        return wait if wait <= LONGEST_WAIT_SECONDS else None


def _seconds(retry_after: str | None, now: datetime) -> float | None:
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after.strip()[:9])
    try:
        date = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()


async def exchange(
    request: Request, retries: Retries, step: Step, take: Callable[[aiohttp.ClientResponse], Awaitable[T]]
) -> T:
    """Return what `take` makes of the answer to `request`, which is tried again while nothing or no use has come.

    Raises:
        NodeFailed: there was no answer, or `take` raised it.
    """
    connections = step.of_run(Connections)
    for attempt in count(1):
        try:
            async with asyncio.timeout(request.seconds), connections.answer(request) as response:
                after = response.headers.get("retry-after")
                wait = retries.wait_seconds(attempt, after, step.now()) if response.status in _BUSY else None
                if wait is None:
                    return await take(response)
                reason = f"{request.origin} answered {response.status}"
        except (aiohttp.ClientError, OSError) as error:
            reason = _reason(error, request)
            wait = retries.wait_seconds(attempt, None, step.now())
            if wait is None:
                raise NodeFailed(reason, error_type="RequestFailed") from error
        step.log("warning", f"Node {step.node.id!r}: {reason}; it is asked again in {wait:g} s.")
        await asyncio.sleep(wait)
    raise AssertionError("the last try returns or raises")


def _reason(error: Exception, request: Request) -> str:
    """Say what went wrong without the words of the error, which quote URLs."""
    match error:
        case TimeoutError():
            return f"{request.origin} did not answer in full within {request.seconds:g} seconds"
        case aiohttp.ClientConnectorCertificateError():
            return f"the certificate of {error.host} is not valid"
        case aiohttp.ClientConnectorError():
            return f"there is no connection to {error.host}, port {error.port}: {_words(error)}"
        case aiohttp.ServerDisconnectedError():
            return f"{request.origin} closed the connection instead of answering"
        case aiohttp.ClientPayloadError():
            return f"the answer of {request.origin} broke off or cannot be decoded"
        case aiohttp.ClientResponseError():
            return f"what {request.origin} answered is not HTTP as it should be, or its head is too large"
        case OSError():
            return f"the connection to {request.origin} failed: {_words(error)}"
    return f"the request to {request.origin} failed: {type(error).__name__}"


def _words(error: OSError) -> str:
    # By number: the error's own words name addresses, and those of several tries at once.
    return os.strerror(error.errno) if error.errno else type(error).__name__
