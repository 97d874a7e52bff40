"""Unary calls of Connect: bare messages in plain HTTP.

Source: https://connectrpc.com/docs/protocol, "Unary-Request", "Unary-Get-Request" and "Unary-Response".
"""

import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

import orjson
from google.protobuf.message import Message

from gateway.calls import CallFacts, Upstream
from gateway.calls.departure import Departure
from gateway.errors import HTTP_STATUS, BadRequest, UnsupportedMediaType
from gateway.errors.problem import Problem
from gateway.http.exchange import JSON, Exchange, Headers
from gateway.http.large_body import read_message
from gateway.http.request_body import read_whole, refuse_too_large
from gateway.http.whole_answer import send_answer
from gateway.protocols.answer_metadata import leading, trailing, trailing_failure
from gateway.protocols.connect_error import error_object
from gateway.protocols.connect_headers import asked_seconds, check_version
from gateway.protocols.message_coding import decompress, read_coding
from gateway.protocols.procedure import Procedure

_URL_SAFE: Final = str.maketrans("-_", "+/")


class ConnectUnary:
    """What a POST and a GET have in common."""

    def asked_seconds(self, headers: Mapping[bytes, bytes]) -> float | None:
        """Seconds in Connect-Timeout-Ms."""
        return asked_seconds(headers)

    async def refuse(self, exchange: Exchange, problem: Problem) -> None:
        """Answer with the HTTP status of the code, which is the only one its clients expect, and the error as JSON."""
        trailers = trailing_failure(problem._replace(headers=()), exchange.rules.exposed)
        headers = [*problem.headers, *readable(prefixed(trailers))]
        await exchange.respond(HTTP_STATUS[problem.status], JSON, orjson.dumps(error_object(problem)), headers)


@dataclass(frozen=True, slots=True)
class ConnectPost(ConnectUnary):
    """A request in the body. `codec` is "proto" or "json", for the answer too."""

    codec: str

    async def serve(self, upstream: Upstream, exchange: Exchange, procedure: Procedure, facts: CallFacts) -> None:
        """Make the call and write its answer; see `Wire.serve`."""
        check_version(exchange.headers)
        limit = procedure.max_message_bytes
        refuse_too_large(exchange.headers.get(b"content-length"), limit)
        body = await read_whole(exchange.receive, limit)
        request = await read_message(procedure.codecs[self.codec].parse, body)
        await call(upstream, exchange, procedure, facts, request, self.codec)


@dataclass(frozen=True, slots=True)
class ConnectGet(ConnectUnary):
    """A request in the query, for an rpc without side effects."""

    async def serve(self, upstream: Upstream, exchange: Exchange, procedure: Procedure, facts: CallFacts) -> None:
        """Make the call and write its answer; see `Wire.serve`."""
        parameters = read_query(exchange.scope["query_string"])
        if parameters.get("connect", "v1") != "v1":
            raise BadRequest("parameter connect must be v1")
        codec = parameters.get("encoding", "")
        if codec not in procedure.codecs:
            raise UnsupportedEncoding
        message = given_message(parameters, procedure.max_message_bytes)
        await call(upstream, exchange, procedure, facts, procedure.codecs[codec].parse(message), codec)


async def call(
    upstream: Upstream, exchange: Exchange, procedure: Procedure, facts: CallFacts, request: Message, codec: str
) -> None:
    """Make the call and write its answer in the form of the request."""
    with Departure(exchange.receive, upstream.long_calls):
        reply = await upstream.backend.unary(procedure.method, request, facts.metadata, facts.timeout_seconds)
    body = procedure.codecs[codec].dump(reply.message)
    exposed = exchange.rules.exposed
    trailers = readable(prefixed(trailing(reply.trailing_metadata, exposed)))
    headers = [*leading(reply.initial_metadata, exposed), *trailers]
    await send_answer(exchange, 200, b"application/" + codec.encode(), body, headers=headers)


def prefixed(trailers: Headers) -> Headers:
    """Trailers as headers ("Prefixed-Trailing-Metadata")."""
    return [(b"trailer-" + name, value) for name, value in trailers]


def readable(trailers: Headers) -> Headers:
    """`trailers`, and what lets pages of other origins read them, if such may read answers at all."""
    names = b", ".join(name for name, _ in trailers)
    return [*trailers, (b"access-control-expose-headers", names)] if trailers else []


class UnsupportedEncoding(UnsupportedMediaType):
    """The query names a form of message that does not exist here."""

    def __init__(self) -> None:
        super().__init__("application/json, application/proto")
        self.message = "parameter encoding must be json or proto"


def read_query(query: bytes) -> dict[str, str]:
    """The parameters of a query; those that are not Connect's do no harm.

    Raises:
        BadRequest: the query is not percent-encoded UTF-8, or has the message twice.
    """
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise BadRequest("the query must be percent-encoded UTF-8; binary messages take base64=1") from error
    if sum(name == "message" for name, _ in pairs) != 1:
        raise BadRequest("parameter message must be given once")
    return dict(pairs)


def given_message(parameters: Mapping[str, str], limit_bytes: int) -> bytes:
    """The bytes of the message in a query, uncompressed.

    Raises:
        GatewayError: `base64` or `compression` is not what the message is, or it is too large.
    """
    text = parameters["message"]
    data = from_base64(text) if parameters.get("base64") == "1" else text.encode()
    coding = read_coding(parameters.get("compression", "identity").encode(), "parameter compression")
    return data if coding is None else decompress(data, coding, limit_bytes)


def from_base64(text: str) -> bytes:
    """Bytes of base64 in the URL-safe alphabet or the other, padded or not. Raises BadRequest."""
    bare = text.rstrip("=").translate(_URL_SAFE)
    try:
        return binascii.a2b_base64(bare + "=" * (-len(bare) % 4), strict_mode=True)
    except ValueError as error:  # binascii.Error, and text that is no ASCII
        raise BadRequest("parameter message must be base64") from error
