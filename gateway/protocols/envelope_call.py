"""A call whose requests and answers go in envelopes: all of gRPC-Web, and Connect unless it is unary."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from google.protobuf.message import Message

from gateway.backend import Answers, CallFailed, Metadata
from gateway.calls import CallFacts, Upstream
from gateway.calls.connection import HangUpWatch
from gateway.calls.departure import Departure, StreamsClosed
from gateway.calls.inbox import Inbox
from gateway.calls.requests import cancelling, read_ahead
from gateway.calls.stream_writer import StreamWriter
from gateway.errors import GatewayError, problem
from gateway.errors.problem import ErrorReasons, Problem
from gateway.http.exchange import Exchange, Headers
from gateway.http.metadata import ExposedMetadata
from gateway.http.request_body import ClientGone, read_pieces
from gateway.protocols.answer_metadata import leading
from gateway.protocols.procedure import Procedure

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Dialogue:
    """How the two sides of one call are written. Made for one request, whose headers it knows."""

    content_type: bytes
    headers: Headers
    """What an answer that begins well has beside its content type."""
    requests: Callable[[AsyncIterator[bytes]], AsyncIterator[Message]]
    """The requests in the pieces of a body. Raises GatewayError."""
    answer: Callable[[Message], bytes]
    """An answer in its envelope."""
    end: Callable[[Metadata], bytes]
    """What ends a call that went well; takes its trailing metadata."""
    failure: Callable[[Problem], bytes]
    """What ends a call that did not."""


async def serve(
    upstream: Upstream, exchange: Exchange, procedure: Procedure, facts: CallFacts, dialogue: Dialogue
) -> None:
    """Make the call and write its answers. Raises as `Wire.serve` does."""
    if procedure.method.server_streaming:
        await serve_stream(upstream, exchange, procedure, facts, dialogue)
    else:
        await serve_one(upstream, exchange, procedure, facts, dialogue)


async def serve_one(
    upstream: Upstream, exchange: Exchange, procedure: Procedure, facts: CallFacts, dialogue: Dialogue
) -> None:
    """Make a call with one answer."""
    method, backend = procedure.method, upstream.backend
    if method.client_streaming:
        with Departure(exchange.receive) as departure:
            async with open_requests(exchange, procedure, dialogue, departure) as requests:
                reply = await backend.collect(method, requests, facts.metadata, facts.timeout_seconds)
    else:
        request = await read_only(dialogue.requests(read_pieces(exchange.receive, None)))
        with Departure(exchange.receive, upstream.long_calls):
            reply = await backend.unary(method, request, facts.metadata, facts.timeout_seconds)
    body = dialogue.answer(reply.message) + dialogue.end(reply.trailing_metadata)
    headers = [*dialogue.headers, *leading(reply.initial_metadata, exchange.rules.exposed)]
    await exchange.respond(200, dialogue.content_type, body, headers)


async def serve_stream(
    upstream: Upstream, exchange: Exchange, procedure: Procedure, facts: CallFacts, dialogue: Dialogue
) -> None:
    """Make a call with any number of answers, each sent when it comes."""
    method = procedure.method
    writer: StreamWriter | None = None
    try:
        with Departure(exchange.receive) as departure:
            async with open_stream_requests(exchange, procedure, dialogue, departure) as requests:
                upstream.open_streams.add(departure)
                answers = upstream.backend.stream(method, requests, facts.metadata, facts.timeout_seconds)
                writer = StreamWriter(exchange, departure, upstream.stuck_reader_seconds)
                try:
                    await write_answers(answers, writer, dialogue, exchange.rules.exposed)
                finally:
                    upstream.open_streams.discard(departure)
                    writer.stop()
                    await answers.close()
    except Exception as error:
        if isinstance(error, StreamsClosed):
            error = GatewayError(grpc.StatusCode.UNAVAILABLE, "The server is stopping.")
        if isinstance(error, ClientGone) or writer is None or not writer.started:
            raise error
        await writer.finish_with(dialogue.failure(explain(error, upstream.reasons, exchange.request_id)))


async def write_answers(answers: Answers, writer: StreamWriter, dialogue: Dialogue, exposed: ExposedMetadata) -> None:
    """Write all answers as they come, and the end.

    Headers wait for the first answer or the end, however long that takes: they carry the initial metadata of the call.
    """

    async def start() -> None:
        headers = [(b"content-type", dialogue.content_type), *dialogue.headers]
        await writer.start(200, [*headers, *leading(answers.initial_metadata, exposed)])

    async for message in answers:
        data = dialogue.answer(message)
        if not writer.started:
            await start()
        await writer.write(data)
    if not writer.started:
        await start()
    await writer.write(dialogue.end(answers.trailing_metadata))
    await writer.finish()


@asynccontextmanager
async def open_stream_requests(
    exchange: Exchange, procedure: Procedure, dialogue: Dialogue, departure: Departure
) -> AsyncIterator[Message | AsyncIterator[Message]]:
    """Yield what `Backend.stream` takes, inside `departure`, which then watches for a client that leaves."""
    if procedure.method.client_streaming:
        async with open_requests(exchange, procedure, dialogue, departure) as requests:
            yield requests
    else:
        request = await read_only(dialogue.requests(read_pieces(exchange.receive, None)))
        departure.watch()
        yield request


@asynccontextmanager
async def open_requests(
    exchange: Exchange, procedure: Procedure, dialogue: Dialogue, departure: Departure
) -> AsyncIterator[AsyncIterator[Message]]:
    """Yield a stream of requests. One that is refused half-way ends the call by way of `departure`."""
    inbox = Inbox(HangUpWatch(exchange, departure))
    body = read_pieces(exchange.receive, procedure.max_stream_bytes)
    reading = asyncio.create_task(read_ahead(body, inbox, departure))
    try:
        yield cancelling(dialogue.requests(inbox), departure)
    finally:
        reading.cancel()
        await asyncio.wait([reading])


async def read_only(requests: AsyncIterator[Message]) -> Message:
    """Return the one request there must be.

    Raises:
        GatewayError: there is none, or more than one. "Request cardinality violation" is UNIMPLEMENTED by
            https://github.com/grpc/grpc/blob/master/doc/statuscodes.md.
    """
    only: Message | None = None
    async for request in requests:
        if only is not None:
            raise GatewayError(grpc.StatusCode.UNIMPLEMENTED, "the body must hold one message only")
        only = request
    if only is None:
        raise GatewayError(grpc.StatusCode.UNIMPLEMENTED, "the body must hold a message")
    return only


def explain(error: Exception, reasons: ErrorReasons, request_id: str) -> Problem:
    """Return what to tell of `error`; a fault of ours is logged and not told."""
    if isinstance(error, GatewayError):
        return problem.of_refusal(error)
    if isinstance(error, CallFailed):
        return problem.of_call(error, reasons, request_id)
    log.error("a request failed unexpectedly", extra={"request_id": request_id}, exc_info=error)
    return problem.of_fault(request_id)
