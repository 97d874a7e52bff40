"""What a command prints: tables and lines for people, or JSON for programs.

The answer goes to standard output, everything else (progress, notes) to standard error. With `--json` the answer is
one document, or one document a line where it is a stream, and nothing is said besides.
"""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

# Control characters, which a terminal would obey, with the exception of the tab. Log lines come from web pages.
UNPRINTABLE = {code: "\ufffd" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t"}

# Of the height of the terminal, for what stands above and below a live picture.
LIVE_SPARE_LINES = 4
LIVE_PICTURES_PER_SECOND = 8

# Where no terminal has an edge, no cell is folded: whoever reads it looks for whole lines.
COLUMNS_WITHOUT_TERMINAL = 10_000


class Output:
    """Prints for people, or as JSON when `as_json`."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        width = None if sys.stdout.isatty() else COLUMNS_WITHOUT_TERMINAL
        self._out = Console(highlight=False, soft_wrap=True, width=width)
        self._err = Console(stderr=True, highlight=False)

    def answer(self, plain: Any, *lines: str) -> None:
        """Print the answer of a command: `plain` as JSON, or `lines`."""
        if self.as_json:
            self.record(plain)
            return
        for line in lines:
            self.line(line)

    def record(self, plain: Any) -> None:
        """Print one JSON document on a line of its own, at once."""
        sys.stdout.write(json.dumps(plain, ensure_ascii=False) + "\n")
        sys.stdout.flush()

    def line(self, text: str, *, style: str = "") -> None:
        """Print one line for people, its control characters replaced."""
        self._out.print(Text(printable(text), style=style))

    def raw(self, text: str) -> None:
        """Print `text` as it is, for files that are shown whole."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Tell people something that is not the answer."""
        if not self.as_json:
            self._err.print(Text(printable(text), style="dim"), soft_wrap=True)

    def table(self, plain: Any, columns: Sequence[str], rows: Iterable[Sequence[str]], *, empty: str) -> None:
        """Print `rows` under `columns`, the sentence `empty` when there is none, or `plain` as JSON."""
        if self.as_json:
            self.record(plain)
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        if table.row_count:
            self._out.print(table)
        else:
            self.note(empty)

    def facts(self, plain: Any, facts: Iterable[tuple[str, str]]) -> None:
        """Print name and value pairs, one a line, leaving out empty values, or `plain` as JSON."""
        if self.as_json:
            self.record(plain)
            return
        known = [(name, value) for name, value in facts if value]
        width = max((len(name) for name, _ in known), default=0)
        for name, value in known:
            self.line(f"{name:<{width}}  {value}")

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show a spinner for as long as the block runs; nothing with `--json` or without a terminal."""
        if self.as_json or not self._err.is_terminal:
            yield
            return
        with self._err.status(printable(what)):
            yield

    @contextmanager
    def live(self, render: Callable[[int], RenderableType]) -> Iterator[bool]:
        """Show what `render` returns for so many lines, always anew for as long as the block runs, and leave the last.

        Yields False, and shows nothing, with `--json` or without a terminal. `render` is called by another thread.
        """
        if self.as_json or not self._err.is_terminal:
            yield False
            return
        picture = Live(
            get_renderable=lambda: render(max(1, self._err.size.height - LIVE_SPARE_LINES)),
            console=self._err,
            refresh_per_second=LIVE_PICTURES_PER_SECOND,
        )
        answers = self._out
        if answers.is_terminal:  # lines stand above the picture, which only its own console can do
            self._out = self._err
        try:
            with picture:
                yield True
        finally:
            self._out = answers

    @contextmanager
    def transfer(self, what: str, total_bytes: int) -> Iterator["Transfer"]:
        """Show a bar for a file of `total_bytes`; nothing with `--json` or without a terminal."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
        )
        hidden = self.as_json or not self._err.is_terminal
        with Progress(*columns, console=self._err, transient=True, disable=hidden) as progress:
            yield Transfer(progress, progress.add_task(printable(what), total=total_bytes))


class Transfer:
    """How far a file has come."""

    def __init__(self, progress: Progress, task: Any) -> None:
        self._progress = progress
        self._task = task

    def advance(self, count: int) -> None:
        """Add `count` bytes."""
        self._progress.advance(self._task, count)


def printable(text: str) -> str:
    """Return `text` without control characters; a line break becomes a space and a bar."""
    return text.replace("\r\n", "\n").replace("\n", " | ").translate(UNPRINTABLE)


def size_text(size_bytes: int) -> str:
    """Return a size for people: "512 B", "1.4 MiB"."""
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
