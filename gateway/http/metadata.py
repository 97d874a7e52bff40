"""Headers of HTTP and metadata of gRPC: which of the one become which of the other.

Both ways by lists of names. What no list names stays where it is: a client cannot tell the server anything that was
not meant to be told, and what the server says to its own kind does not leak to clients.
"""

import base64
import binascii
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Final

import grpc

from gateway.backend import Metadata
from gateway.errors import BadRequest, GatewayError

log = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]

# In a list of names: every header with this prefix, which is cut off; and the other way, every key, which gets it.
# Source: grpc-gateway, https://grpc-ecosystem.github.io/grpc-gateway/docs/mapping/customizing_your_gateway/
PREFIXED: Final = "grpc-metadata-*"
PREFIX: Final = "grpc-metadata-"
PREFIX_BYTES: Final = PREFIX.encode()
TRAILER_PREFIX: Final = "grpc-trailer-"

FORWARDED_HEADERS: Final = ("authorization", "x-api-key", "x-api-token", "traceparent", "tracestate", PREFIXED)
EXPOSED_METADATA: Final = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "deprecation",
    "etag",
    "expires",
    "last-modified",
    "link",
    "location",
    "retry-after",
    "set-cookie",
    "sunset",
    "vary",
    "www-authenticate",
)

# Status of a successful answer. The name grpc-gateway's users gave it; it never goes out itself.
STATUS_KEY: Final = "x-http-code"
# Length of a download. `content-length` itself would be taken for the length of the HTTP/2 frames that carry the call
# (RFC 9113, section 8.1.1).
LENGTH_KEY: Final = "x-http-content-length"

# Of these the last one counts when they are sent twice: it was added nearest to us. All others may be repeated.
SINGLE: Final = frozenset({"authorization", "traceparent", "x-api-key", "x-api-token"})
# An answer to a request with one of these is the answer for its sender.
CREDENTIALS: Final = frozenset({b"authorization", b"x-api-key", b"x-api-token"})
# Headers of one connection or of one body (RFC 9110, sections 7.6.1 and 8.6), which mean nothing behind the gateway.
HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
# gRPC writes these keys itself; headers of the same name go on under the prefix grpc-gateway gives them.
KEYS_OF_GRPC: Final = frozenset({"content-type", "host", "user-agent"})
RENAMED: Final = "grpcgateway-"
# What the gateway alone may say, and what gRPC keeps for itself.
# Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Custom-Metadata".
RESERVED: Final = ("x-gateway-", "grpc-", ":")
# The prefix must not be a way around a proxy that checks or removes the header itself, nor around an operator who has
# taken one of the usual headers off the list.
NOT_BY_PREFIX: Final = frozenset(
    {"cookie", "forwarded", "x-real-ip", "x-request-id", *HOP_BY_HOP, *KEYS_OF_GRPC, *FORWARDED_HEADERS}
)
NOT_BY_PREFIX_EITHER: Final = (*RESERVED, RENAMED, "x-forwarded-")
# Written by the gateway, or by the HTTP server.
WRITTEN_HERE: Final = frozenset({"content-type", "date", "x-content-type-options", "x-request-id", *HOP_BY_HOP})

# Source: "Custom-Metadata" as above.
KEY: Final = re.compile(r"[0-9a-z_.-]+")
# RFC 9110, section 5.5: visible characters, spaces and tabs, and the bytes above ASCII that are obsolete but allowed.
FIELD_VALUE: Final = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")
# Servers take 8 KiB for sure, and refuse more the likelier the more it is: the soft limit of gRPC, counted as HTTP/2
# counts (RFC 9113, section 6.5.2). 1 KiB of it is left to what gRPC says of each call, and the gateway of each request.
# Source: https://grpc.io/docs/guides/metadata/
MAX_FORWARDED_BYTES: Final = 7 * 1024
ENTRY_BYTES: Final = 32
# Names are the client's, and may be as long as the HTTP server lets them be.
KNOWN_HEADER_SETS: Final = 64


class NameRefused(ValueError):
    """An option names a header or a key that cannot pass; the message is a sentence that names it."""


class HeadersTooLarge(GatewayError):
    """What is to go on is more than servers take (RFC 6585, section 5)."""

    def __init__(self) -> None:
        message = f"the headers that go on to the server must have at most {MAX_FORWARDED_BYTES} bytes together"
        super().__init__(grpc.StatusCode.RESOURCE_EXHAUSTED, message, http_status=431)


