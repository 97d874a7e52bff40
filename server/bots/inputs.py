"""The input files of an instance: their names, their digests, and how a large one is taken in piece by piece."""

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from typing import Final

from server.bots.tenant_folder import MEDIA_FOLDER, Draft, FileEntry, TenantFolder, entry_of, path_refusal
from server.errors import InvalidArgument, NotFound, TooLarge

MAX_NAME_LENGTH: Final = 200
MAX_MEDIA_BYTES: Final = 1 << 30

_KEPT_DIGESTS: Final = 10_000
_READ_BYTES: Final = 1 << 20


def media_path(name: str) -> str:
    """Return the path of the media file `name`.

    Raises:
        InvalidArgument: it is no plain file name of 1 to 200 characters, or starts with a dot.
    """
    if not 1 <= len(name) <= MAX_NAME_LENGTH:
        raise InvalidArgument.field("name", f"must be 1 to {MAX_NAME_LENGTH} characters")
    if "/" in name or name.startswith("."):
        raise InvalidArgument.field("name", "must be a plain file name that does not start with a dot")
    refusal = path_refusal(name)
    if refusal is not None:
        raise InvalidArgument.field("name", refusal)
    return f"{MEDIA_FOLDER}/{name}"


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


class Digests:
    """SHA-256 of input files. A file that has not changed is read once; at most 10,000 digests are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, tuple[int, int, int]], str] = OrderedDict()

    def keep(self, folder: TenantFolder, entry: FileEntry, sha256: str) -> None:
        """Remember the digest of a file as it is now."""
        self._kept[(f"{folder.root}/{entry.path}", entry.version)] = sha256
        while len(self._kept) > _KEPT_DIGESTS:
            self._kept.popitem(last=False)

    async def of_files(self, folder: TenantFolder, top: str) -> list[tuple[FileEntry, str]]:
        """Return the files under `top` with their digests, by path. One that vanishes meanwhile is left out."""
        found: list[tuple[FileEntry, str]] = []
        for entry in await asyncio.to_thread(folder.files, top):
            digest = self._kept.get((f"{folder.root}/{entry.path}", entry.version))
            if digest is None:
                try:
                    digest = await asyncio.to_thread(_digest, folder, entry.path)
                except NotFound:
                    continue
                self.keep(folder, entry, digest)
            found.append((entry, digest))
        return found


async def store_pieces(
    folder: TenantFolder, path: str, pieces: AsyncIterator[bytes], *, limit_bytes: int
) -> tuple[FileEntry, str]:
    """Store a file that arrives in `pieces` and return it with its SHA-256.

    It takes its place as a whole once all pieces are on disk; until then, and after a failure, the old one stays.

    Raises:
        TooLarge: there are more than `limit_bytes`.
        InvalidArgument: there is nothing in it.
    """
    draft = await _begin(folder, path)
    digest = hashlib.sha256()
    size = 0
    try:
        async for piece in pieces:
            size += len(piece)
            if size > limit_bytes:
                raise TooLarge(f"file must be at most {limit_bytes} bytes")
            await asyncio.to_thread(_take, draft.write, digest, piece)
        if size == 0:
            raise InvalidArgument.field("file", "must not be empty")
    except BaseException:
        # Also when the caller goes away: the draft is of no use to anybody.
        draft.discard()
        raise
    found = await asyncio.to_thread(draft.commit)
    return entry_of(path, found), digest.hexdigest()


async def _begin(folder: TenantFolder, path: str) -> Draft:
    """Begin a file. The thread that does it goes on when the caller goes away; what it makes must not stay."""
    beginning = asyncio.get_running_loop().run_in_executor(None, folder.draft, path)
    try:
        return await asyncio.shield(beginning)
    except asyncio.CancelledError:
        beginning.add_done_callback(_discard)
        raise


def _discard(beginning: "asyncio.Future[Draft]") -> None:
    if beginning.exception() is None:
        beginning.result().discard()


def _take(write: Callable[[bytes], None], digest: "hashlib._Hash", piece: bytes) -> None:
    write(piece)
    digest.update(piece)


def _digest(folder: TenantFolder, path: str) -> str:
    digest = hashlib.sha256()
    with os.fdopen(folder.open(path), "rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()
