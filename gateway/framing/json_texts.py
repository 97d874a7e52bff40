"""The JSON texts of a request stream, cut out of a body that comes in pieces.

A body of lines (https://github.com/ndjson/ndjson-spec) is cut at line ends. Any other body is read as one array whose
elements are the texts, or as texts in a row with or without space between them; both are customary for streams over
HTTP. A text is only cut out here; whether it is JSON its parser finds out.
"""

import re
from collections.abc import Iterator
from typing import Final, Protocol

from gateway.errors import BadRequest, MessageTooLarge

LINES: Final = frozenset(
    {b"application/x-ndjson", b"application/ndjson", b"application/jsonl", b"application/x-jsonlines"}
)
# White space of JSON (RFC 8259, section 2).
SPACE: Final = b" \t\n\r"
NOT_SPACE: Final = re.compile(rb"[^ \t\n\r]")
# Where a number or a word ends: anything that cannot be in one.
SCALAR_END: Final = re.compile(rb'[ \t\n\r,\[\]{}":]')
IN_CONTAINER: Final = re.compile(rb'["{}\[\]]')
IN_STRING: Final = re.compile(rb'["\\]')
OPENING: Final = b"{["
CLOSING: Final = b"}]"
QUOTE: Final = ord('"')
BACKSLASH: Final = ord("\\")
COMMA: Final = ord(",")
ARRAY: Final = ord("[")
ARRAY_END: Final = ord("]")


class Splitter(Protocol):
    """Cuts texts out of one body."""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Yield the texts that `piece` completes; to be used up before the next piece.

        Raises:
            BadRequest: the body is no sequence of texts.
            MessageTooLarge: a text is longer than allowed.
        """
        ...

    def finish(self) -> Iterator[bytes]:
        """Yield the text that the end of the body completes, if there is one. Raises BadRequest."""
        ...


def split_body(content_type: bytes, limit_bytes: int) -> Splitter:
    """Return what cuts a body of this content type into texts of at most `limit_bytes` each."""
    return Lines(limit_bytes) if is_lines(content_type) else Texts(limit_bytes)


def is_lines(content_type: bytes) -> bool:
    """Whether a body of this content type has one text per line."""
    return content_type.partition(b";")[0].strip().lower() in LINES


class Lines:
    """One text per line; lines without one are skipped."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._begun = bytearray()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """See `Splitter.feed`."""
        first, *others = piece.split(b"\n")
        self._begun += first
        for other in others:
            yield from self.finish()
            self._begun += other
        self._check()

    def finish(self) -> Iterator[bytes]:
        """See `Splitter.finish`."""
        self._check()
        line = self._begun.strip(SPACE)
        self._begun.clear()
        if line:
            yield bytes(line)

    def _check(self) -> None:
        if len(self._begun) > self._limit:
            raise MessageTooLarge(self._limit)


class Texts:
    """The elements of one array, or texts in a row."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._begun = bytearray()
        """The text that is being read; empty between two."""
        self._depth = 0
        """Arrays and objects the text has open."""
        self._in_string = False
        self._escaped = False
        self._array: bool | None = None
        """Whether the body is an array; None before its first byte."""
        self._wants_comma = False
        self._wants_text = False
        self._closed = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """See `Splitter.feed`."""
        at = 0
        while at < len(piece):
            if self._begun:
                end = self._end_of_text(piece, at)
                self._take(piece[at : len(piece) if end is None else end])
                if end is None:
                    return
                at = end
                yield self._complete()
            else:
                found = NOT_SPACE.search(piece, at)
                if found is None:
                    return
                at = self._between(piece, found.start())

    def finish(self) -> Iterator[bytes]:
        """See `Splitter.finish`."""
        if self._begun and (self._depth or self._in_string):
            raise BadRequest("the body ends in the middle of a message")
        if self._array and not self._closed:
            raise BadRequest("the array in the body must end with ]")
        if self._begun:
            yield self._complete()

    def _between(self, piece: bytes, at: int) -> int:
        """Take the byte at `at`, which is no space and in no text; return where to go on."""
        byte = piece[at]
        if self._array is None:
            self._array = byte == ARRAY
            if self._array:
                return at + 1
        if self._closed:
            raise BadRequest("nothing may follow the array in the body")
        if self._array and byte == ARRAY_END and not self._wants_text:
            self._closed = True
            return at + 1
        if self._array and self._wants_comma:
            if byte != COMMA:
                raise BadRequest("messages in the array in the body must be separated by commas")
            self._wants_comma, self._wants_text = False, True
            return at + 1
        return self._begin(piece, at)

    def _begin(self, piece: bytes, at: int) -> int:
        byte = piece[at]
        if byte in b",:" or byte in CLOSING:
            raise BadRequest(f"the body must have a message where it has {chr(byte)}")
        self._wants_text = False
        self._take(piece[at : at + 1])
        self._depth = int(byte in OPENING)
        self._in_string = byte == QUOTE
        return at + 1

    def _end_of_text(self, piece: bytes, at: int) -> int | None:
        """Where the text that is being read ends in `piece`; None when it goes on after it."""
        if not self._depth and not self._in_string and not self._escaped:
            if self._begun[0] == QUOTE or self._begun[0] in OPENING:
                return at
            found = SCALAR_END.search(piece, at)
            return None if found is None else found.start()
        return self._end_of_nested(piece, at)

    def _end_of_nested(self, piece: bytes, at: int) -> int | None:
        if self._escaped:
            self._escaped = False
            at += 1
        while (found := (IN_STRING if self._in_string else IN_CONTAINER).search(piece, at)) is not None:
            at = found.end()
            byte = piece[at - 1]
            if byte == QUOTE:
                self._in_string = not self._in_string
            elif byte == BACKSLASH:
                at += 1
                self._escaped = at > len(piece)
            elif byte in OPENING:
                self._depth += 1
            else:
                self._depth -= 1
            if not self._depth and not self._in_string:
                return at
        return None

    def _take(self, data: bytes) -> None:
        self._begun += data
        if len(self._begun) > self._limit:
            raise MessageTooLarge(self._limit)

    def _complete(self) -> bytes:
        text = bytes(self._begun)
        self._begun.clear()
        self._wants_comma = True
        return text
