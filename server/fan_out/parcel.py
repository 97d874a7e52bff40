"""Many messages in one piece of bytes, and back.

A message is a list of parts, each behind its length; a parcel is a list of messages, each behind how many parts it has.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Final

_NUMBER: Final = struct.Struct("!I")


class ParcelBroken(ValueError):
    """The bytes are no parcel."""


def pack(messages: Iterable[Sequence[bytes]]) -> bytes:
    """Return `messages` as one piece."""
    pieces: list[bytes] = []
    for parts in messages:
        pieces.append(_NUMBER.pack(len(parts)))
        for part in parts:
            pieces += (_NUMBER.pack(len(part)), part)
    return b"".join(pieces)


def unpack(parcel: bytes) -> list[list[bytes]]:
    """Return the messages again, each with at least one part.

    Raises:
        ParcelBroken: there is something else in it.
    """
    messages: list[list[bytes]] = []
    place = 0
    while place < len(parcel):
        count, place = _number(parcel, place)
        parts = []
        for _ in range(count):
            size, place = _number(parcel, place)
            parts.append(parcel[place : place + size])
            place += size
        if not parts or place > len(parcel):
            raise ParcelBroken(f"a message ends behind byte {len(parcel)}")
        messages.append(parts)
    return messages


def _number(parcel: bytes, place: int) -> tuple[int, int]:
    """Return the number at `place`, and what place is behind it."""
    try:
        return _NUMBER.unpack_from(parcel, place)[0], place + _NUMBER.size
    except struct.error as error:
        raise ParcelBroken(f"no number at byte {place}") from error
