"""A file in the body of a request: raw, or as one part of a multipart form."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from google.protobuf.message import Message

from gateway.calls.form import FormPart, is_form
from gateway.endpoint import Endpoint
from gateway.http.exchange import Exchange
from gateway.http.request_body import read_pieces, refuse_too_large


@dataclass(frozen=True, slots=True)
class FileBody:
    """A file as it comes: its content type, its first bytes, and an iterator over the rest."""

    content_type: bytes
    first: bytes
    rest: AsyncIterator[bytes]
    form: FormPart | None = None

    def fill(self, request: Message, endpoint: Endpoint) -> None:
        """Put into `request` what the form has said beside the file since the last call. Raises BadRequest."""
        if self.form is None or endpoint.read_form is None:
            return
        told = endpoint.read_form(self.form.take_fields())
        if endpoint.last_field:
            # A part of that name is no word of ours.
            told.ClearField(endpoint.last_field)
        request.MergeFrom(told)

    def name(self, request: Message, endpoint: Endpoint) -> None:
        """Put the name of the file into `request`, if it has one and there is a field for it."""
        if self.form is not None and self.form.filename and endpoint.filename_field:
            setattr(request, endpoint.filename_field, self.form.filename)


async def open_body(exchange: Exchange, endpoint: Endpoint) -> FileBody:
    """Open the file in the body, raw or in a form.

    Raises:
        GatewayError: the body is too large, or a form without the part.
        ClientGone: the client left half-way.
    """
    refuse_too_large(exchange.headers.get(b"content-length"), endpoint.max_body_bytes)
    pieces = read_pieces(exchange.receive, endpoint.max_body_bytes)
    content_type = exchange.headers.get(b"content-type", b"")
    if not (endpoint.form_part and is_form(content_type)):
        return FileBody(content_type, await anext(pieces, b""), pieces)
    part = FormPart(content_type, endpoint.form_part, pieces)
    first = await part.open()
    return FileBody(part.content_type, first, part.rest(), part)
