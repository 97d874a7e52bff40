"""The log of each Task: lines numbered from 1 without gaps, over all its attempts.

A worker numbers the lines of each claim from 1 as well. How many of them are stored is the difference of two counters
in the row of the Task, so a repeated call is recognised without looking at a line.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from server.clock import SECOND, to_timestamp
from server.database.text import storable
from server.errors import LeaseLost, LogGap
from server.tasks import lifecycle
from server.tasks.tables import LOG_LINES, TASKS
from server.tasks.task import FINAL
from switchyard.tasks.v1.task_pb2 import LogLine

# Source: the comment of `LogLine.message`, 16 KiB of UTF-8.
MESSAGE_BYTES: Final = 16 * 1024
CUT: Final = " … [cut]"
# Source: google/protobuf/timestamp.proto; times end with the year 9999.
_YEAR_10000: Final = 253_402_300_800
# A text of at most this many characters cannot be too long: a character takes at most four bytes.
_SURELY_SHORT: Final = MESSAGE_BYTES // 4

# Lines in one statement. Large enough to make a statement cheap, and a number that repeats is prepared only once.
_CHUNKS: Final = (500, 50, 5, 1)


class LogLineRow(NamedTuple):
    """One line: its number in the log of the Task, when it was written (micros), its level and its text."""

    seq: int
    time: int
    level: int
    message: str


class LogHead(NamedTuple):
    """Where a log stands: how many lines it has, and whether more can come."""

    line_count: int
    final: bool


class Appended(NamedTuple):
    """What `append` did: lines of this claim that are stored now, and those stored just now."""

    stored_sequence: int
    lines: tuple[LogLineRow, ...]


class Line(NamedTuple):
    """A line to be stored."""

    time: int
    level: int
    message: str


_FOR_APPEND: Final = (
    sa.select(TASKS.c.state, TASKS.c.fencing_token, TASKS.c.attempt, TASKS.c.log_line_count, TASKS.c.log_offset)
    .where(TASKS.c.id == sa.bindparam("task_id"))
    .with_for_update()
)
_SET_COUNT: Final = (
    sa.update(TASKS).where(TASKS.c.id == sa.bindparam("of_task")).values(log_line_count=sa.bindparam("line_count"))
)
_HEAD: Final = sa.select(TASKS.c.log_line_count, TASKS.c.state).where(TASKS.c.id == sa.bindparam("task_id"))
_PAGE: Final = (
    sa.select(LOG_LINES.c.seq, LOG_LINES.c.time, LOG_LINES.c.level, LOG_LINES.c.message)
    .where(LOG_LINES.c.task_id == sa.bindparam("task_id"), LOG_LINES.c.seq > sa.bindparam("after"))
    .order_by(LOG_LINES.c.seq)
    .limit(sa.bindparam("limit"))
)


def from_message(lines: Iterable[LogLine], *, now: int) -> list[Line]:
    """Return `lines` of the contract as they are stored.

    A text that is too long is cut and says so, one without level is INFO, and one whose time is unset or outside of
    the years 1970 to 9999 was written `now`. NUL, which Postgres keeps in no text, becomes U+FFFD.
    """
    return [_line(line, now) for line in lines]


def to_message(row: LogLineRow) -> LogLine:
    """Return `row` as the contract shows it."""
    # The stored number may be a level that a newer worker knows; the field takes any.
    return LogLine(seq=row.seq, timestamp=to_timestamp(row.time), level=row.level, message=row.message)  # type: ignore[arg-type]


def append(connection: sa.Connection, task_id: str, token: int, first_sequence: int, lines: Sequence[Line]) -> Appended:
    """Store `lines`, the first of which is number `first_sequence` of the claim with `token`; skip those stored before.

    Raises:
        LeaseLost: `token` is not that of the live lease.
        LogGap: a line before `first_sequence` is missing.
    """
    row = connection.execute(_FOR_APPEND, {"task_id": task_id}).first()
    if row is None or not lifecycle.holds(row.state, row.fencing_token, token):
        raise LeaseLost(task_id)
    stored = row.log_line_count - row.log_offset
    if first_sequence > stored + 1:
        raise LogGap(stored + 1)
    fresh = lines[stored + 1 - first_sequence :]
    if not fresh:
        return Appended(stored, ())
    rows = tuple(LogLineRow(seq, *line) for seq, line in enumerate(fresh, row.log_line_count + 1))
    for sql, parameters in _inserts(connection.dialect.name, task_id, row.attempt, rows):
        connection.exec_driver_sql(sql, parameters)
    connection.execute(_SET_COUNT, {"of_task": task_id, "line_count": rows[-1].seq})
    return Appended(stored + len(rows), rows)


def head(connection: sa.Connection, task_id: str) -> LogHead | None:
    """Return where the log of a Task stands, None when there is no such Task."""
    row = connection.execute(_HEAD, {"task_id": task_id}).first()
    return None if row is None else LogHead(row.log_line_count, row.state in FINAL)


def read(connection: sa.Connection, task_id: str, *, after_seq: int, limit: int) -> tuple[LogLineRow, ...]:
    """Return at most `limit` lines behind number `after_seq`, in order."""
    rows = connection.execute(_PAGE, {"task_id": task_id, "after": after_seq, "limit": limit})
    return tuple(LogLineRow(*row) for row in rows)


def read_page(
    connection: sa.Connection, task_id: str, *, after_seq: int, limit: int
) -> tuple[tuple[LogLineRow, ...], bool]:
    """Return at most `limit` lines behind number `after_seq`, in order, and whether there are more."""
    # One line more than asked for tells.
    lines = read(connection, task_id, after_seq=after_seq, limit=limit + 1)
    return lines[:limit], len(lines) > limit


def _line(line: LogLine, now: int) -> Line:
    message = line.message
    if "\x00" in message:
        message = storable(message)
    if len(message) > _SURELY_SHORT:
        message = _cut(message)
    seconds = line.timestamp.seconds
    time = seconds * SECOND + line.timestamp.nanos // 1_000 if 0 < seconds < _YEAR_10000 else now
    return Line(time, line.level or LogLine.LEVEL_INFO, message)


def _cut(message: str) -> str:
    """Return `message` with at most `MESSAGE_BYTES` bytes of UTF-8, the mark that it was cut included."""
    encoded = message.encode()
    if len(encoded) <= MESSAGE_BYTES:
        return message
    return encoded[: MESSAGE_BYTES - len(CUT.encode())].decode(errors="ignore") + CUT


def _inserts(
    dialect: str, task_id: str, attempt: int, rows: Sequence[LogLineRow]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Yield statements, and the parameters of each, that store `rows`.

    Written for the driver, many rows in a statement: it takes less time than `executemany`, and gives up the
    interpreter lock once for each statement instead of once for each line, which matters while the event loop is busy.
    """
    start = 0
    for size in _CHUNKS:
        sql = _INSERTS[dialect, size]
        while len(rows) - start >= size:
            chunk = rows[start : start + size]
            yield sql, tuple(value for row in chunk for value in (task_id, row[0], attempt, row[1], row[2], row[3]))
            start += size


def _insert_sql(dialect: str, size: int) -> str:
    columns = ("task_id", "seq", "attempt", "time", "level", "message")
    width = len(columns)
    marks = [f"${n + 1}" if dialect == "postgresql" else "?" for n in range(size * width)]
    values = ", ".join(f"({', '.join(marks[n : n + width])})" for n in range(0, size * width, width))
    return f"INSERT INTO log_lines ({', '.join(columns)}) VALUES {values}"  # noqa: S608 - nothing of it comes from outside


_INSERTS: Final = {
    (dialect, size): _insert_sql(dialect, size) for dialect in ("sqlite", "postgresql") for size in _CHUNKS
}
