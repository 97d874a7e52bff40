"""The codec against google's json_format, and against protobuf-py, the fastest other one, bridged by the binary form.

protobuf-py (Buf, a core in Rust) has messages of its own. To print a message of google.protobuf with it, the message is
serialized and parsed again first; to parse one, the other way round.
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import descriptor_pb2, json_format, struct_pb2
from google.protobuf.message import Message
from protobuf.wkt import FileDescriptorSet

from benchmarks.codec_memory import BODY_BYTES
from benchmarks.peers import items
from benchmarks.result import Row
from gateway.codec import dumper, parser

ROUNDS = 15
# Of one contender in one round.
SECONDS = 0.02
MEMORY_TARGET = 4.0


@dataclass(frozen=True)
class Subject:
    """One message, and how many times faster than json_format it must be."""

    what: str
    message: Any
    target: float


def run() -> list[Row]:
    """Every subject in both directions, then the memory of a large body."""
    rows = [row for subject in subjects() for row in (parse_row(subject), print_row(subject))]
    return [*rows, memory_row("parse", "Parsing"), memory_row("dump", "Printing")]


def subjects() -> list[Subject]:
    """A small message, a hundred of them, and one that is nothing but Struct."""
    listed = items.message_class("ListItemsResponse")(items=[items.sample(number) for number in range(1, 101)])
    struct = struct_pb2.Struct()
    struct.update({f"k{n}": {"a": [1, 2.5, "x", None, True], "b": "text", "c": {"d": n}} for n in range(10)})
    return [
        Subject("a message of 12 fields", items.sample(1), 5.0),
        Subject("a list of 100", listed, 5.0),
        Subject("a Struct of 120 values", struct, 3.0),
    ]


def parse_row(subject: Subject) -> Row:
    """JSON text to a message of google.protobuf."""
    message_class = type(subject.message)
    text = dumper(message_class.DESCRIPTOR)(subject.message)
    bridged = bridge(subject.message)
    contenders: Sequence[Callable[[bytes], Message]] = (
        parser(message_class.DESCRIPTOR),
        lambda text: json_format.Parse(text, message_class()),
        lambda text: message_class.FromString(bridged.from_json(text.decode()).to_binary()),
    )
    assert all(contender(text) == subject.message for contender in contenders)
    return row(f"Parsing {subject.what}", subject.target, contenders, text)


def print_row(subject: Subject) -> Row:
    """A message of google.protobuf to JSON text in UTF-8."""
    bridged = bridge(subject.message)
    contenders: Sequence[Callable[[Message], bytes]] = (
        dumper(type(subject.message).DESCRIPTOR),
        lambda message: json_format.MessageToJson(message, indent=None).encode(),
        lambda message: bridged.from_binary(message.SerializeToString()).to_json().encode(),
    )
    again = parser(type(subject.message).DESCRIPTOR)
    assert all(again(contender(subject.message)) == subject.message for contender in contenders)
    return row(f"Printing {subject.what}", subject.target, contenders, subject.message)


def bridge(message: Any) -> Any:
    """The class protobuf-py has for this type."""
    described = descriptor_pb2.FileDescriptorSet.FromString(items.descriptor_set())
    if message.DESCRIPTOR.file.name not in {file.name for file in described.file}:
        message.DESCRIPTOR.file.CopyToProto(described.file.add())
    registry: Any = FileDescriptorSet.from_binary(described.SerializeToString()).to_registry()
    return registry.message(message.DESCRIPTOR.full_name).type


def row(what: str, target: float, contenders: Sequence[Callable[[Any], Any]], argument: Any) -> Row:
    """All contenders in turn, round after round; the medians count."""
    rounds = [[microseconds(contender, argument) for contender in contenders] for _ in range(ROUNDS)]
    ours, google, bridged = (statistics.median(times) for times in zip(*rounds, strict=True))
    return Row(
        f"{what}, against json_format and bridged protobuf-py",
        f">= {target:.0f} x, >= 1 x",
        f"{google / ours:.1f} x, {bridged / ours:.1f} x ({ours:.1f} µs against {google:.0f} and {bridged:.1f} µs)",
        google >= target * ours and bridged >= ours,
    )


def microseconds(call: Callable[[Any], Any], argument: Any) -> float:
    """Time of one call, over as many as fit into SECONDS."""
    count, started = 0, time.perf_counter()
    while (passed := time.perf_counter() - started) < SECONDS:
        for _ in range(10):
            call(argument)
        count += 10
    return passed / count * 1e6


def memory_row(way: str, what: str) -> Row:
    """What the codec takes at most for a text of 10 MB, the outcome included."""
    command = [sys.executable, "-m", "benchmarks.codec_memory", way]
    peak = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout) / BODY_BYTES
    return Row(f"{what} 10 MB, peak of memory", f"<= {MEMORY_TARGET:.0f} x", f"{peak:.1f} x", peak <= MEMORY_TARGET)
