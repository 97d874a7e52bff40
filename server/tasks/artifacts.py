"""Files that Tasks leave: bytes in a folder, a row for each.

A file is received under a temporary name, checked, forced to the disk and renamed before its row says that it is there.
Its name on the disk is made by us; the name a worker gives it stands in the row only and is never part of a path.
"""

import asyncio
import hashlib
import os
import re
import shutil
import time
import unicodedata
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO, Final

import sqlalchemy as sa

from server.clock import Clock, to_timestamp
from server.database.database import Database
from server.errors import InvalidArgument, NotFound, TooLarge
from server.tasks import store
from server.tasks.tables import ARTIFACTS
from switchyard.tasks.v1.task_pb2 import Artifact

# Source: the comments of `WorkerService.UploadArtifact` and `Artifact.name`.
MAX_BYTES: Final = 1024 * 1024 * 1024
MAX_PIECE_BYTES: Final = 1024 * 1024
MAX_NAME_CHARACTERS: Final = 200
MAX_CONTENT_TYPE_CHARACTERS: Final = 200

PART: Final = ".part"
# Older than any upload that can still be under way.
LEFTOVER_SECONDS: Final = 3600.0


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    """One row of the table `artifacts`, in the order of its columns. `sha256` is 64 lower case hexadecimal digits."""

    task_id: str
    name: str
    file: str
    kind: int
    content_type: str
    size_bytes: int
    sha256: str
    create_time: int


_ALL: Final = sa.select(*ARTIFACTS.c)
_OF_TASK: Final = _ALL.where(ARTIFACTS.c.task_id == sa.bindparam("task_id")).order_by(ARTIFACTS.c.name)
_ONE: Final = _ALL.where(ARTIFACTS.c.task_id == sa.bindparam("task_id"), ARTIFACTS.c.name == sa.bindparam("name"))
_DELETE: Final = sa.delete(ARTIFACTS).where(
    ARTIFACTS.c.task_id == sa.bindparam("of_task"), ARTIFACTS.c.name == sa.bindparam("of_name")
)
_FILES: Final = sa.select(ARTIFACTS.c.file)


def list_artifacts(connection: sa.Connection, task_id: str) -> list[ArtifactRow]:
    """Return the files of a Task, by name."""
    return [ArtifactRow(*row) for row in connection.execute(_OF_TASK, {"task_id": task_id})]


def get(connection: sa.Connection, task_id: str, name: str) -> ArtifactRow | None:
    """Return the file of that name, None when the Task left none."""
    row = connection.execute(_ONE, {"task_id": task_id, "name": name}).first()
    return None if row is None else ArtifactRow(*row)


def to_message(row: ArtifactRow) -> Artifact:
    """Return `row` as the contract shows it."""
    return Artifact(
        name=row.name,
        kind=row.kind,  # type: ignore[arg-type]
        content_type=row.content_type,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        created_at=to_timestamp(row.create_time),
    )


class ArtifactFiles:
    """The folder `artifacts` in `data_dir`, with a folder in it for each Task that left files."""

    def __init__(self, data_dir: Path, database: Database, clock: Clock) -> None:
        self._root = data_dir / "artifacts"
        self._database = database
        self._clock = clock

    def path(self, row: ArtifactRow) -> Path:
        """Return where the bytes of `row` lie."""
        return self._root / row.task_id / row.file

    async def receive(self, task_id: str, token: int, artifact: Artifact, pieces: AsyncIterator[bytes]) -> ArtifactRow:
        """Store the bytes of `pieces` as `artifact` says and return its row. The same name replaces an earlier file.

        On any error nothing of it stays.

        Raises:
            InvalidArgument: the description is out of bounds, or size or hash do not fit the bytes.
            TooLarge: the file has more than 1 GiB.
            LeaseLost: `token` is not that of the live lease.
        """
        check(artifact)
        await self._database.read(lambda connection: store.held(connection, task_id, token))
        folder = self._root / task_id
        stored = folder / uuid.uuid4().hex
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        await _receive(stored, artifact, pieces)
        row = ArtifactRow(
            task_id=task_id,
            name=artifact.name,
            file=stored.name,
            kind=artifact.kind or Artifact.KIND_OTHER,
            content_type=artifact.content_type or "application/octet-stream",
            size_bytes=artifact.size_bytes,
            sha256=artifact.sha256.lower(),
            create_time=self._clock(),
        )
        try:
            replaced = await self._database.write(lambda connection: _replace(connection, row, token))
        except Exception:
            # Not when we are cancelled: the row may be written then, and `remove_leftovers` finds a file without one.
            await asyncio.to_thread(_unlink, [stored])
            raise
        await self.remove(replaced)
        return row

    def open(self, row: ArtifactRow) -> BinaryIO:
        """Return the file of `row`, open for reading. Blocks, so it is called in a thread.

        Raises:
            NotFound: the file was replaced or removed meanwhile.
        """
        try:
            return self.path(row).open("rb")
        except FileNotFoundError as error:
            raise NotFound(f"artifact {row.name!r} is no longer there", name=row.name) from error

    async def remove(self, files: Iterable[tuple[str, str]]) -> None:
        """Delete files, given as (task id, file), whose rows are gone."""
        paths = [self._root / task_id / file for task_id, file in files]
        if paths:
            await asyncio.to_thread(_unlink, paths)

    async def remove_tasks(self, task_ids: Iterable[str]) -> None:
        """Delete every file of Tasks that are gone."""
        folders = [self._root / task_id for task_id in task_ids]
        await asyncio.to_thread(_remove_folders, folders)

    async def remove_leftovers(self) -> int:
        """Delete files that were left without a row, as by a crash, an hour ago or longer, and return how many."""
        old = await asyncio.to_thread(_files_before, self._root, time.time() - LEFTOVER_SECONDS)
        known = await self._database.scan(lambda connection: set(connection.execute(_FILES).scalars()))
        left = [path for path in old if path.name not in known]
        await asyncio.to_thread(_unlink, left)
        return len(left)


