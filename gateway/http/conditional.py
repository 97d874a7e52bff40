"""Answers a client has already: entity tags and If-None-Match. Source: RFC 9110, sections 8.8.3, 13.1.2 and 15.4.5."""

import re
from collections.abc import Iterable
from typing import Final

from xxhash import xxh3_128_hexdigest

# An entity tag; the group is what weak comparison looks at.
TAG: Final = re.compile(rb'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')
# What is left between the tags of a list (section 5.6.1).
SEPARATORS: Final = re.compile(rb"[ \t,]*")
# Of the headers of the 200 that is spared, these describe content that does not come (section 15.4.5).
OF_CONTENT: Final = frozenset(
    {b"content-disposition", b"content-encoding", b"content-language", b"content-length", b"content-type"}
)


def entity_tag(body: bytes) -> bytes:
    """The strong tag of a body.

    128 bits of a fast hash: chance will not give two bodies one tag, and whoever forges a body would deceive only those
    who already had the forged one. It costs 0.6 us for 300 bytes and 1.5 us for 30 kB, where blake2b takes 45 us.
    """
    return f'"{xxh3_128_hexdigest(body)}"'.encode()


def weakened(tag: bytes) -> bytes:
    """The tag for a compressed form of the same content, whose bytes are others (section 8.8.3.3)."""
    return tag if tag.startswith(b"W/") else b"W/" + tag


def with_weak_tag(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """`headers` for the compressed form of the content they were made for."""
    return [(name, weakened(value) if name == b"etag" else value) for name, value in headers]


def is_known(if_none_match: Iterable[bytes], tag: bytes) -> bool:
    """Whether a GET may be answered with 304. `if_none_match` holds the lines of the header.

    Compares weakly, as the section demands. A header that is no list of tags matches nothing.
    """
    opaque = tag.removeprefix(b"W/")
    header = b",".join(if_none_match).strip()
    if header == b"*":
        return True
    return opaque in TAG.findall(header) and SEPARATORS.fullmatch(TAG.sub(b"", header)) is not None
