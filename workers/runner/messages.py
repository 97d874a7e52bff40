"""What a worker, a keeper and a run process say to one another.

Between worker and run process: JSON objects, one a line, each with one key that names what it is.

    to the run     {"job": {"program": name, ...}}    first and once: what to do
                   {"cancel": "reason"}               end soon
                   {"answer": [number, refusal, value]}   to a question; refusal is null or a sentence
    to the worker  {"log": [micros, level, text]}     level is debug, info, warning or error
                   {"progress": [fraction, text]}     fraction is null or 0 to 1
                   {"artifact": [kind, path]}         a finished file below the job folder
                   {"browser": [micros, type, details]}   something happened in the browser
                   {"ask": [number, name, value]}     a question, such as `ALLOW_URL`
                   {"executed": [{...}]}              nodes of a workflow that were executed, fields of `NodeExecution`
                   {"values": [variables, outputs]}   what a workflow leaves, two JSON objects as texts
                   {"outcome": {...}}                 last: how it ended, a `workers.flow.Outcome`

Between worker and keeper: packets. `STOP` to the keeper ends the run; the keeper's only answer is an `Ending`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Self

import orjson

# Order to a zygote; carries the four descriptors of `RunSockets`.
FORK: Final = b"fork"
# A zygote says that its imports are done.
READY: Final = b"ready"
# Order to a keeper: SIGTERM to all, then SIGKILL.
STOP: Final = b"stop"

# What the processes call themselves, so that a look at a tree tells them apart.
ZYGOTE_NAME: Final = "sy-zygote"
KEEPER_NAME: Final = "sy-keeper"
RUN_NAME: Final = "sy-run"
# A run process that has no job yet.
SPARE_NAME: Final = "sy-spare"
# Holds an environment of this machine, and lives on when its worker ends. `switchyard up` knows it by this name too.
HOLDER_NAME: Final = "sy-env"

# A message of the log is cut behind this many bytes of UTF-8 (as `LogLine.message` says).
LOG_MESSAGE_BYTES: Final = 16 * 1024
_CUT_MARK: Final = " … (cut)"

# Questions of a run. May this URL be called? The answer is the addresses to connect to.
ALLOW_URL: Final = "allow_url"
# Of workflows: another one by id or name, answered by its graph and its secrets ...
WORKFLOW: Final = "workflow"
# ... and whether a checkpoint is kept, which lies in `CHECKPOINT_FILE`.
CHECKPOINT: Final = "checkpoint"

# In the folder of a workflow's run: where it goes on, or what it wants kept.
CHECKPOINT_FILE: Final = ".checkpoint"

# In the folder of a workflow's run: its graph, serialized. It may be too large for a line.
GRAPH_FILE: Final = ".graph"

# One JSON line. Larger than any log line and than any reasonable outputs of a run.
MESSAGE_BYTES: Final = 16 * 1024 * 1024


class MessageTooLong(Exception):
    """The other side sent a line beyond `MESSAGE_BYTES`."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What a keeper found and did at the end of a run.

    `exit_code` is negative for a signal and None when the keeper itself was lost; then the worker did the rest.
    `signals` holds names and times in micros, in the order they were sent. `left` counts processes that outlived
    SIGKILL.
    """

    exit_code: int | None
    signals: tuple[tuple[str, int], ...]
    left: int
    confirm_micros: int

    def to_bytes(self) -> bytes:
        """Return the packet a keeper sends."""
        return orjson.dumps([self.exit_code, self.signals, self.left, self.confirm_micros])

    @classmethod
    def from_bytes(cls, packet: bytes) -> Self:
        """Read a keeper's packet."""
        exit_code, signals, left, confirm_micros = orjson.loads(packet)
        return cls(exit_code, tuple((name, micros) for name, micros in signals), left, confirm_micros)


class LineSplitter:
    """Cuts a stream of bytes into lines; keeps what has no end yet."""

    def __init__(self, limit: int = MESSAGE_BYTES) -> None:
        self._rest = b""
        self._limit = limit

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes, without their ends.

        Raises:
            MessageTooLong: an unfinished line has grown beyond the limit.
        """
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > self._limit:
            raise MessageTooLong(f"a line is longer than {self._limit} bytes")
        return lines


def parse(lines: list[bytes]) -> Iterator[tuple[str, Any]]:
    """Yield name and value of each message."""
    for line in lines:
        ((name, value),) = orjson.loads(line).items()
        yield name, value


def line_of(name: str, value: object) -> bytes:
    """Return the line that carries one message."""
    return orjson.dumps({name: value}, default=str) + b"\n"


def cut(message: str) -> str:
    """Return `message` at most `LOG_MESSAGE_BYTES` long in UTF-8; a longer one says that it was cut."""
    if len(message) * 4 <= LOG_MESSAGE_BYTES:
        return message
    data = message.encode("utf-8", "replace")
    if len(data) <= LOG_MESSAGE_BYTES:
        return message
    return data[: LOG_MESSAGE_BYTES - len(_CUT_MARK.encode())].decode("utf-8", "ignore") + _CUT_MARK
