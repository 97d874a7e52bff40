"""Seals what crosses between servers: who can look into Redis learns nothing, and who can write there says nothing.

Each process seals with a key of its own, made of the key that all servers of an installation share, a random name and
the numbers it counts (AES-256-GCM). What arrives again, or in another order, is not opened: it was not sent so.
"""

import hashlib
import hmac
import os
import struct
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NAME_BYTES: Final = 16
# Processes whose keys are kept; those of servers that ended long ago are of no use.
KNOWN_NAMES: Final = 256

_COUNT: Final = struct.Struct("!Q")
_HEADER_BYTES: Final = NAME_BYTES + _COUNT.size


class NotSealed(ValueError):
    """It was sealed with another key, was changed, or has come before."""


@dataclass(slots=True)
class _Sender:
    key: AESGCM
    count: int = -1


class Seal:
    """Seals and opens with `key` (32 bytes, secret)."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._name = os.urandom(NAME_BYTES)
        self._own = _Sender(self._key_of(self._name))
        self._others: OrderedDict[bytes, _Sender] = OrderedDict()

    def close(self, data: bytes) -> bytes:
        """Return `data` sealed."""
        self._own.count += 1
        header = self._name + _COUNT.pack(self._own.count)
        return header + self._own.key.encrypt(_nonce(header), data, header)

    def ours(self, sealed: bytes) -> bool:
        """Whether we have sealed it ourselves."""
        return sealed[:NAME_BYTES] == self._name

    def open(self, sealed: bytes) -> bytes:
        """Return what another process has sealed. Raises NotSealed."""
        header = sealed[:_HEADER_BYTES]
        if len(header) < _HEADER_BYTES:
            raise NotSealed("it is too short")
        name, (count,) = header[:NAME_BYTES], _COUNT.unpack_from(header, NAME_BYTES)
        sender = self._others.get(name) or _Sender(self._key_of(name))
        if count <= sender.count:
            raise NotSealed("it has come before")
        try:
            data = sender.key.decrypt(_nonce(header), sealed[_HEADER_BYTES:], header)
        except InvalidTag as error:
            raise NotSealed("it was sealed with another key") from error
        sender.count = count
        self._others[name] = sender
        self._others.move_to_end(name)
        if len(self._others) > KNOWN_NAMES:
            self._others.popitem(last=False)
        return data

    def _key_of(self, name: bytes) -> AESGCM:
        return AESGCM(hmac.new(self._key, name, hashlib.sha256).digest())


def _nonce(header: bytes) -> bytes:
    """Return the 12 bytes that no two messages under one key have in common: the count, as the key is the process's."""
    return bytes(4) + header[NAME_BYTES:]