class ForwardedHeaders:
    """Headers of requests that become metadata: those called `names`, in any case, and the `cookies` of these names.

    Raises:
        NameRefused: a name is not one that may go on.
    """

    def __init__(self, names: Iterable[str], cookies: Iterable[str] = ()) -> None:
        listed = [name.lower() for name in names]
        self._prefixed = PREFIXED in listed
        self._keys = {
            # The request id goes along in every case, and never as it came.
            name.encode(): forwarded_key(name)
            for name in listed
            if name not in (PREFIXED, "x-request-id")
        }
        self._taken = NOT_BY_PREFIX | set(self._keys.values())
        self.cookie_names = frozenset(cookies)
        # Clients send the same names each time, and to look at each name costs more than all else of most requests.
        self.concern = lru_cache(maxsize=KNOWN_HEADER_SETS)(self._concern)
        """Whether headers of these names, a tuple, may go on, some or all."""

    def _concern(self, names: tuple[bytes, ...]) -> bool:
        return any(name in self._keys or (self._prefixed and name.startswith(PREFIX_BYTES)) for name in names)

    def metadata(
        self, headers: Iterable[tuple[bytes, bytes]], *, with_cookies: bool = False
    ) -> list[tuple[str, str | bytes]]:
        """Return what goes on of the headers of a request, whose names are lower case.

        Raises:
            BadRequest: a header, or a listed cookie, cannot be metadata; the message names it.
            HeadersTooLarge: together they are too large.
        """
        keys = self._keys
        # Nearly all headers are neither; so much only is done for each.
        lines = [line for line in headers if line[0] in keys or line[0].startswith(PREFIX_BYTES)]
        found: list[tuple[str, str | bytes]] = []
        for name, value in lines:
            key = keys.get(name) or self._prefixed_key(name)
            if key is None:
                continue
            if key.endswith("-bin"):
                found += [(key, one) for one in decoded_values(name, value)]
            else:
                found.append((key, ascii_text(name, value)))
        if with_cookies:
            found += self._cookies(headers)
        if sum(entry_bytes(key, value) for key, value in found) > MAX_FORWARDED_BYTES:
            raise HeadersTooLarge
        return found if len(found) < 2 else last_of_singles(found)

    def _cookies(self, headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
        """Return the listed cookies in the form of a Cookie header (RFC 6265, section 4.2.1), under the key `cookie`.

        Raises:
            BadRequest: a listed cookie is no printable ASCII.
        """
        pairs = [pair.strip() for name, value in headers if name == b"cookie" for pair in value.split(b";")]
        names = self.cookie_names
        kept = [pair for pair in pairs if pair.partition(b"=")[0].strip().decode("latin-1") in names]
        return [("cookie", ascii_text(b"cookie", b"; ".join(kept)))] if kept else []

    def _prefixed_key(self, name: bytes) -> str | None:
        """The key a header with the prefix asks for; None when it may not ask for it, as if it had not been sent."""
        if not self._prefixed:
            return None
        key = name.decode("latin-1").removeprefix(PREFIX)
        if not KEY.fullmatch(key):
            raise BadRequest(f"header {name.decode('latin-1')} names no key of metadata: a-z, 0-9, '_', '-' and '.'")
        return None if key in self._taken or key.startswith(NOT_BY_PREFIX_EITHER) else key


def entry_bytes(key: str, value: str | bytes) -> int:
    """Size of one entry of metadata in HTTP/2, where bytes are base64."""
    length = len(value) if isinstance(value, str) else -(-len(value) * 4 // 3)
    return len(key) + length + ENTRY_BYTES


def forwarded_key(name: str) -> str:
    """The key of metadata for a header that is to go on. Raises NameRefused."""
    if name == "cookie":
        raise NameRefused("'cookie' cannot be forwarded as a whole: list the cookies by name")
    if not KEY.fullmatch(name) or name in HOP_BY_HOP or name.startswith(RESERVED):
        raise NameRefused(f"{name!r} is no header that can be forwarded")
    return RENAMED + name if name in KEYS_OF_GRPC else name


def ascii_text(name: bytes, value: bytes) -> str:
    """Text of a header that goes on as metadata, which takes printable ASCII only. Raises BadRequest."""
    text = value.decode("latin-1")
    if not (text.isascii() and text.isprintable()):
        raise BadRequest(f"header {name.decode('latin-1')} must be printable ASCII")
    return text


def decoded_values(name: bytes, value: bytes) -> list[bytes]:
    """Bytes of a header for a key with the suffix -bin: base64, padded or not, several with commas between them."""
    try:
        return [
            base64.b64decode(one + b"=" * (-len(one) % 4), validate=True)
            for one in (part.strip().rstrip(b"=") for part in value.split(b","))
        ]
    except binascii.Error as error:
        raise BadRequest(f"header {name.decode('latin-1')} must be base64") from error


def last_of_singles(metadata: list[tuple[str, str | bytes]]) -> list[tuple[str, str | bytes]]:
    """`metadata` without the keys of `SINGLE` that come again further on."""
    last = {key: place for place, (key, _) in enumerate(metadata)}
    if len(last) == len(metadata):
        return metadata
    return [entry for place, entry in enumerate(metadata) if entry[0] not in SINGLE or last[entry[0]] == place]


class ExposedMetadata:
    """Metadata of answers that become headers: the keys called `names`, under their own name.

    Raises:
        NameRefused: a name is not one the server may write.
    """

    def __init__(self, names: Iterable[str]) -> None:
        listed = [name.lower() for name in names]
        self._prefixed = PREFIXED in listed
        self._names = {name: exposed_header(name) for name in listed if name != PREFIXED}

    @property
    def names(self) -> Sequence[str]:
        """The keys that are exposed under their own name."""
        return tuple(self._names)

    def headers(self, metadata: Metadata) -> Headers:
        """Headers for what the server sent ahead of its answer, or instead of one."""
        return self._named(metadata, PREFIX, self._names)

    def trailers(self, metadata: Metadata) -> Headers:
        """Trailers, or headers in their place, for what the server sent behind its answer."""
        names = {key: TRAILER_PREFIX.encode() + header for key, header in self._names.items()}
        return self._named(metadata, TRAILER_PREFIX, names)

    def _named(self, metadata: Metadata, prefix: str, names: Mapping[str, bytes]) -> Headers:
        found: Headers = []
        for key, value in metadata:
            name = names.get(key)
            if name is None:
                if not self._prefixed or key in (STATUS_KEY, LENGTH_KEY) or key.startswith(RESERVED):
                    continue
                name = prefix.encode() + key.encode()
            text = field_value(key, value)
            if text is not None:
                found.append((name, text))
        return found


def exposed_header(name: str) -> bytes:
    """The header for a key that is to go out. Raises NameRefused."""
    if not KEY.fullmatch(name) or name in WRITTEN_HERE or name.startswith((*RESERVED, "access-control-")):
        raise NameRefused(f"{name!r} is no header that a server may write")
    return name.encode()


def field_value(key: str, value: str | bytes) -> bytes | None:
    """`value` as a header has it, base64 for a key with the suffix -bin; None when it cannot be sent."""
    if key.endswith("-bin"):
        return base64.b64encode(value if isinstance(value, bytes) else value.encode())
    data = value if isinstance(value, bytes) else value.encode("latin-1", "replace")
    if FIELD_VALUE.fullmatch(data):
        return data
    # A line end would begin a header, or an answer, of somebody else's making.
    log.warning("metadata that cannot be a header was left out of an answer", extra={"key": key})
    return None


def http_status(metadata: Metadata) -> int | None:
    """The status the server asks for, 200 to 599; None when it leaves that to the contract.

    A probe may have a whole answer and still be a 503; for anything else an error of gRPC says more.
    """
    for key, value in metadata:
        if key == STATUS_KEY:
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            if len(text) == 3 and text.isascii() and text.isdecimal() and "200" <= text <= "599":
                return int(text)
            log.warning("a server asks for a status that no answer has", extra={"status": text})
    return None


def content_length(metadata: Metadata) -> Headers:
    """The Content-Length of a download, if its server knows it."""
    for key, value in metadata:
        if key == LENGTH_KEY:
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            if text.isascii() and text.isdecimal():
                return [(b"content-length", text.encode())]
            log.warning("a server tells a length that is no number", extra={"length": text})
    return []
