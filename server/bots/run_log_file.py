"""One log file of a Run: `logs/run-{time}.log` in the instance's folder. Each line of the log is one line of the file.

How far it is written is told by the lines it has, so a file that a crash cut short is completed without a line missing
or written twice. A file that has reached its size is renamed to `run-{time}.log.1`, the next one to `.2`, and so on:
the lowest number holds the oldest lines. All functions block; callers run them off the loop.
"""

import fcntl
import os
import re
import threading
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from server.bots import log_view
from server.bots.tenant_folder import LOGS_FOLDER, FileEntry, TenantFolder
from server.clock import SECOND
from server.errors import NotFound
from server.tasks.log_store import LogLineRow

NAME: Final = re.compile(r"(?P<name>run-[0-9TZ.]+\.log)(\.(?P<part>[0-9]+))?", re.ASCII)
_READ_BYTES: Final = 1 << 20


def file_name(queued_at: int) -> str:
    """Return the name of the log file of a Run that was started at `queued_at` (micros).

    An instance has one active Run at a time, so two of them never share a microsecond.
    """
    seconds, rest = divmod(queued_at, SECOND)
    return f"run-{datetime.fromtimestamp(seconds, UTC):%Y%m%dT%H%M%S}.{rest:06d}Z.log"


class LogFileTaken(Exception):
    """Another server writes this file."""


class RunLogFile:
    """The file while it is written. Closed by `close`."""

    def __init__(self, folder: TenantFolder, name: str, *, limit_bytes: int) -> None:
        """Open the file, or begin it, and cut off a line that was not written to its end.

        Raises:
            LogFileTaken: another server writes it.
            PathRefused: something that is no file stands in its place.
        """
        self._folder = folder
        self._name = name
        self._path = f"{LOGS_FOLDER}/{name}"
        self._limit_bytes = limit_bytes
        # A caller that is cancelled closes the file while its last `append` may still be under way in a thread.
        self._lock = threading.Lock()
        self._closed = False
        self._file = self._open()
        try:
            self._parts = _parts(folder, name)
            self.line_count: Final = _complete_lines(self._file) + sum(_lines_of(folder, part) for part in self._parts)
            self._size = os.fstat(self._file).st_size
        except BaseException:
            os.close(self._file)
            raise

    def append(self, lines: Sequence[LogLineRow]) -> None:
        """Write the next lines. A line never crosses the border of two files. A closed file takes nothing."""
        with self._lock:
            if not self._closed:
                self._append(lines)

    def close(self) -> None:
        """Force what was written to the disk and let go of the file."""
        with self._lock:
            self._closed = True
            try:
                os.fsync(self._file)
            finally:
                os.close(self._file)

    def _append(self, lines: Sequence[LogLineRow]) -> None:
        data = log_view.file_text(lines).encode()
        if self._size + len(data) <= self._limit_bytes:
            self._write(data)
        else:
            self._append_over_border(lines)

    def _append_over_border(self, lines: Sequence[LogLineRow]) -> None:
        waiting: list[bytes] = []
        waiting_bytes = 0
        for line in lines:
            text = log_view.file_text((line,)).encode()
            before = self._size + waiting_bytes
            if before and before + len(text) > self._limit_bytes:
                self._write(b"".join(waiting))
                self._rotate()
                waiting, waiting_bytes = [], 0
            waiting.append(text)
            waiting_bytes += len(text)
        self._write(b"".join(waiting))

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[os.write(self._file, left) :]
        self._size += len(data)

    def _rotate(self) -> None:
        os.fsync(self._file)
        part = 1 + max((_part_number(path) for path in self._parts), default=0)
        self._folder.rename(self._path, f"{self._name}.{part}")
        self._parts.append(f"{self._path}.{part}")
        following = self._open()
        os.close(self._file)
        self._file, self._size = following, 0

    def _open(self) -> int:
        file = self._folder.open_to_append(self._path)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(file)
            raise LogFileTaken(self._path) from error
        return file


def prune(folder: TenantFolder, *, older_than: int, limit_bytes: int, keep: Collection[str]) -> int:
    """Remove the log files last written before `older_than` (micros), then the oldest until the rest fits.

    `keep` names files (without the number of a part) that stay because they are not complete yet.

    Returns:
        How many files were removed.
    """
    files = [entry for entry in folder.files(LOGS_FOLDER) if _run_file(entry, keep)]
    files.sort(key=lambda entry: entry.update_time)
    total = sum(entry.size_bytes for entry in files)
    removed = 0
    for entry in files:
        if entry.update_time >= older_than and total <= limit_bytes:
            break
        _remove(folder, entry)
        total -= entry.size_bytes
        removed += 1
    return removed


def _remove(folder: TenantFolder, entry: FileEntry) -> None:
    try:
        folder.remove(entry.path)
    except NotFound:
        return  # Somebody else was faster.


def _run_file(entry: FileEntry, keep: Collection[str]) -> bool:
    found = NAME.fullmatch(entry.path.removeprefix(f"{LOGS_FOLDER}/"))
    return found is not None and found["name"] not in keep


def _parts(folder: TenantFolder, name: str) -> list[str]:
    """Paths of the parts that were rotated away."""
    prefix = f"{LOGS_FOLDER}/{name}."
    return [entry.path for entry in folder.files(LOGS_FOLDER) if entry.path.startswith(prefix)]


def _part_number(path: str) -> int:
    found = NAME.fullmatch(path.removeprefix(f"{LOGS_FOLDER}/"))
    return int(found["part"] or 0) if found is not None else 0


def _lines_of(folder: TenantFolder, path: str) -> int:
    file = folder.open(path)
    try:
        return sum(piece.count(b"\n") for piece in _pieces(file))
    finally:
        os.close(file)


def _complete_lines(file: int) -> int:
    """Count the lines of `file` and cut off what follows the last line break."""
    count = position = end = 0
    for piece in _pieces(file):
        count += piece.count(b"\n")
        last = piece.rfind(b"\n")
        if last >= 0:
            end = position + last + 1
        position += len(piece)
    if end < position:
        os.ftruncate(file, end)
    return count


def _pieces(file: int) -> Iterator[bytes]:
    position = 0
    while piece := os.pread(file, _READ_BYTES, position):
        yield piece
        position += len(piece)
