"""The answer of a call that went well, in one piece.

Metadata becomes headers, what a client has already is not sent again, and what is large is compressed.
"""

from typing import Final

from gateway.backend import Metadata
from gateway.http.compression import FOR_BODIES, MIN_BYTES, VARY, choose, compress, is_compressible, may_transform
from gateway.http.conditional import OF_CONTENT, entity_tag, is_known, with_weak_tag
from gateway.http.exchange import BODILESS, Exchange, Headers
from gateway.http.metadata import ExposedMetadata, http_status

# If-None-Match spares an answer to these only (RFC 9110, section 13.1.2).
SAFE: Final = ("GET", "HEAD")
# An entity tag invites caches to keep an answer, and those that many share know of no credential but Authorization
# (RFC 9111, sections 3.5 and 5.2.2.7).
PRIVATE: Final = (b"cache-control", b"private")


async def send_answer(
    exchange: Exchange,
    status: int,
    content_type: bytes,
    body: bytes,
    *,
    headers: Headers | None = None,
    initial_metadata: Metadata = (),
    trailing_metadata: Metadata = (),
) -> None:
    """Send `body` with `headers`, and with the headers and instead of `status` the status the metadata ask for."""
    rules = exchange.rules
    headers = [] if headers is None else headers.copy()
    if initial_metadata or trailing_metadata:
        headers += rules.exposed.headers(initial_metadata)
        status = http_status(initial_metadata) or http_status(trailing_metadata) or status
    coding: bytes | None = None
    if len(body) >= MIN_BYTES and rules.compression and is_compressible(content_type) and may_transform(headers):
        # Also where this client takes no coding: another one may, and a cache has to know.
        headers.append(VARY)
        coding = choose(exchange.headers.get(b"accept-encoding"), FOR_BODIES)
    if status == 200 and exchange.http_method in SAFE:
        tag = own_tag(headers)
        if tag is None and rules.etags and not is_unstored(headers):
            tag = entity_tag(body)
            headers.append((b"etag", tag))
        if not rules.credentials.isdisjoint(exchange.headers) and not has_cache_control(headers):
            headers.append(PRIVATE)
        if coding is not None:
            headers = with_weak_tag(headers)
        if tag is not None and b"if-none-match" in exchange.headers and is_known(if_none_match(exchange), tag):
            await exchange.respond(304, b"", b"", [header for header in headers if header[0] not in OF_CONTENT])
            return
    if coding is not None:
        headers.append((b"content-encoding", coding))
        body = await compress(coding, body)
    if trailing_metadata:
        await send_with_trailers(exchange, status, content_type, body, headers, trailing_metadata)
    else:
        await exchange.respond(status, content_type, body, headers)


async def send_with_trailers(
    exchange: Exchange, status: int, content_type: bytes, body: bytes, headers: Headers, metadata: Metadata
) -> None:
    """Send an answer behind which the server sent `metadata`: as trailers where there can be any, else as headers."""
    trailers = exchange.rules.exposed.trailers(metadata)
    if not trailers or not exchange.takes_trailers or status in BODILESS:
        await exchange.respond(status, content_type, body, [*headers, *trailers])
        return
    names = (b"trailer", b", ".join(name for name, _ in trailers))
    await exchange.begin(status, [(b"content-type", content_type), names, *headers], trailers=True)
    await exchange.send({"type": "http.response.body", "body": body})
    await exchange.send_trailers(trailers)


def failure_headers(metadata: Metadata, exposed: ExposedMetadata, known: Headers) -> Headers:
    """Headers for what the server sent with a failure, beside the `known` ones.

    A call that fails has one block of metadata, which gRPC hands over as trailing
    (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, "Trailers-Only").
    """
    taken = {name for name, _ in known} | OF_CONTENT
    return [header for header in exposed.headers(metadata) if header[0] not in taken]


def own_tag(headers: Headers) -> bytes | None:
    """The entity tag the server has set."""
    return next((value for name, value in headers if name == b"etag"), None)


def has_cache_control(headers: Headers) -> bool:
    """Whether the server says itself who may keep the answer."""
    return any(name == b"cache-control" for name, _ in headers)


def is_unstored(headers: Headers) -> bool:
    """Whether the server forbids to keep the answer (RFC 9111, section 5.2.2.5), so that a tag would be of no use."""
    return any(name == b"cache-control" and b"no-store" in value.lower() for name, value in headers)


def if_none_match(exchange: Exchange) -> list[bytes]:
    """All lines of the header."""
    return [value for name, value in exchange.scope["headers"] if name == b"if-none-match"]
