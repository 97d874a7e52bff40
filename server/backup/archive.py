"""The file of a backup: tar in Zstandard, with a manifest as its last entry. Nothing of it is held in memory whole."""

import hashlib
import io
import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Final

import zstandard

from server.backup.manifest import NAME, BackupInvalid, Entry, Manifest

# A file that may grow while it is saved is copied first; up to this size in memory.
SPOOL_BYTES: Final = 16 * 1024 * 1024
PIECE_BYTES: Final = 1024 * 1024
BROKEN: Final = (tarfile.TarError, zstandard.ZstdError, EOFError)


class ArchiveWriter:
    """Adds files, and remembers what it has added."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self.entries: dict[str, Entry] = {}

    def add_folder(self, name: str, mode: int) -> None:
        """Add an empty folder."""
        info = tarfile.TarInfo(name)
        info.type, info.mode = tarfile.DIRTYPE, mode
        self._tar.addfile(info)

    def add(self, name: str, path: Path) -> None:
        """Add the file at `path` as it is at this moment.

        Raises:
            FileNotFoundError: it is gone.
        """
        with path.open("rb") as source, tempfile.SpooledTemporaryFile(SPOOL_BYTES) as copy:
            status = os.fstat(source.fileno())
            digest = hashlib.sha256()
            for piece in iter(lambda: source.read(PIECE_BYTES), b""):
                digest.update(piece)
                copy.write(piece)
            info = tarfile.TarInfo(name)
            info.size, info.mode, info.mtime = copy.tell(), status.st_mode & 0o777, int(status.st_mtime)
            copy.seek(0)
            self._tar.addfile(info, copy)
        self.entries[name] = Entry(info.size, digest.hexdigest())

    def finish(self, manifest: Manifest) -> None:
        """Add the manifest; nothing may follow it."""
        text = manifest.to_bytes()
        info = tarfile.TarInfo(NAME)
        info.size, info.mode = len(text), 0o600
        self._tar.addfile(info, io.BytesIO(text))


@contextmanager
def write_archive(target: Path) -> Iterator[ArchiveWriter]:
    """Make the file `target`, readable by us alone, when the block ends; before that there is none of that name.

    Raises:
        OSError: it cannot be written.
    """
    part = target.with_name(f"{target.name}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 -- a descriptor has no path
            with (
                zstandard.ZstdCompressor(threads=-1, write_checksum=True).stream_writer(file, closefd=False) as packed,
                tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
            ):
                yield ArchiveWriter(tar)
            file.flush()
            os.fsync(file.fileno())
        part.rename(target)
    finally:
        with suppress(FileNotFoundError):
            part.unlink()


def read_archive(source: Path, take: Callable[[tarfile.TarInfo, IO[bytes] | None], None]) -> Manifest:
    """Hand each entry to `take` with its bytes (None for a folder), compare all with the manifest, and return that.

    Raises:
        BackupInvalid: it is no backup, or not as it was written.
        OSError: it cannot be read.
    """
    found: dict[str, Entry] = {}
    manifest: Manifest | None = None
    try:
        with (
            source.open("rb") as file,
            zstandard.ZstdDecompressor().stream_reader(file) as packed,
            tarfile.open(fileobj=packed, mode="r|") as tar,
        ):
            for info in tar:
                content = tar.extractfile(info)
                if info.name == NAME and content is not None:
                    manifest = Manifest.from_bytes(content.read())
                    continue
                digesting = None if content is None else _Digesting(content)
                take(info, digesting)  # type: ignore[arg-type]
                if digesting is not None:
                    found[info.name] = digesting.finish()
    except BROKEN as error:
        raise BackupInvalid("it is damaged, or no backup at all") from error
    if manifest is None:
        raise BackupInvalid("it has no manifest: writing it broke off, or a part of it is missing")
    _compare(manifest, found)
    return manifest


def _compare(manifest: Manifest, found: dict[str, Entry]) -> None:
    for name, entry in manifest.files.items():
        if name not in found:
            raise BackupInvalid(f"{name} is missing in it")
        if found[name] != entry:
            raise BackupInvalid(f"{name} is not as it was saved")
    if more := found.keys() - manifest.files.keys():
        raise BackupInvalid(f"it holds {sorted(more)[0]}, of which its manifest knows nothing")


class _Digesting:
    """Reads through to another file, and computes the hash of all there is to read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._digest = hashlib.sha256()
        self._bytes = 0

    def read(self, size: int = -1) -> bytes:
        piece = self._source.read(size)
        self._digest.update(piece)
        self._bytes += len(piece)
        return piece

    def finish(self) -> Entry:
        while self.read(PIECE_BYTES):
            pass
        return Entry(self._bytes, self._digest.hexdigest())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)
