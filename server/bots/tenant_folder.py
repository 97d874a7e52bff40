"""The folder of one instance, and the one guard for every path inside it.

A path from outside is a text with "/" between names, relative to the folder. Each folder on the way is opened by itself
without following links, so a symbolic link anywhere on the way is refused even when it is put there in the meantime.
All functions block; callers run them off the loop.
"""

import errno
import fcntl
import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from server.errors import InvalidArgument, NotFound, TooLarge

FOLDER_MODE: Final = 0o700
# Cookies and configuration may hold secrets; inputs and logs are nobody else's business either.
FILE_MODE: Final = 0o600

CONFIG_FILE: Final = "config.yaml"
COOKIES_FILE: Final = "secrets/storageState.json"
CAPTIONS_FILE: Final = "inputs/captions.csv"
MEDIA_FOLDER: Final = "inputs/media"
LOGS_FOLDER: Final = "logs"
STATE_FOLDER: Final = "state"
SUBFOLDERS: Final = ("secrets", "inputs", MEDIA_FOLDER, LOGS_FOLDER, STATE_FOLDER)

# Most file systems take names of at most 255 bytes.
MAX_NAME_BYTES: Final = 255
# No upload takes this long.
STALE_DRAFT_SECONDS: Final = 24 * 3600


class PathRefused(InvalidArgument):
    """A path leads out of the instance's folder, or over a symbolic link."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A regular file: `path` below the folder with "/" between names, times in microseconds since the epoch, UTC.

    `version` changes whenever the content may have changed.
    """

    path: str
    size_bytes: int
    update_time: int
    version: tuple[int, int, int]


def relative_parts(path: str) -> tuple[str, ...]:
    """Return the names in `path`, without "." and empty ones.

    Raises:
        PathRefused: it is empty, absolute, holds "..", a backslash or a control character, or a name is too long.
    """
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    reason = _refusal(path, parts)
    if reason is not None:
        raise PathRefused(f"path {reason}", path=path[:MAX_NAME_BYTES])
    return parts


def path_refusal(path: str) -> str | None:
    """Return why `path` is not taken, in words that follow a name ("must be relative"), or None when it is."""
    return _refusal(path, tuple(part for part in path.split("/") if part not in ("", ".")))


def _refusal(path: str, parts: tuple[str, ...]) -> str | None:
    if path.startswith("/"):
        return "must be relative to the instance's folder"
    if ".." in parts:
        return "must stay inside the instance's folder"
    if not parts:
        return "must name a file"
    if "\\" in path or any(character < " " or character == "\x7f" for character in path):
        return "must not contain backslashes or control characters"
    if any(len(part.encode(errors="replace")) > MAX_NAME_BYTES for part in parts):
        return f"must not contain a name longer than {MAX_NAME_BYTES} bytes"
    return None


class Draft:
    """A file in the making: written beside its place, put there as a whole by `commit`, gone after `discard`."""

    def __init__(self, parent: int, name: str) -> None:
        """Take over `parent`, an open descriptor of the folder."""
        self._parent = parent
        self._name = name
        _clear_stale_drafts(parent)
        self._draft = f".{secrets.token_hex(8)}.part"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.fdopen(os.open(self._draft, flags, FILE_MODE, dir_fd=parent), "wb")

    def write(self, data: bytes) -> None:
        """Append `data`."""
        self._file.write(data)

    def commit(self) -> os.stat_result:
        """Put the file in its place, durably, and return what it is now.

        Raises:
            PathRefused: a folder has that name.
            NotFound: the instance was deleted meanwhile, and its folder with it.
        """
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            found = os.fstat(self._file.fileno())
            os.rename(self._draft, self._name, src_dir_fd=self._parent, dst_dir_fd=self._parent)
            os.fsync(self._parent)
        except IsADirectoryError as error:
            os.unlink(self._draft, dir_fd=self._parent)
            raise PathRefused("path must not be a folder", path=self._name) from error
        except FileNotFoundError as error:
            raise NotFound(f"the folder of {self._name} not found", path=self._name) from error
        except OSError:
            os.unlink(self._draft, dir_fd=self._parent)
            raise
        finally:
            self._close()
        return found

    def discard(self) -> None:
        """Remove what was written. The file that was there before stays."""
        try:
            with suppress(FileNotFoundError):  # The instance was deleted meanwhile.
                os.unlink(self._draft, dir_fd=self._parent)
        finally:
            self._close()

    def _close(self) -> None:
        self._file.close()
        os.close(self._parent)


