"""Frames that many readers of one stream share, so that each answer is encoded once and not once per reader."""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from google.protobuf.message import Message

F = TypeVar("F")

# Readers of one stream are at most a few answers apart; what is older is encoded again.
DEFAULT_CAPACITY: Final = 64


class SharedFrames(Generic[F]):
    """Remembers the frames of the newest answers by the identity of the message object.

    A servicer that gives the same object to all its readers has it encoded once. The message is held as long as its
    frame is, so that no other object can take its identity.
    """

    def __init__(self, encode: Callable[[Message], F], capacity: int = DEFAULT_CAPACITY) -> None:
        self._encode = encode
        self._capacity = capacity
        self._frames: dict[int, tuple[Message, F]] = {}

    def frame(self, message: Message, previous: Message | None) -> F:
        """Return the frame of `message`; `previous` is what the same reader got before.

        A servicer that yields one object again and again, changed in between, is taken at its word: an object that
        comes to a reader twice in a row is encoded anew.
        """
        key = id(message)
        found = self._frames.get(key)
        if found is not None and message is not previous:
            return found[1]
        frame = self._encode(message)
        if len(self._frames) >= self._capacity and found is None:
            del self._frames[next(iter(self._frames))]
        self._frames[key] = (message, frame)
        return frame
