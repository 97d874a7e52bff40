"""One POST to an address that was checked before, under the name that stands in its URL."""

import socket
from collections.abc import Mapping, Sequence
from typing import Final

import aiohttp
import structlog
from aiohttp.abc import AbstractResolver, ResolveResult

log: Final = structlog.get_logger(__name__)


async def post(
    url: str, body: bytes, headers: Mapping[str, str], addresses: Sequence[str], *, seconds: float
) -> int | None:
    """Return the HTTP status of the answer; None when there was none within `seconds`.

    Connects to one of `addresses` only, whatever the name in `url` means by now. TLS is verified by that name.
    Redirects are not followed.
    """
    connector = aiohttp.TCPConnector(resolver=_Pinned(addresses), use_dns_cache=False, force_close=True)
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


class _Pinned(AbstractResolver):
    """Answers every name with the same addresses, so that no second look-up can differ."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002, the addresses say it themselves
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""
