"""What an environment has printed: lines without its secrets, in a file that is bounded, read by who asks."""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path
from typing import BinaryIO, Final

# A line is cut behind this many bytes, as the log of a Task would.
LINE_BYTES: Final = 16 * 1024
# A file of this size is put aside and takes the place of the one before: twice this is kept.
FILE_BYTES: Final = 8 * 1024 * 1024
# How often a file that is followed is looked at.
LOOK_SECONDS: Final = 0.2

# Shorter secrets would mask half of every text.
_SHORTEST: Final = 4
_MASK: Final = b"***"
_BLOCK_BYTES: Final = 64 * 1024


class Lines:
    """Makes lines of bytes as they come, masks the secrets in them, and cuts them."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = sorted({secret.encode() for secret in secrets if len(secret) >= _SHORTEST}, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, forms))) if forms else None
        # A secret that lies across the cut is masked before.
        self._keep_bytes = LINE_BYTES + (len(forms[0]) if forms else 0)
        self._begun = b""

    def feed(self, data: bytes) -> list[str]:
        """Return the lines that `data` completes."""
        *whole, begun = data.split(b"\n")
        if not whole:
            self._begun = (self._begun + begun)[: self._keep_bytes]
            return []
        whole[0] = self._begun + whole[0]
        self._begun = begun[: self._keep_bytes]
        return [self._line(line) for line in whole]

    def rest(self) -> list[str]:
        """Return the last line, if it was not ended."""
        begun, self._begun = self._begun, b""
        return [self._line(begun)] if begun else []

    def _line(self, line: bytes) -> str:
        line = line.removesuffix(b"\r")[: self._keep_bytes]
        if self._pattern is not None:
            line = self._pattern.sub(_MASK, line)
        return line[:LINE_BYTES].decode(errors="replace")


class LogFile:
    """The log of an environment, as its holder writes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = self._open()

    def write(self, lines: Iterable[str]) -> None:
        """Add lines at the end."""
        for line in lines:
            self._file.write(line.encode(errors="replace") + b"\n")
        self._file.flush()
        if self._file.tell() >= FILE_BYTES:
            self._file.close()
            self._path.replace(aside(self._path))
            self._file = self._open()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _open(self) -> BinaryIO:
        return os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")


def aside(path: Path) -> Path:
    """Return where the file before this one lies."""
    return path.with_name(path.name + ".1")


def tail(path: Path, count: int) -> tuple[list[str], BinaryIO]:
    """Return the last `count` lines, and the file behind them, for `follow`.

    Raises:
        FileNotFoundError: nothing was ever printed.
    """
    file = path.open("rb")
    lines = _last(file, count)
    if len(lines) < count and aside(path).exists():
        with aside(path).open("rb") as before:
            lines = _last(before, count - len(lines)) + lines
    return lines, file


async def follow(path: Path, file: BinaryIO) -> AsyncGenerator[list[str], None]:
    """Yield the lines that are printed from now on, until this is cancelled. `file` is closed then."""
    lines = Lines()
    try:
        while True:
            if new := lines.feed(file.read()):
                yield new
            if _is_newest(path, file):
                await asyncio.sleep(LOOK_SECONDS)
                continue
            # It was put aside: what was written until then is read, and then the next one from its beginning.
            if new := lines.feed(file.read()):
                yield new
            lost = aside(path).exists() and not _is_newest(aside(path), file)
            file.close()
            file = path.open("rb")
            if lost:
                yield ["(here lines were lost: they came faster than they could be read)"]
    finally:
        file.close()


def _is_newest(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:  # it is being put aside just now, or was deleted
        return True


def _last(file: BinaryIO, count: int) -> list[str]:
    """Return the last `count` whole lines of a file, and leave it behind them."""
    begin = file.seek(0, os.SEEK_END)
    data = b""
    while begin > 0 and data.count(b"\n") <= count:
        step = min(_BLOCK_BYTES, begin)
        begin = file.seek(begin - step)
        data = file.read(step) + data
    whole = data[: data.rfind(b"\n") + 1]
    file.seek(begin + len(whole))
    lines = [line.decode(errors="replace") for line in whole.split(b"\n")[:-1]]
    return lines[-count:] if count else []
