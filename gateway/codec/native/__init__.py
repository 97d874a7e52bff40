"""A transcoder between JSON text and the binary form of protobuf, in C.

It knows a message from a table (table.py) and holds neither messages nor errors: it turns JSON into bytes that the
protobuf runtime reads, and bytes that the runtime wrote into JSON. Whatever is wrong or rare it declines, and the codec
in Python does the work again. So there is one definition of what a text means, and this is only a shorter way.

`python -m gateway.codec.native` builds it. The package works without.
"""

import importlib
from collections.abc import Callable
from functools import cache
from typing import Final, Protocol, cast

from google.protobuf.descriptor import Descriptor

from gateway.codec.dialect import Dialect
from gateway.codec.native.build import digest
from gateway.codec.native.table import EnumRow, MessageRow, Rows, is_foreign


class Transcoder(Protocol):
    """The way of one message in one dialect. Each method answers None where Python has to do it."""

    def parse(self, data: bytes, /) -> bytes | None:
        """The binary form of what a JSON text spells."""

    def parse_field(self, data: bytes, index: int, /) -> bytes | None:
        """The binary form of the message with one field, whose value the text spells. `index` is its place."""

    def dump(self, serialize: Callable[[], bytes], /) -> bytes | None:
        """The JSON text of the message that `serialize` serializes."""

    def dump_field(self, serialize: Callable[[], bytes], index: int, /) -> bytes | None:
        """The JSON text of one field of the message that `serialize` serializes. `index` is its place."""


class _MakeTranscoder(Protocol):
    def __call__(
        self,
        messages: tuple[MessageRow, ...],
        enums: tuple[EnumRow, ...],
        *,
        ignore_unknown_fields: bool,
        ignore_unknown_enums: bool,
    ) -> Transcoder: ...


def _load() -> _MakeTranscoder | None:
    """The class in C; None when it was not built, or not from the files that are here."""
    try:
        module = importlib.import_module(f"{__name__}._transcoder")
    except ImportError:
        return None
    return cast("_MakeTranscoder", module.Transcoder) if digest() == module.SOURCES else None


_MAKE: Final = _load()

AVAILABLE: Final = _MAKE is not None
"""Whether the transcoder was built from the files that are here. Otherwise everything is left to Python."""


@cache
def transcoder(descriptor: Descriptor, dialect: Dialect) -> Transcoder | None:
    """The transcoder of messages of `descriptor`; None when all of them are left to Python."""
    if _MAKE is None or is_foreign(descriptor):
        return None
    rows = Rows(descriptor, dialect)
    return _MAKE(
        rows.messages,
        rows.enums,
        ignore_unknown_fields=dialect.ignore_unknown_fields,
        ignore_unknown_enums=dialect.ignore_unknown_enums,
    )
