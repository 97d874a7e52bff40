"""The address of ComfyUI: where it leads, and who answers there."""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import aiohttp
from yarl import URL

from workers.comfy.credentials import Credentials
from workers.comfy.errors import ComfyRefused, ComfyUnreachable
from workers.pinned_resolver import PinnedResolver

# To be connected, and for an answer; together less than the 15 s after which a caller is told that nobody answers.
CONNECT_SECONDS: Final = 5.0
ANSWER_SECONDS: Final = 8.0


async def answering_address(url: URL, addresses: Sequence[str]) -> str:
    """Return the first of `addresses` that takes a connection at the port of `url`.

    Raises:
        ComfyUnreachable: none does.
    """
    attempts = [asyncio.create_task(_connects(address, url.port or 80)) for address in addresses]
    try:
        # In their order: one that answers later is taken only when those before it have failed.
        for address, attempt in zip(addresses, attempts, strict=True):
            if await attempt:
                return address
    finally:
        for attempt in attempts:
            attempt.cancel()
        await asyncio.gather(*attempts, return_exceptions=True)
    raise ComfyUnreachable(f"nobody answers at {url.origin()}")


async def check_answer(
    url: URL, addresses: Sequence[str], credentials: Credentials, *, seconds: float = ANSWER_SECONDS
) -> None:
    """Return when ComfyUI is at `url` and lets us in; it may take `seconds` to say so.

    Raises:
        ComfyUnreachable: somebody else is there, or nobody.
        ComfyRefused: it does not take the credentials.
    """
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            client(url, addresses, credentials, timeout) as session,
            session.get(api_route(url, "/system_stats"), allow_redirects=False) as response,
        ):
            _check_status(url, response.status, sent=credentials.header is not None)
            _check_stats(url, await response.content.read(65536))
    except TimeoutError as error:
        raise ComfyUnreachable(f"nobody answers at {url.origin()} within {seconds:g} s") from error
    except (aiohttp.ClientError, OSError) as error:
        raise ComfyUnreachable(f"no ComfyUI answers at {url.origin()}: {_reason(error)}") from error


def client(
    url: URL, addresses: Sequence[str], credentials: Credentials, timeout: aiohttp.ClientTimeout
) -> aiohttp.ClientSession:
    """Return what connects to ComfyUI alone, at `addresses`, with the credentials."""
    resolver = PinnedResolver()
    resolver.pin(url.raw_host or "", addresses)
    header = credentials.header
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False),
        headers={} if header is None else {"Authorization": header},
        timeout=timeout,
        trust_env=False,
    )


def api_route(url: URL, route: str) -> URL:
    """Return the address of `route` ("/prompt"), which is encoded already, in the API of the ComfyUI at `url`."""
    return URL(f"{url.origin()}{url.raw_path.rstrip('/')}/api{route}", encoded=True)


async def _connects(address: str, port: int) -> bool:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(address, port)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            return True
    return False


def _check_status(url: URL, status: int, *, sent: bool) -> None:
    if status in (401, 403):
        said = "it does not take these credentials" if sent else "it wants a user name and a password"
        raise ComfyRefused(f"ComfyUI at {url.origin()} does not let us in: {said} (status {status})")
    if status != 200:
        raise ComfyUnreachable(f"what answers at {url.origin()} is not ComfyUI: its API gives status {status}")


def _check_stats(url: URL, body: bytes) -> None:
    # The whole is not read: a list of many devices may be cut off.
    if not body.lstrip().startswith(b"{") or b'"system"' not in body:
        raise ComfyUnreachable(f"what answers at {url.origin()} is not ComfyUI: it does not describe its system")


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLError | aiohttp.ClientSSLError):
        return "its certificate is not trusted, or it speaks no TLS"
    if isinstance(error, aiohttp.ClientConnectionError):
        return "the connection was cut"
    return "it does not speak HTTP"
