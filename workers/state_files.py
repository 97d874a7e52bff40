"""Sends what a run left in state/ to the server, so that the next run of the instance finds it."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from switchyard.bots.v1 import bot_worker_service_pb2 as bots_pb
from switchyard.tasks.v1 import worker_service_pb2 as pb
from workers.server_link import ServerLink

FOLDER: Final = "state"
PIECE_BYTES: Final = 256 * 1024
# The contract's bounds.
MAX_FILES: Final = 1000
MAX_BYTES: Final = 64 * 1024 * 1024
# One attempt to send them; 64 MiB at 1 MB/s and some.
SAVE_SECONDS: Final = 120.0


class StateRefused(Exception):
    """The files cannot be kept; the message says why, in words for the log of the run."""


@dataclass(frozen=True, slots=True)
class StateFile:
    """A regular file below state/. Two that are equal have the same content, as far as the file system tells."""

    path: str  # below state/, with "/" between names
    size_bytes: int
    version: tuple[int, int]  # inode and time of the last write


def look(folder: Path) -> frozenset[StateFile]:
    """Return the regular files in state/ of the job folder `folder`. Links are left out, so is what they lead to.

    Raises:
        StateRefused: something there cannot be read, or has a name that is no text.
    """
    top = folder / FOLDER
    try:
        return frozenset(_regular_files(top)) if top.is_dir() else frozenset()
    except (OSError, UnicodeEncodeError) as error:
        raise StateRefused(f"{FOLDER}/ cannot be read: {error}") from error


def _regular_files(top: Path) -> Iterator[StateFile]:
    for parent, _, names in os.walk(top, onerror=_raise):
        for name in names:
            path = Path(parent, name)
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                path.open("rb").close()
                below = path.relative_to(top).as_posix().encode().decode()
                yield StateFile(below, status.st_size, (status.st_ino, status.st_mtime_ns))


def _raise(error: OSError) -> None:
    raise error


async def save(link: ServerLink, lease: pb.LeaseKey, folder: Path, before: frozenset[StateFile]) -> None:
    """Make state/ of the instance what it is in the job folder `folder`; nothing is sent when it is as `before`.

    No process of the run may be alive.

    Raises:
        StateRefused: there are too many files, or too large ones, or some that cannot be read.
        LeaseLost: the lease is over.
        Refused: the server does not take them.
    """
    files = await asyncio.to_thread(look, folder)
    if files == before:
        return
    if len(files) > MAX_FILES or sum(file.size_bytes for file in files) > MAX_BYTES:
        raise StateRefused(f"{FOLDER}/ holds more than {MAX_FILES} files or {MAX_BYTES >> 20} MiB")
    paths = sorted(file.path for file in files)

    async def attempt() -> None:
        await link.bots.SaveState(
            _requests(lease, folder / FOLDER, paths), timeout=SAVE_SECONDS, metadata=link.metadata
        )

    await link.persist(attempt)


async def _requests(lease: pb.LeaseKey, top: Path, paths: list[str]) -> AsyncIterator[bots_pb.SaveStateRequest]:
    yield bots_pb.SaveStateRequest(header=bots_pb.SaveStateRequest.Header(lease=lease))
    for path in paths:
        with await asyncio.to_thread((top / path).open, "rb") as file:
            first = True
            while (data := await asyncio.to_thread(file.read, PIECE_BYTES)) or first:
                piece = bots_pb.SaveStateRequest.Piece(path=path, data=data, first=first)
                yield bots_pb.SaveStateRequest(piece=piece)
                first = False
