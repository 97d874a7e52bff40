"""Log lines that wait to be sent: in memory up to a size, beyond it in a file. First in, first out, none lost."""

from collections import deque
from pathlib import Path
from typing import BinaryIO, Final

from switchyard.tasks.v1.task_pb2 import LogLine

# Lines of about 100 bytes: some 40,000 of them, a few seconds of a very talkative bot.
MEMORY_BYTES: Final = 4 * 1024 * 1024


class LogBacklog:
    """A queue of lines. Once lines have gone to the file, later ones follow them there until it is read to its end."""

    def __init__(self, spill_path: Path, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self._lines: deque[LogLine] = deque()
        self._bytes = 0
        self._memory_bytes = memory_bytes
        self._spill_path = spill_path
        self._spill: BinaryIO | None = None
        self._spilled = 0  # lines in the file that were not read yet
        self._read_offset = 0

    def __len__(self) -> int:
        return len(self._lines) + self._spilled

    def append(self, line: LogLine) -> None:
        """Add a line at the end. Writes to the file are buffered and small."""
        if self._spilled or self._bytes >= self._memory_bytes:
            self._write(line)
        else:
            self._push(line)

    def take(self, *, count: int, size_bytes: int) -> list[LogLine]:
        """Remove and return the oldest lines: at least one if there are any, at most `count`, about `size_bytes`."""
        if not self._lines:
            self._read_back()
        taken: list[LogLine] = []
        while self._lines and len(taken) < count and size_bytes > 0:
            line = self._lines.popleft()
            size = _size(line)
            self._bytes -= size
            size_bytes -= size
            taken.append(line)
        return taken

    def close(self) -> None:
        """Close and remove the file."""
        if self._spill is not None:
            self._spill.close()
            self._spill_path.unlink(missing_ok=True)
            self._spill = None

    def _push(self, line: LogLine) -> None:
        self._lines.append(line)
        self._bytes += _size(line)

    def _write(self, line: LogLine) -> None:
        if self._spill is None:
            self._spill = self._spill_path.open("w+b")
        data = line.SerializeToString()
        self._spill.seek(0, 2)
        self._spill.write(len(data).to_bytes(4, "big") + data)
        self._spilled += 1

    def _read_back(self) -> None:
        """Move lines from the file to memory, half of what fits there; empty the file behind the last one."""
        if self._spill is None or not self._spilled:
            return
        self._spill.seek(self._read_offset)
        while self._spilled and (not self._lines or self._bytes < self._memory_bytes // 2):
            size = int.from_bytes(self._spill.read(4), "big")
            self._push(LogLine.FromString(self._spill.read(size)))
            self._spilled -= 1
        self._read_offset = self._spill.tell()
        if not self._spilled:
            self._spill.seek(0)
            self._spill.truncate()
            self._read_offset = 0


def _size(line: LogLine) -> int:
    # The objects around the text weigh about as much as a short line.
    return len(line.message) + 100