class TenantFolder:
    """`{data_dir}/tenants/{owner}/bots/{instance_id}`; `owner` is "user-..." or "org-...".

    Both names were checked when the instance was created: neither holds "/" nor starts with a dot.
    """

    def __init__(self, data_dir: Path, owner: str, instance_id: str) -> None:
        self.root: Final = data_dir / "tenants" / owner / "bots" / instance_id

    def create(self) -> None:
        """Make the folder and all that belongs inside. What is there already stays."""
        for folder in (self.root, *(self.root / name for name in SUBFOLDERS)):
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)

    def read(self, path: str, *, limit_bytes: int) -> bytes:
        """Return the content of a file.

        Raises:
            NotFound: it is not there.
            TooLarge: it is larger than `limit_bytes`.
            PathRefused: see `relative_parts`; also for a link and for anything that is no regular file.
        """
        with os.fdopen(self.open(path), "rb") as file:
            data = file.read(limit_bytes + 1)
        if len(data) > limit_bytes:
            raise TooLarge(f"{path} must be at most {limit_bytes} bytes", path=path)
        return data

    def open(self, path: str) -> int:
        """Open a file for reading and return its descriptor, which the caller closes. Raises as `read` does."""
        *folders, name = relative_parts(path)
        with self._folder(folders, create=False) as parent, _refusing_links(path):
            # Without O_NONBLOCK the open of a named pipe would wait for its writer.
            found = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=parent)
        if not stat.S_ISREG(os.fstat(found).st_mode):
            os.close(found)
            raise PathRefused(f"path must name a regular file, {path!r} is none", path=path)
        return found

    def open_to_append(self, path: str) -> int:
        """Open a file, made if missing, for appending and reading; return its descriptor, which the caller closes.

        Raises:
            PathRefused: see `relative_parts`; also for a link.
        """
        *folders, name = relative_parts(path)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._folder(folders, create=True) as parent, _refusing_links(path):
            return os.open(name, flags, FILE_MODE, dir_fd=parent)

    def rename(self, path: str, name: str) -> None:
        """Give the file at `path` another `name` in the same folder, over any file of that name."""
        *folders, present = relative_parts(path)
        with self._folder(folders, create=False) as parent, _refusing_links(path):
            os.rename(present, name, src_dir_fd=parent, dst_dir_fd=parent)

    def draft(self, path: str) -> Draft:
        """Begin a file that `Draft.commit` puts at `path`. Folders on the way are made.

        Raises:
            NotFound: the folder is removed at this very moment.
        """
        *folders, name = relative_parts(path)
        with self._folder(folders, create=True) as parent, _refusing_links(path):
            held = os.dup(parent)
            try:
                return Draft(held, name)
            except OSError:
                os.close(held)
                raise

    def write(self, path: str, data: bytes) -> os.stat_result:
        """Replace a file as a whole, durably, mode 0600. A reader sees the old content or the new one."""
        draft = self.draft(path)
        try:
            draft.write(data)
        except OSError:
            draft.discard()
            raise
        return draft.commit()

    def remove(self, path: str) -> None:
        """Remove a file.

        Raises:
            NotFound: it is not there.
            PathRefused: see `relative_parts`.
        """
        *folders, name = relative_parts(path)
        with self._folder(folders, create=False) as parent, _refusing_links(path):
            os.unlink(name, dir_fd=parent)
            os.fsync(parent)

    def exists(self, path: str) -> bool:
        """Whether a regular file is at `path`."""
        try:
            os.close(self.open(path))
        except (NotFound, PathRefused):
            return False
        return True

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep every other thread and process that asks for the same waiting while the context lasts.

        Raises:
            NotFound: the folder is gone.
        """
        with self._folder((), create=False) as folder:
            fcntl.flock(folder, fcntl.LOCK_EX)  # Released when the descriptor is closed.
            yield

    def files(self, top: str) -> list[FileEntry]:
        """Return the regular files under the folder `top`, by path. Links are left out, so are unfinished files."""
        try:
            with self._folder(relative_parts(top), create=False) as folder:
                found = list(_walk(folder, top))
        except NotFound:
            return []
        return sorted(found, key=lambda entry: entry.path)

    def make_folder(self, name: str) -> None:
        """Make the folder `name` at the top. One that is there already stays."""
        with self._folder((name,), create=True):
            return

    def replace_folder(self, name: str, successor: str) -> None:
        """Put the folder `successor` in the place of the folder `name`, durably; both are at the top.

        For a moment there is neither: a crash at that point leaves no folder `name`.
        """
        aside = f"{successor}.old"
        with self._folder((), create=False) as root:
            with suppress(FileNotFoundError):
                os.rename(name, aside, src_dir_fd=root, dst_dir_fd=root)
            os.rename(successor, name, src_dir_fd=root, dst_dir_fd=root)
            os.fsync(root)
        self.remove_folders(aside)

    def remove_folders(self, prefix: str) -> None:
        """Remove the folders at the top whose names begin with `prefix`, with all that is in them."""
        with self._folder((), create=False) as root, os.scandir(root) as entries:
            for entry in entries:
                if entry.name.startswith(prefix):
                    # Somebody else may clear away the same. Links are never followed.
                    shutil.rmtree(entry.name, ignore_errors=True, dir_fd=root)

    @contextmanager
    def _folder(self, names: Sequence[str], *, create: bool) -> Iterator[int]:
        """Yield a descriptor of the folder that `names` lead to."""
        if create:
            self.root.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        with _refusing_links("/".join(names) or "."):
            current = os.open(self.root, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                for name in names:
                    current = _step(current, name, create=create)
            except OSError:
                os.close(current)
                raise
        try:
            yield current
        finally:
            os.close(current)


def _clear_stale_drafts(folder: int) -> None:
    """Remove what uploads left behind whose process was killed."""
    oldest = time.time() - STALE_DRAFT_SECONDS
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is_draft(entry.name) and entry.stat(follow_symlinks=False).st_mtime < oldest:
                os.unlink(entry.name, dir_fd=folder)


def _is_draft(name: str) -> bool:
    return name.startswith(".") and name.endswith(".part")


def _step(parent: int, name: str, *, create: bool) -> int:
    """Open the folder `name` in `parent` and close `parent`."""
    if create:
        with suppress(FileExistsError):  # Whether it is a folder shows when it is opened.
            os.mkdir(name, FOLDER_MODE, dir_fd=parent)
    child = os.open(name, os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    os.close(parent)
    return child


@contextmanager
def _refusing_links(path: str) -> Iterator[None]:
    """Turn what the system says of `path` into what a caller understands."""
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound(f"{path} not found", path=path) from error
    except OSError as error:
        # O_NOFOLLOW meets a link with ELOOP, O_DIRECTORY a link or a file with ENOTDIR; see open(2).
        if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.ENXIO):
            raise PathRefused(f"path must not lead over links or special files, {path!r} does", path=path) from error
        raise


def _walk(folder: int, top: str) -> Iterator[FileEntry]:
    for below, _, names, descriptor in os.fwalk(".", dir_fd=folder, follow_symlinks=False):
        prefix = "/".join((top.strip("/"), *(part for part in below.split("/") if part != ".")))
        for name in names:
            try:
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            except FileNotFoundError:
                continue  # Removed since the folder was read.
            if stat.S_ISREG(found.st_mode) and not _is_draft(name):
                yield entry_of(f"{prefix}/{name}", found)


def entry_of(path: str, found: os.stat_result) -> FileEntry:
    """Describe the file at `path` by what the system says of it."""
    version = (found.st_ino, found.st_size, found.st_mtime_ns)
    return FileEntry(path, found.st_size, found.st_mtime_ns // 1000, version)
