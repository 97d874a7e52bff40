"""Sends the files a run leaves to the server."""

import asyncio
import hashlib
import mimetypes
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from io import BufferedReader
from pathlib import Path
from typing import Final, TypeAlias

from switchyard.tasks.v1 import task_pb2
from switchyard.tasks.v1 import worker_service_pb2 as pb
from workers.server_link import Refused, ServerLink

PIECE_BYTES: Final = 256 * 1024
# The contract's bound.
FILE_BYTES: Final = 1 << 30
# One attempt to send a file; 1 GiB at 10 MB/s and some.
UPLOAD_SECONDS: Final = 120.0

KINDS: Final = {
    "screenshot": task_pb2.Artifact.KIND_SCREENSHOT,
    "trace": task_pb2.Artifact.KIND_TRACE,
    "download": task_pb2.Artifact.KIND_DOWNLOAD,
    "result": task_pb2.Artifact.KIND_RESULT,
    "other": task_pb2.Artifact.KIND_OTHER,
}


# One attempt to send a file: what it is to be, and its bytes in order. Returns it as it is stored.
Send: TypeAlias = Callable[[task_pb2.Artifact, AsyncIterator[bytes]], Awaitable[task_pb2.Artifact]]


class FileRefused(Exception):
    """This file cannot become an artifact; the message says why, in words for the log of the run."""


def of_lease(link: ServerLink, lease: pb.LeaseKey) -> Send:
    """Return what sends files of the Task that is held by `lease`."""

    async def send(artifact: task_pb2.Artifact, pieces: AsyncIterator[bytes]) -> task_pb2.Artifact:
        async def requests() -> AsyncIterator[pb.UploadArtifactRequest]:
            yield pb.UploadArtifactRequest(header=pb.UploadArtifactRequest.Header(lease=lease, artifact=artifact))
            async for data in pieces:
                yield pb.UploadArtifactRequest(data=data)

        call = link.tasks.UploadArtifact(requests(), timeout=UPLOAD_SECONDS, metadata=link.metadata)
        return (await call).artifact

    return send


async def upload(link: ServerLink, send: Send, folder: Path, kind: str, path: Path) -> task_pb2.Artifact:
    """Send the file at `path`, which must lie in `folder`; return it as it is stored.

    Raises:
        FileRefused: it is no regular file inside of `folder`, or the server does not take it.
        LeaseLost: the lease is over.
    """
    file = await asyncio.to_thread(_open_inside, folder, path)
    with file:
        size, digest = await asyncio.to_thread(_measure, file)
        artifact = task_pb2.Artifact(
            name=path.name[:200],
            kind=KINDS.get(kind, task_pb2.Artifact.KIND_OTHER),
            content_type=mimetypes.guess_type(path.name)[0] or "application/octet-stream",
            size_bytes=size,
            sha256=digest,
        )
        try:
            return await link.persist(lambda: send(artifact, _pieces(file)))
        except Refused as refusal:
            if type(refusal) is Refused:
                raise FileRefused(f"{path.name}: {refusal}") from refusal
            raise


def _open_inside(folder: Path, path: Path) -> BufferedReader:
    resolved = path.resolve()
    if not resolved.is_relative_to(folder.resolve()):
        raise FileRefused(f"{path.name} lies outside of the job folder")
    try:
        file = os.fdopen(os.open(resolved, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb")
    except OSError as error:
        raise FileRefused(f"{path.name} cannot be read: {error.strerror}") from error
    status = os.fstat(file.fileno())
    if stat.S_ISREG(status.st_mode) and status.st_size <= FILE_BYTES:
        return file
    file.close()
    raise FileRefused(f"{path.name} is no regular file of at most {FILE_BYTES >> 20} MiB")


def _measure(file: BufferedReader) -> tuple[int, str]:
    """Return size in bytes and SHA-256 of what is read; the server checks that the same bytes arrive."""
    digest = hashlib.file_digest(file, "sha256")
    return file.tell(), digest.hexdigest()


async def _pieces(file: BufferedReader) -> AsyncIterator[bytes]:
    await asyncio.to_thread(file.seek, 0)
    while data := await asyncio.to_thread(file.read, PIECE_BYTES):
        yield data
