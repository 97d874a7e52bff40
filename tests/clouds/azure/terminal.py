"""Terminals in containers: a real shell on a real terminal, behind a WebSocket that asks for a password first."""

import asyncio
import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from aiohttp import WSMsgType, web

from tests.clouds.azure.cloud import Group
from tests.clouds.terminal import Terminal

_PATH: Final = "/terminals"
# The log of the container as its processes know it.
_LOG: Final = "/proc/1/fd/1"


class Terminals:
    """Offers terminals, each once. A container keeps its `/tmp` and its workspace over them."""

    def __init__(self) -> None:
        self._offered: dict[str, tuple[Group, str, str]] = {}
        self._folders: dict[tuple[str, int], Path] = {}
        # Shells that run.
        self.processes: set[asyncio.subprocess.Process] = set()

    def routes(self) -> list[web.RouteDef]:
        """Return the route of all terminals."""
        return [web.get(f"{_PATH}/{{key}}", self._serve, name="terminal")]

    def offer(self, group: Group, command: str) -> tuple[str, str]:
        """Return path and password of a terminal that runs `command`."""
        key, password = secrets.token_hex(8), secrets.token_urlsafe(16)
        self._offered[key] = (group, command, password)
        return f"{_PATH}/{key}", password

    def folder(self, group: Group) -> Path:
        """Return what stands for the file system of a container since it was started last."""
        key = (group.name, group.starts)
        if key not in self._folders:
            self._folders[key] = Path(tempfile.mkdtemp(prefix="stand-in-container-"))
            (self._folders[key] / "tmp").mkdir()
            (self._folders[key] / "workspace").mkdir()
        return self._folders[key]

    def close(self) -> None:
        """Remove all files."""
        for folder in self._folders.values():
            shutil.rmtree(folder, ignore_errors=True)

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        group, command, password = self._offered.pop(request.match_info["key"])
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if await socket.receive_str() != password:
            await socket.close()
            return socket
        await self._run(group, command, socket)
        return socket

    async def _run(self, group: Group, command: str, socket: web.WebSocketResponse) -> None:
        folder = self.folder(group)
        variables = {"TMPDIR": str(folder / "tmp"), **group.variables()}
        terminal = await Terminal.start([command], variables=variables, folder=folder)
        self.processes.add(terminal.process)
        reading = asyncio.create_task(_show(terminal, socket))
        typing = asyncio.create_task(self._type(group, socket, terminal))
        try:
            await asyncio.wait({reading, typing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Also when whoever watches goes away, which ends this request.
            reading.cancel()
            typing.cancel()
            await asyncio.wait({reading, typing})
            await terminal.end()
            self.processes.discard(terminal.process)
            self._keep_log(group)
        await socket.close()

    async def _type(self, group: Group, socket: web.WebSocketResponse, terminal: Terminal) -> None:
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                await terminal.type(self._in_container(group, str(message.data)).encode())

    def _in_container(self, group: Group, typed: str) -> str:
        """Return what is typed with our files in place of those that only a container has."""
        typed = typed.replace(_LOG, str(self.folder(group) / "log"))
        for mount in group.body["properties"]["containers"][0]["properties"]["volumeMounts"]:
            typed = typed.replace(mount["mountPath"], str(self.folder(group) / "workspace"))
        return typed

    def _keep_log(self, group: Group) -> None:
        log = self.folder(group) / "log"
        if log.exists():
            for line in log.read_text().splitlines():
                group.print(line)
            log.unlink()


async def _show(terminal: Terminal, socket: web.WebSocketResponse) -> None:
    """Send all that the terminal shows, until its last program has ended."""
    with suppress(ConnectionError):  # whoever watched has gone away
        while shown := await terminal.shown():
            await socket.send_bytes(shown)
