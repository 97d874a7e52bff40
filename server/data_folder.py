"""The folder everything lies in, and the promise that only one server works on an embedded database."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from server.config import ConfigInvalid

LOCK_NAME: Final = "server.lock"
# Stands there while a backup is put back.
UNFINISHED: Final = "restore-unfinished"


def make_data_folder(path: Path) -> None:
    """Make the folder, closed to other users, if it is not there.

    Raises:
        ConfigInvalid: it cannot be made, or we may not write to it.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigInvalid(f"DATA_DIR {path} cannot be made: {error.strerror}") from error
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise ConfigInvalid(f"DATA_DIR {path} must be writable for user {os.getuid()}")


def refuse_half_restored(path: Path) -> None:
    """See to it that no server works on the half of a backup.

    Raises:
        ConfigInvalid: a restore was begun there and has not ended.
    """
    if (path / UNFINISHED).exists():
        raise ConfigInvalid(
            f"a restore into DATA_DIR {path} has not ended; run `switchyard restore` with the backup again"
        )


@contextmanager
def alone_in(path: Path) -> Iterator[None]:
    """Keep other servers out of the folder while the block runs. The lock dies with the process, however it ends.

    Raises:
        ConfigInvalid: another server is in there.
    """
    descriptor = os.open(path / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip()
            raise ConfigInvalid(
                f"DATA_DIR {path} is in use by another server (process {holder or 'unknown'}); "
                "stop it, or give this one another DATA_DIR"
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
