"""ComfyUI in this process: the routes, the front end, and the executor behind them."""

import asyncio
import urllib.parse
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.comfyui.folders import Folders
from tests.comfyui.routes import UPLOAD_LIMIT_BYTES, Api
from tests.comfyui.user_data import UserData

HOST = "127.0.0.1"
# What an open connection may still take at the end; the sockets are closed before.
SHUTDOWN_SECONDS = 1.0


class ComfyUI:
    """Serves `frontend`, a folder with the files of a front end, over `root`. `port` 0 means a free one, kept."""

    def __init__(self, root: Path, frontend: Path, port: int = 0) -> None:
        self.folders = Folders(root)
        self.port = port
        self._frontend = frontend
        self._runner: web.AppRunner | None = None
        self._work: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it is, without a slash at its end."""
        return f"http://{HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Begin with an empty queue and an empty history, and answer from now on."""
        self.folders.prepare()
        self.api = Api(self.folders)
        self._runner = web.AppRunner(self._application(), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port).start()
        self.port = self._runner.addresses[0][1]
        self._work = asyncio.create_task(self.api.executor.work())

    async def stop(self) -> None:
        """End at once, whatever runs; nothing when it has ended already."""
        if self._work is not None:
            self._work.cancel()
            with suppress(asyncio.CancelledError):
                await self._work
            self._work = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def restart(self) -> None:
        """End, and begin at the same address: queue and history are forgotten, files are not."""
        await self.stop()
        await self.start()

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=UPLOAD_LIMIT_BYTES, middlewares=[no_cache, own_origin_only])
        routes = [*self.api.routes(), *UserData(self.folders).routes(), web.get("/extensions", self._extensions)]
        app.add_routes(_with_prefix(routes))
        app.add_routes(routes)
        app.add_routes([web.get("/", self._index), web.static("/", self._frontend)])
        app.on_shutdown.append(self._close_sockets)
        return app

    async def _close_sockets(self, app: web.Application) -> None:
        await self.api.close_sockets()

    async def _index(self, request: web.Request) -> web.FileResponse:
        headers = {"Cache-Control": "no-cache", "Pragma": "no-cache", "Expires": "0"}
        return web.FileResponse(self._frontend / "index.html", headers=headers)

    async def _extensions(self, request: web.Request) -> web.Response:
        files = sorted((self._frontend / "extensions").rglob("*.js"))
        return web.json_response([f"/{path.relative_to(self._frontend).as_posix()}" for path in files])


@web.middleware
async def no_cache(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Scripts and styles are asked for anew each time."""
    response = await handler(request)
    if request.path.endswith((".js", ".css")):
        response.headers.setdefault("Cache-Control", "no-cache")
    return response


@web.middleware
async def own_origin_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a page of another origin at a loopback address, as `create_origin_only_middleware` of server.py does.

    A proxy in front that changes `Host` runs into this.
    """
    host, origin = request.headers.get("Host", ""), request.headers.get("Origin")
    name = urllib.parse.urlsplit(f"//{host.lower()}").hostname
    if origin and name in ("localhost", "127.0.0.1", "::1") and urllib.parse.urlsplit(origin).netloc != host.lower():
        return web.Response(status=403)
    return await handler(request)


def _with_prefix(routes: list[web.RouteDef]) -> Iterator[web.RouteDef]:
    for route in routes:
        yield web.RouteDef(route.method, f"/api{route.path}", route.handler, route.kwargs)
