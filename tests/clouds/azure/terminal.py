"""Terminals in containers: a real shell on a real terminal, behind a WebSocket that asks for a password first."""

import asyncio
import fcntl
import os
import pty
import secrets
import shutil
import signal
import tempfile
import termios
from contextlib import suppress
from pathlib import Path
from typing import Final

from aiohttp import WSMsgType, web

from tests.clouds.azure.cloud import Group

_PATH: Final = "/terminals"
# The log of the container as its processes know it.
_LOG: Final = "/proc/1/fd/1"
# Before more is typed into a terminal that holds all it can.
_FULL_SECONDS: Final = 0.005


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
        ours, theirs = pty.openpty()
        os.set_blocking(ours, False)
        process = await self._start(group, command, theirs)
        os.close(theirs)
        self.processes.add(process)
        reading = asyncio.create_task(_show(ours, socket))
        typing = asyncio.create_task(self._type(group, socket, ours))
        try:
            await asyncio.wait({reading, typing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Also when whoever watches goes away, which ends this request.
            reading.cancel()
            typing.cancel()
            await self._end(process)
            os.close(ours)
            self._keep_log(group)
        await socket.close()

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGHUP)
        await process.wait()
        self.processes.discard(process)

    async def _start(self, group: Group, command: str, terminal: int) -> asyncio.subprocess.Process:
        folder = self.folder(group)
        return await asyncio.create_subprocess_exec(
            command,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={
                "PATH": os.environ["PATH"],
                "TERM": "dumb",
                "PS1": "# ",
                "TMPDIR": str(folder / "tmp"),
                **group.variables(),
            },
            cwd=folder,
            # The shell leads the session of its terminal, as one in a container does.
            preexec_fn=_own_terminal,
        )

    async def _type(self, group: Group, socket: web.WebSocketResponse, terminal: int) -> None:
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                await _write(terminal, self._in_container(group, str(message.data)).encode())

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


def _own_terminal() -> None:
    os.setsid()
    # Whoever started the tests may have told them to outlive their terminal.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


async def _show(terminal: int, socket: web.WebSocketResponse) -> None:
    """Send all that the terminal shows, until its last program has ended."""
    loop = asyncio.get_running_loop()
    while True:
        there = asyncio.Event()
        loop.add_reader(terminal, there.set)
        try:
            await there.wait()
        finally:
            loop.remove_reader(terminal)
        try:
            await socket.send_bytes(os.read(terminal, 4096))
        # What a terminal without a program raises.
        except OSError:
            return


async def _write(terminal: int, typed: bytes) -> None:
    while typed:
        try:
            typed = typed[os.write(terminal, typed) :]
        except BlockingIOError:
            await asyncio.sleep(_FULL_SECONDS)