def check(artifact: Artifact) -> None:
    """Refuse a description that is out of bounds.

    Raises:
        InvalidArgument: a field is; the refusal names it.
        TooLarge: the file has more than 1 GiB.
    """
    name = artifact.name
    if not 0 < len(name) <= MAX_NAME_CHARACTERS:
        raise InvalidArgument.field("name", f"must have 1 to {MAX_NAME_CHARACTERS} characters")
    if name.startswith(".") or any(c in "/\\" or unicodedata.category(c).startswith("C") for c in name):
        raise InvalidArgument.field(
            "name", "must be a plain file name, without separators, control characters or a leading dot"
        )
    if artifact.size_bytes < 0:
        raise InvalidArgument.field("size_bytes", "must be at least 0")
    if artifact.size_bytes > MAX_BYTES:
        raise TooLarge("an artifact must have at most 1 GiB")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", artifact.sha256):
        raise InvalidArgument.field("sha256", "must be 64 hexadecimal digits")
    if not re.fullmatch(rf"[\x20-\x7e]{{0,{MAX_CONTENT_TYPE_CHARACTERS}}}", artifact.content_type):
        raise InvalidArgument.field(
            "content_type", f"must be at most {MAX_CONTENT_TYPE_CHARACTERS} printable ASCII characters"
        )


async def _receive(stored: Path, artifact: Artifact, pieces: AsyncIterator[bytes]) -> None:
    """Write `pieces` to `stored`, durable under that name once they fit `artifact`; on any error it is not there."""
    part = stored.with_suffix(PART)
    file = await asyncio.to_thread(part.open, "xb")
    try:
        with file:
            await _copy(file, artifact, pieces)
            await asyncio.to_thread(_sync, file)
        await asyncio.to_thread(_rename, part, stored)
    except BaseException:
        # At once, not in a thread: a caller that went away may not let us wait again.
        _unlink((part, stored))
        raise


async def _copy(file: BinaryIO, artifact: Artifact, pieces: AsyncIterator[bytes]) -> None:
    digest = hashlib.sha256()
    left = artifact.size_bytes
    async for piece in pieces:
        if len(piece) > MAX_PIECE_BYTES:
            raise InvalidArgument.field("data", "must have at most 1 MiB in one message")
        left -= len(piece)
        if left < 0:
            break
        await asyncio.to_thread(_write, file, digest, piece)
    if left:
        raise InvalidArgument.field("size_bytes", "must be the number of bytes that are sent")
    if digest.hexdigest() != artifact.sha256.lower():
        raise InvalidArgument.field("sha256", "must be the hash of the bytes that are sent")


def _write(file: BinaryIO, digest: "hashlib._Hash", piece: bytes) -> None:
    digest.update(piece)
    file.write(piece)


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _rename(part: Path, stored: Path) -> None:
    """Give `part` its lasting name, so that the loss of power does not undo it."""
    part.rename(stored)
    folder = os.open(stored.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _replace(connection: sa.Connection, row: ArtifactRow, token: int) -> list[tuple[str, str]]:
    """Store `row` and return the file it replaces, if any, as (task id, file)."""
    store.held(connection, row.task_id, token)
    earlier = get(connection, row.task_id, row.name)
    if earlier is not None:
        connection.execute(_DELETE, {"of_task": row.task_id, "of_name": row.name})
    connection.execute(sa.insert(ARTIFACTS), asdict(row))
    return [] if earlier is None else [(earlier.task_id, earlier.file)]


def _unlink(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _remove_folders(folders: Iterable[Path]) -> None:
    for folder in folders:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)


def _files_before(root: Path, seconds: float) -> list[Path]:
    """Return the files in the folders of `root` that were last written before `seconds` since the epoch."""
    return [path for path in root.glob("*/*") if path.stat().st_mtime < seconds]
