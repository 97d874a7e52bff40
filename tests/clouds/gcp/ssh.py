"""The SSH servers of machines: real ones, each at an address of its own on loopback, all at one port.

They take the keys that the metadata of their machine has at that moment, and run commands as processes here. `sudo` and
`docker` are stand-ins: what `docker exec` starts is not ended with it, as in a container, and has its variables.
"""

import asyncio
import itertools
import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import asyncssh
import psutil

from workers.environments.provider import WORKSPACE

_COMMANDS: Final = {
    "sudo": 'exec "$@"',
    "docker": f"""
case "$*" in
"inspect --format {{{{.State.Running}}}} environment")
  cat "$CONTAINER/running" ;;
"exec -e "*=*" -w {WORKSPACE} environment "?*)
  variable=$3
  shift 6
  cd "$CONTAINER/workspace" || exit 126
  setsid env "$variable" "$@" </dev/null &
  wait $! ;;
*)
  echo "docker: cannot $*" >&2
  exit 125 ;;
esac
""",
}
_LINE: Final = re.compile(r'(\S+):(\S+ \S+) google-ssh (\{"userName":"\S+","expireOn":"\S+"\})')


@dataclass(slots=True)
class SshServer:
    """That of one machine, from its start to its stop. `keys` returns the item `ssh-keys` of its metadata."""

    address: str
    folder: Path
    keys: Callable[[], str]
    variables: Mapping[str, str]
    host_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    takes_keys: bool = True
    # So many logins come before the guest agent has written the keys of new metadata.
    early: int = 0
    connections: list[asyncssh.SSHServerConnection] = field(default_factory=list)
    _listening: asyncio.Task[asyncssh.SSHAcceptor] | None = None
    _runs: set[asyncio.Task[None]] = field(default_factory=set)

    def begin(self, port: int) -> None:
        """Listen. Who comes before all is made waits."""
        for name in ("bin", "workspace"):
            (self.folder / name).mkdir(parents=True)
        for name, body in _COMMANDS.items():
            (self.folder / "bin" / name).write_text(f"#!/bin/sh\n{body}\n")
            (self.folder / "bin" / name).chmod(0o755)
        self.container_runs(True)
        self._listening = asyncio.ensure_future(self._open(socket.create_server((self.address, port))))

    def container_runs(self, runs: bool) -> None:
        """Say whether the container does."""
        (self.folder / "running").write_text(f"{str(runs).lower()}\n")

    async def shut(self) -> None:
        """Let nobody in any more."""
        assert self._listening is not None
        (await self._listening).close()

    async def end(self) -> None:
        """Let nobody in any more, cut off who is there, and end all processes."""
        await self.shut()
        self.cut()
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()
        await asyncio.gather(*self._runs)
        shutil.rmtree(self.folder)

    def cut(self) -> None:
        """Cut off who is there, without a word."""
        for connection in self.connections:
            connection.abort()
        self.connections.clear()

    def processes(self) -> list[psutil.Process]:
        """Return all processes of the machine, in its container and outside."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied, ProcessLookupError):
                if process.environ().get("CONTAINER") == str(self.folder):
                    found.append(process)
        return found

    def knows(self, user: str, key: asyncssh.SSHKey) -> bool:
        """Tell whether the metadata lets someone in now."""
        offered = key.export_public_key().decode().split()[:2]
        lines = [match for line in self.keys().splitlines() if (match := _LINE.fullmatch(line))]
        ends = [json.loads(line[3])["expireOn"] for line in lines if (line[1], line[2].split()) == (user, offered)]
        if not self.takes_keys or not any(datetime.fromisoformat(end) > datetime.now(UTC) for end in ends):
            return False
        self.early -= 1
        return self.early < 0

    async def _open(self, listening: socket.socket) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            sock=listening,
            config=None,
            server_factory=lambda: _Door(self),
            server_host_keys=[self.host_key],
            process_factory=self._begin_run,
            encoding=None,
            allow_pty=False,
        )

    def _begin_run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        task = asyncio.create_task(self._run(process))
        self._runs.add(task)
        task.add_done_callback(self._runs.discard)

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """Run a command as sshd does, which only closes its ends of the pipes when the connection is gone."""
        (stdin, given), (printed, stdout), (warned, stderr) = os.pipe(), os.pipe(), os.pipe()
        try:
            local = await asyncio.create_subprocess_exec(
                *("bash", "-c", process.command or ""),
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                env={
                    **self.variables,
                    "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                    "CONTAINER": str(self.folder),
                },
                cwd=self.folder,
                start_new_session=True,
            )
        finally:
            for end in (stdin, stdout, stderr):
                os.close(end)
        await process.redirect(stdin=given, stdout=printed, stderr=warned)
        code = await local.wait()
        with suppress(OSError):
            process.exit(code)
        await process.wait_closed()


@dataclass(slots=True)
class SshServers:
    """Those of all machines that run, by address; addresses are never used twice."""

    port: int
    folder: Path
    running: dict[str, SshServer] = field(default_factory=dict)
    _ends: set[asyncio.Task[None]] = field(default_factory=set)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def begin(self, keys: Callable[[], str], variables: Mapping[str, str]) -> SshServer:
        """Return one that listens."""
        number = next(self._numbers)
        address = f"127.1.{number // 250}.{number % 250 + 1}"
        server = SshServer(address, self.folder / address, keys, variables)
        server.begin(self.port)
        self.running[address] = server
        return server

    def end(self, address: str) -> None:
        """End one, if it runs."""
        server = self.running.pop(address, None)
        if server is not None:
            task = asyncio.create_task(server.end())
            self._ends.add(task)
            task.add_done_callback(self._ends.discard)

    async def end_all(self) -> None:
        """End all, and return when nothing of them is left."""
        for address in list(self.running):
            self.end(address)
        await asyncio.gather(*self._ends)


@asynccontextmanager
async def ssh_servers() -> AsyncIterator[SshServers]:
    """Return none yet. At the end no process of them is left."""
    # Held, so that nobody takes the port for all addresses.
    with socket.socket() as held, tempfile.TemporaryDirectory(prefix="stand-in-machines-") as folder:
        held.bind(("127.0.0.1", 0))
        servers = SshServers(held.getsockname()[1], Path(folder))
        try:
            yield servers
        finally:
            await servers.end_all()


class _Door(asyncssh.SSHServer):
    def __init__(self, server: SshServer) -> None:
        self._server = server

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._server.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self._server.knows(username, key)
