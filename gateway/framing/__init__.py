"""How the answers of one stream are told apart: in the body of an HTTP answer, or as frames of a WebSocket."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from google.protobuf.message import Message


class Frame(NamedTuple):
    """One answer as it goes out. `last` means that the contract ends the stream here."""

    data: bytes
    last: bool = False


@dataclass(frozen=True, slots=True)
class Framing:
    """One way to write a stream. Everything is made once per rpc; the functions are pure."""

    content_type: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    opening: bytes
    """What goes ahead of the first answer; empty for nothing."""
    encode: Callable[[Message], Frame]
    """An answer as a frame."""
    encode_error: Callable[[bytes], bytes]
    """The JSON body of an error that comes after the first answer, as a frame."""
    keep_alive: bytes
    """What is sent after `heartbeat_seconds` of silence; empty when the framing has nothing a reader would skip."""
    heartbeat_seconds: float
