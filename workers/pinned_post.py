"""One POST to an address that was checked before, under the name that stands in its URL."""

from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp
import structlog
from yarl import URL

from workers.pinned_resolver import PinnedResolver

log: Final = structlog.get_logger(__name__)


async def post(
    url: str, body: bytes, headers: Mapping[str, str], addresses: Sequence[str], *, seconds: float
) -> int | None:
    """Return the HTTP status of the answer; None when there was none within `seconds`.

    Connects to one of `addresses` only, whatever the name in `url` means by now. TLS is verified by that name.
    Redirects are not followed.
    """
    resolver = PinnedResolver()
    resolver.pin(URL(url).raw_host or "", addresses)
    connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, force_close=True)
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            return response.status
    except (aiohttp.ClientError, OSError, TimeoutError) as error:
        log.info("a receiver could not be reached", error=type(error).__name__)
        return None
