"""A file in the body of a request: raw, or as one part of a multipart form."""

from collections.abc import AsyncIterator

from gateway.calls.form import FormPart, is_form
from gateway.endpoint import Endpoint
from gateway.http.exchange import Exchange
from gateway.http.request_body import read_pieces, refuse_too_large


async def open_body(exchange: Exchange, endpoint: Endpoint) -> tuple[bytes, bytes, AsyncIterator[bytes]]:
    """Open the file in the body, raw or in a form: its content type, its first bytes, and an iterator over the rest.

    Raises:
        GatewayError: the body is too large, or a form without the part.
        ClientGone: the client left half-way.
    """
    refuse_too_large(exchange.headers.get(b"content-length"), endpoint.max_body_bytes)
    pieces = read_pieces(exchange.receive, endpoint.max_body_bytes)
    content_type = exchange.headers.get(b"content-type", b"")
    if not (endpoint.form_part and is_form(content_type)):
        return content_type, await anext(pieces, b""), pieces
    part = FormPart(content_type, endpoint.form_part, pieces)
    first = await part.open()
    return part.content_type, first, part.rest()
