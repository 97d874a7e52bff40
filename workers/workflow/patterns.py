"""Regular expressions of workflows, in bounded time and memory.

One that can take long by itself (repeats of repeats, long texts) is tried in a child process, which can be ended: the
library holds the interpreter until it is done.
"""

import marshal
import os
import re
import resource
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from workers.workflow.errors import NodeFailed

SECONDS: Final = 1.0
# What replacing may make of a text, and what all matches together may be, in characters.
LENGTH_LIMIT: Final = 1_000_000
_MATCHES: Final = 100_000
_CPU_SECONDS: Final = 2
_MEMORY_BYTES: Final = 512 * 1024 * 1024
# Tries to match that take a few milliseconds, by the worst that a pattern without groups that repeat can do.
_CHEAP: Final = 100_000
_MANY: Final = 20
_REPEATED_GROUP: Final = re.compile(r"\)[*+?{]")
_CHOICE: Final = re.compile(r"[*+?{|]")

# Its place in the text, and its groups, None for one that did not take part; the first is the whole match.
Match = tuple[int, list[str | None]]


def compiled(pattern: str, flags: re.RegexFlag = re.NOFLAG) -> re.Pattern[str]:
    """Return the pattern.

    Raises:
        NodeFailed: it is none.
    """
    try:
        return re.compile(pattern, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise NodeFailed(f"its input 'pattern' is not a regular expression: {error}") from error


def matches(pattern: re.Pattern[str], text: str) -> list[Match]:
    """Return all matches in `text`, in order.

    Raises:
        NodeFailed: it takes too long, or there are too many.
    """
    found: list[Match] = _bounded(pattern, len(text), lambda: _found(pattern, text))
    return found


def replaced(pattern: re.Pattern[str], replacement: str, text: str, most: int) -> tuple[str, int]:
    """Return `text` with at most `most` matches replaced, 0 for all, and their number.

    Raises:
        NodeFailed: it takes too long, the text grows too large, or `replacement` does not fit the pattern.
    """
    made: tuple[str, int] = _bounded(pattern, len(text), lambda: _replaced(pattern, replacement, text, most))
    return made


def _found(pattern: re.Pattern[str], text: str) -> list[Match]:
    found: list[Match] = []
    characters = 0
    for match in pattern.finditer(text):
        groups = [match[0], *match.groups()]
        characters += sum(len(group or "") for group in groups)
        if len(found) >= _MATCHES or characters > 10 * LENGTH_LIMIT:
            raise NodeFailed(f"there are more than {_MATCHES:,} matches, or they are too large")
        found.append((match.start(), groups))
    return found


def _replaced(pattern: re.Pattern[str], replacement: str, text: str, most: int) -> tuple[str, int]:
    pieces: list[str] = []
    end = count = 0
    left = LENGTH_LIMIT + len(text)
    for match in pattern.finditer(text):
        if most and count >= most:
            break
        if len(replacement) * max(1, *map(len, filter(None, [match[0], *match.groups()])), 1) > 100 * LENGTH_LIMIT:
            raise NodeFailed("the replacement is too large")
        try:
            made = match.expand(replacement)
        except (re.error, IndexError) as error:
            raise NodeFailed(f"its input 'replacement' does not fit the pattern: {error}") from error
        pieces += (text[end : match.start()], made)
        end, count, left = match.end(), count + 1, left - len(made)
        if left < 0:
            raise NodeFailed(f"the text grows beyond {LENGTH_LIMIT:,} characters")
    return "".join([*pieces, text[end:]]), count


def _bounded(pattern: re.Pattern[str], length: int, compute: Callable[[], Any]) -> Any:
    if not _REPEATED_GROUP.search(pattern.pattern):
        choices = min(_MANY, len(_CHOICE.findall(pattern.pattern)))
        if (length + 2) ** (choices + 1) <= _CHEAP:
            return compute()
    return _in_child(compute)


def _in_child(compute: Callable[[], Any]) -> Any:
    """Return what `compute` does, which touches nothing else. Raises NodeFailed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _be_child(writing, compute)
    os.close(writing)
    try:
        answer = _read_all(reading, time.monotonic() + SECONDS)
    finally:
        os.close(reading)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        with suppress(ChildProcessError):  # somebody else has seen its end
            os.waitpid(child, 0)
    if not answer:
        raise NodeFailed(f"the regular expression takes more than {SECONDS:g} s or too much memory for this text")
    failed, value = marshal.loads(answer)  # noqa: S302, our own child has written it
    if failed:
        raise NodeFailed(value)
    return value


def _be_child(writing: int, compute: Callable[[], Any]) -> None:
    """Write the answer and end, whatever happens; nothing of the process that this is a copy of may go on here."""
    try:
        # Also when nobody is left to end it.
        resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
        _limit_memory()
        try:
            answer = marshal.dumps((False, compute()))
        except NodeFailed as failure:
            answer = marshal.dumps((True, failure.reason))
        view = memoryview(answer)
        while view:
            view = view[os.write(writing, view) :]
    finally:
        os._exit(0)


def _limit_memory() -> None:
    """Let this process take so much more than it has."""
    with suppress(FileNotFoundError):  # not every system tells; time is bounded there all the same
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + _MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _read_all(reading: int, deadline: float) -> bytes:
    """Return what is written until the end, nothing when it does not come in time."""
    pieces: list[bytes] = []
    while True:
        ready, _, _ = select.select([reading], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return b""
        piece = os.read(reading, 1 << 20)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
