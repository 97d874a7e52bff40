"""A relay before a server that notes what it passes: what an example asks, however it does, and what is answered."""

import asyncio
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import aiohttp
from aiohttp import web

# RFC 9110, section 7.6.1: these hold for one connection.
_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length"})
# What the client library writes itself when a WebSocket is opened.
_OF_HANDSHAKE: Final = "sec-websocket-"
_BODY_BYTES: Final = 64 * 1024 * 1024


@dataclass
class Exchange:
    """A request that was passed on, and as much of its answer as has come. `headers` have lower-case names."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int = 0
    answer_headers: Mapping[str, str] | None = None
    answer: bytes = b""

    def json(self) -> Any:
        return json.loads(self.answer)


class Relay:
    """Listens on a port of its own in a thread of its own, as `localhost:<port>`, before 127.0.0.1:`port`."""

    def __init__(self, port: int) -> None:
        self.exchanges: list[Exchange] = []
        self._upstream = f"http://127.0.0.1:{port}"
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._port = 0

    @property
    def address(self) -> str:
        """Host and port, as the documents write them."""
        return f"localhost:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        self._client = aiohttp.ClientSession(auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None))
        app = web.Application(client_max_size=_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._pass)
        # Whoever leaves a stream ends it at the server too.
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._client.close()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        exchange = Exchange(request.method, request.raw_path, headers, await request.read())
        self.exchanges.append(exchange)
        if headers.get("upgrade", "").lower() == "websocket":
            return await self._pass_socket(request, exchange)
        passed = {name: value for name, value in headers.items() if name not in _HOP_BY_HOP}
        # Not compressed, so that it can be read here.
        passed["accept-encoding"] = "identity"
        async with self._client.request(
            request.method, self._upstream + request.raw_path, headers=passed, data=exchange.body, allow_redirects=False
        ) as answer:
            return await _pass_answer(request, exchange, answer)

    async def _pass_socket(self, request: web.Request, exchange: Exchange) -> web.WebSocketResponse:
        passed = {
            name: value
            for name, value in exchange.headers.items()
            if name not in _HOP_BY_HOP and not name.startswith(_OF_HANDSHAKE)
        }
        async with self._client.ws_connect(self._upstream + request.raw_path, headers=passed) as server:
            exchange.status = 101
            client = web.WebSocketResponse()
            await client.prepare(request)
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass_messages(client, server))
                both.create_task(_pass_messages(server, client))
        return client


async def _pass_answer(request: web.Request, exchange: Exchange, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    exchange.status = answer.status
    exchange.answer_headers = {name.lower(): value for name, value in answer.headers.items()}
    passed = web.StreamResponse(
        status=answer.status,
        headers={name: value for name, value in exchange.answer_headers.items() if name not in _HOP_BY_HOP},
    )
    await passed.prepare(request)
    async for chunk in answer.content.iter_any():
        exchange.answer += chunk
        await passed.write(chunk)
    return passed


Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


async def _pass_messages(source: Socket, target: Socket) -> None:
    async for message in source:
        if message.type == aiohttp.WSMsgType.TEXT:
            await target.send_str(message.data)
    await target.close()
