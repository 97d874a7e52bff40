"""A stream of answers in the framing the request and the contract choose."""

import logging

import grpc
from google.protobuf.message import Message

from gateway.backend import Answers, CallFailed
from gateway.calls.departure import Departure, StreamsClosed
from gateway.calls.requests import open_requests
from gateway.calls.stream_writer import StreamWriter
from gateway.calls.upstream import CallFacts, Upstream
from gateway.codec import DumpError
from gateway.endpoint import Endpoint, Stream
from gateway.errors import GatewayError
from gateway.errors.body import refuse, refuse_call, refuse_fault
from gateway.http.exchange import Exchange, Headers
from gateway.routing import Match

log = logging.getLogger(__name__)


async def serve(upstream: Upstream, exchange: Exchange, endpoint: Endpoint, match: Match, facts: CallFacts) -> None:
    """Make the call and write its answers. Raises as `gateway.calls.Serve` does."""
    stream = endpoint.stream(exchange.headers.get(b"accept"))
    writer: StreamWriter | None = None
    try:
        with Departure(exchange.receive) as departure:
            async with open_requests(exchange, endpoint, match, departure) as requests:
                upstream.open_streams.add(departure)
                answers = upstream.backend.stream(endpoint.method, requests, facts.metadata, facts.timeout_seconds)
                writer = StreamWriter(exchange, departure, upstream.stuck_reader_seconds)
                try:
                    await pump(upstream, answers, writer, stream, endpoint)
                finally:
                    upstream.open_streams.discard(departure)
                    writer.stop()
                    await answers.close()
    except StreamsClosed:
        if writer is None or not writer.started:
            raise GatewayError(grpc.StatusCode.UNAVAILABLE, "The server is stopping.") from None
        await writer.finish_with(b"")
    except GatewayError as refusal:
        # One of a stream of requests is wrong, and answers to others may be out.
        if writer is None or not writer.started:
            raise
        await writer.finish_with(stream.framing.encode_error(refuse(refusal, endpoint.method.error_form).body))


async def pump(upstream: Upstream, answers: Answers, writer: StreamWriter, stream: Stream, endpoint: Endpoint) -> None:
    """Write all answers, and the error that ends them if it comes after the first."""
    framing = stream.framing
    headers = [(b"content-type", framing.content_type), *framing.headers]
    writer.open_later(endpoint.success_status, headers, framing.opening)
    if framing.keep_alive:
        writer.keep_alive(framing.keep_alive, framing.heartbeat_seconds)
    try:
        await write_answers(answers, writer, stream, endpoint.success_status, headers)
    except CallFailed as error:
        if not writer.started:
            raise
        refusal = refuse_call(error, endpoint.method.error_form, upstream.reasons, writer.request_id)
        await writer.write(framing.encode_error(refusal.body))
    except DumpError:
        if not writer.started:
            raise
        log.exception("an answer of a stream has no JSON form", extra={"rpc": endpoint.method.full_name})
        refusal = refuse_fault(endpoint.method.error_form, writer.request_id)
        await writer.write(framing.encode_error(refusal.body))
    if not writer.started:
        await writer.start(endpoint.success_status, headers, framing.opening, answers.initial_metadata)
    await writer.finish(answers.trailing_metadata)


async def write_answers(answers: Answers, writer: StreamWriter, stream: Stream, status: int, headers: Headers) -> None:
    """Write answers as they come, up to the end of the call or of the stream by its contract."""
    previous: Message | None = None
    async for message in answers:
        frame = stream.frames.frame(message, previous)
        previous = message
        if not writer.started:
            await writer.start(status, headers, stream.framing.opening, answers.initial_metadata)
        if writer.bodiless:
            return
        await writer.write(frame.data)
        if frame.last:
            return
