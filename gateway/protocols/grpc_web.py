"""gRPC-Web: the messages of gRPC over any HTTP, its trailers as the last envelope of the body.

Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md, and PROTOCOL-HTTP2.md beside it for what it leaves
as it is. Binary trailing metadata stays base64 in the text form too: the text of the specification says otherwise, but
its own clients and Envoy do so.
"""

import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import grpc
from google.rpc import status_pb2

from gateway.backend import STATUS_DETAILS_KEY
from gateway.calls import CallFacts, Upstream
from gateway.errors import GatewayError
from gateway.errors.problem import Problem
from gateway.http.deadline import asked_seconds
from gateway.http.exchange import Exchange, Headers
from gateway.http.metadata import ExposedMetadata
from gateway.protocols import envelope_call
from gateway.protocols.answer_metadata import trailing, trailing_failure
from gateway.protocols.envelope import pack
from gateway.protocols.envelope_call import Dialogue
from gateway.protocols.grpc_web_text import TextDecoder
from gateway.protocols.message_coding import read_coding
from gateway.protocols.procedure import Procedure
from gateway.protocols.request_reader import RequestReader

BINARY: Final = b"application/grpc-web"
TEXT: Final = b"application/grpc-web-text"
TRAILERS: Final = 0x80
# PROTOCOL-HTTP2.md, "Percent-Encoded": printable ASCII but the percent sign stays as it is.
UNENCODED: Final = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
# More than this does not go into headers, which clients and proxies bound (8 KiB in all is common).
MAX_HEADER_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class GrpcWeb:
    """Calls with one request. `codec` is "proto" or "json"."""

    content_type: bytes
    codec: str
    text: bool

    def asked_seconds(self, headers: Mapping[bytes, bytes]) -> float | None:
        """Seconds in Grpc-Timeout."""
        return asked_seconds(headers.get(b"grpc-timeout"))

    async def serve(self, upstream: Upstream, exchange: Exchange, procedure: Procedure, facts: CallFacts) -> None:
        """Make the call and write its answers; see `Wire.serve`."""
        if procedure.method.client_streaming:
            message = "gRPC-Web has no streams of requests; call this method over gRPC, Connect or its HTTP route"
            raise GatewayError(grpc.StatusCode.UNIMPLEMENTED, message)
        await envelope_call.serve(upstream, exchange, procedure, facts, self._dialogue(exchange, procedure))

    async def refuse(self, exchange: Exchange, problem: Problem) -> None:
        """Answer with headers only ("Trailers-Only"), or with a body of trailers where these are long."""
        trailers = trailers_of(problem, exchange.rules.exposed)
        content_type, text = self._answer_form(exchange.headers)
        if sum(len(name) + len(value) for name, value in trailers) <= MAX_HEADER_BYTES:
            await exchange.respond(200, content_type, b"", trailers)
        else:
            await exchange.respond(200, content_type, written(pack_trailers(trailers), text=text))

    def _answer_form(self, headers: Mapping[bytes, bytes]) -> tuple[bytes, bool]:
        """Content type of the answer and whether it is text: as Accept says, else like the request."""
        accepted = headers.get(b"accept", b"")
        suffix = self.content_type.removeprefix(TEXT if self.text else BINARY)
        if TEXT in accepted:
            return TEXT + suffix, True
        if BINARY in accepted:
            return BINARY + suffix, False
        return self.content_type, self.text

    def _dialogue(self, exchange: Exchange, procedure: Procedure) -> Dialogue:
        headers, exposed = exchange.headers, exchange.rules.exposed
        codec = procedure.codecs[self.codec]
        content_type, text = self._answer_form(headers)
        # gRPC-Web asks for no compression of messages, but clients made for gRPC send it.
        coding = read_coding(headers.get(b"grpc-encoding"), "header grpc-encoding")
        reader = RequestReader(codec, procedure.max_message_bytes, coding)
        return Dialogue(
            content_type=content_type,
            headers=[],
            requests=lambda pieces: reader.requests(decoded(pieces) if self.text else pieces),
            answer=lambda message: written(pack(0, codec.dump(message)), text=text),
            end=lambda metadata: written(
                pack_trailers([(b"grpc-status", b"0"), *trailing(metadata, exposed)]), text=text
            ),
            failure=lambda problem: written(pack_trailers(trailers_of(problem, exposed)), text=text),
        )


async def decoded(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the bytes that base64 spells. Raises BadRequest."""
    decoder = TextDecoder()
    async for piece in pieces:
        yield decoder.feed(piece)
    decoder.finish()


def written(data: bytes, *, text: bool) -> bytes:
    """A piece of the body, complete in itself."""
    return base64.b64encode(data) if text else data


def trailers_of(problem: Problem, exposed: ExposedMetadata) -> Headers:
    """The trailers of a call that failed."""
    code = problem.status.value[0]
    trailers = [(b"grpc-status", b"%d" % code)]
    if problem.message:
        trailers.append((b"grpc-message", quote(problem.message, safe=UNENCODED, errors="replace").encode()))
    if problem.details:
        status = status_pb2.Status(code=code, message=problem.message, details=problem.details)
        details = base64.b64encode(status.SerializeToString()).rstrip(b"=")
        trailers.append((STATUS_DETAILS_KEY.encode(), details))
    return [*trailers, *trailing_failure(problem, exposed)]


def pack_trailers(trailers: Headers) -> bytes:
    """The last envelope: a block of HTTP/1 headers without the empty line."""
    return pack(TRAILERS, b"".join([b"%b: %b\r\n" % trailer for trailer in trailers]))
