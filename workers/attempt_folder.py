"""The folder of one attempt: made for it alone, filled with the files of the instance, removed behind it."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath
from typing import Final

import structlog

from switchyard.bots.v1 import bot_worker_service_pb2 as bots_pb
from switchyard.tasks.v1 import task_pb2
from switchyard.tasks.v1 import worker_service_pb2 as pb
from workers.runner import own_folder
from workers.server_link import ServerLink

# One attempt to fetch all files of an instance, media included.
FETCH_SECONDS: Final = 120.0

log: Final = structlog.get_logger(__name__)


class PathRefused(Exception):
    """A path that is not simply one below the folder."""


@asynccontextmanager
async def attempt_folder(work_dir: Path, task: task_pb2.Task) -> AsyncIterator[Path]:
    """Make WORK_DIR/<task id>-<fencing token>, readable by us only; remove it at the end.

    No two claims share a token, so a Task that was given back may be taken up again before its old folder is gone.
    """
    folder = work_dir / f"{task.id}-{task.lease.fencing_token}"
    lock = await asyncio.to_thread(own_folder.make, folder)
    try:
        yield folder
    finally:
        for file in await asyncio.to_thread(own_folder.remove, folder, lock):
            log.warning("a file of an attempt could not be removed", file=file)


def remove_leftovers(work_dir: Path) -> None:
    """Remove the folders of attempts whose worker is gone."""
    work_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in own_folder.remove_abandoned(work_dir, "*"):
        log.info("removed what a lost attempt left", folder=folder.name)


async def fetch_files(link: ServerLink, lease: pb.LeaseKey, folder: Path) -> None:
    """Write the files of the Task's instance below `folder`.

    Raises:
        LeaseLost: the lease is over.
        Refused: the instance is gone.
        PathRefused: the server sent a path that leads out of `folder`.
    """
    request = bots_pb.FetchFilesRequest(lease=lease)

    async def attempt() -> None:
        async for piece in link.stream(link.bots.FetchFiles, request, seconds=FETCH_SECONDS):
            await asyncio.to_thread(write_piece, folder, piece)

    await link.persist(attempt)


def write_piece(folder: Path, piece: bots_pb.FetchFilesResponse) -> None:
    """Write one piece to its file; the first one begins the file anew.

    Raises:
        PathRefused: its path is not one below `folder`.
    """
    target = path_below(folder, piece.path)
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    mode = os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | (os.O_TRUNC if piece.first else os.O_APPEND)
    with os.fdopen(os.open(target, mode, 0o600), "wb") as file:
        file.write(piece.data)


def path_below(folder: Path, path: str) -> Path:
    """Return the place of `path` ("a/b") below `folder`.

    Raises:
        PathRefused: it is empty or absolute, or has "..", "." or empty parts, or a NUL.
    """
    parts = path.split("/")
    if PurePosixPath(path).is_absolute() or "\0" in path or any(part in ("", ".", "..") for part in parts):
        raise PathRefused(f"{path!r:.200} is not a path below the job folder")
    return folder.joinpath(*parts)
