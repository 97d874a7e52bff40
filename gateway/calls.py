"""Makes the call a request asks for, and writes its answer."""

import logging
from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple

import grpc
from google.protobuf.message import Message

from gateway.backend import Answers, Backend, CallFailed, Metadata, Reply
from gateway.codec import DumpError
from gateway.departure import Departure, StreamsClosed
from gateway.endpoint import Endpoint, Kind, Stream
from gateway.error_body import ErrorReasons, refuse_call, refuse_fault
from gateway.errors import GatewayError, UpgradeRequired
from gateway.exchange import DOWNLOAD_HEADERS, Exchange, Headers, response_headers
from gateway.framing.http_body import UNKNOWN_TYPE, content_of
from gateway.request_body import ClientGone, read_pieces, read_whole, refuse_too_large
from gateway.routing import Match
from gateway.stream_writer import StreamWriter
from gateway.upload import FormPart, is_form, split, with_content_type

log = logging.getLogger(__name__)

# Calls shorter than this are not watched for a client that leaves.
WATCH_AFTER_SECONDS: Final = 0.05


class CallFacts(NamedTuple):
    """What goes with a call beside its request."""

    metadata: Metadata
    timeout_seconds: float | None


class Calls:
    """Serves matched requests. One instance per gateway."""

    def __init__(self, backend: Backend, reasons: ErrorReasons, *, stuck_reader_seconds: float) -> None:
        self._backend = backend
        self._reasons = reasons
        self._stuck_reader_seconds = stuck_reader_seconds
        self._open_streams: set[Departure] = set()

    async def serve(self, exchange: Exchange, endpoint: Endpoint, match: Match, facts: CallFacts) -> None:
        """Make the call and write its answer.

        Raises:
            GatewayError: the request is refused before any call.
            CallFailed: the call failed. If the answer had begun, it must be left unfinished.
            ClientGone: nobody waits for the answer any more.
        """
        if endpoint.kind is Kind.UNARY:
            await self._unary(exchange, endpoint, match, facts)
        elif endpoint.kind is Kind.EVENTS:
            await self._events(exchange, endpoint, match, facts)
        elif endpoint.kind is Kind.DOWNLOAD:
            await self._download(exchange, endpoint, match, facts)
        elif endpoint.kind is Kind.UPLOAD:
            await self._upload(exchange, endpoint, match, facts)
        elif endpoint.kind is Kind.WEBSOCKET:
            raise UpgradeRequired
        else:
            raise GatewayError(grpc.StatusCode.UNIMPLEMENTED, "This method cannot be called over HTTP.")

    def close_streams(self) -> None:
        """End every open stream of events properly, so that a server that stops need not wait for its readers."""
        for departure in tuple(self._open_streams):
            departure.leave(StreamsClosed("the gateway stops"))

    async def _unary(self, exchange: Exchange, endpoint: Endpoint, match: Match, facts: CallFacts) -> None:
        request = await read_request(exchange, endpoint, match)
        with Departure(exchange.receive, WATCH_AFTER_SECONDS):
            reply = await self._backend.unary(endpoint.method, request, facts.metadata, facts.timeout_seconds)
        await answer(exchange, endpoint, reply)

    async def _upload(self, exchange: Exchange, endpoint: Endpoint, match: Match, facts: CallFacts) -> None:
        content_type, first, rest = await open_body(exchange, endpoint)
        pieces = split(first)
        headers = with_content_type(exchange.scope["headers"], content_type)
        request = endpoint.bind(match.variables, exchange.scope["query_string"], headers, pieces[0] if pieces else b"")
        if endpoint.last_field:
            # A query parameter of that name is no word of ours.
            request.ClearField(endpoint.last_field)
        with Departure(exchange.receive, None) as departure:
            requests = feed(endpoint, request, pieces[1:], rest, departure)
            reply = await self._backend.upload(endpoint.method, requests, facts.metadata, facts.timeout_seconds)
        await answer(exchange, endpoint, reply)

    async def _download(self, exchange: Exchange, endpoint: Endpoint, match: Match, facts: CallFacts) -> None:
        request = await read_request(exchange, endpoint, match)
        with Departure(exchange.receive, 0) as departure:
            answers = self._backend.stream(endpoint.method, request, facts.metadata, facts.timeout_seconds)
            writer = StreamWriter(exchange, departure, self._stuck_reader_seconds)
            try:
                async for message in answers:
                    content_type, data = content_of(message)
                    if not writer.started:
                        headers = response_headers(answers.initial_metadata, DOWNLOAD_HEADERS)
                        await writer.start(endpoint.success_status, [(b"content-type", content_type), *headers])
                    if exchange.http_method == "HEAD":
                        break
                    if data:
                        await writer.write(data)
                if not writer.started:
                    await writer.start(endpoint.success_status, [(b"content-type", UNKNOWN_TYPE)])
                await writer.finish()
            finally:
                writer.stop()
                await answers.close()

    async def _events(self, exchange: Exchange, endpoint: Endpoint, match: Match, facts: CallFacts) -> None:
        request = await read_request(exchange, endpoint, match)
        stream = endpoint.stream(exchange.headers.get(b"accept"))
        headers = [(b"content-type", stream.framing.content_type), *stream.framing.headers]
        writer: StreamWriter | None = None
        try:
            with Departure(exchange.receive, 0) as departure:
                self._open_streams.add(departure)
                answers = self._backend.stream(endpoint.method, request, facts.metadata, facts.timeout_seconds)
                writer = StreamWriter(exchange, departure, self._stuck_reader_seconds)
                try:
                    await self._pump(answers, writer, stream, endpoint, headers)
                finally:
                    self._open_streams.discard(departure)
                    writer.stop()
                    await answers.close()
        except StreamsClosed:
            if writer is None or not writer.started:
                raise GatewayError(grpc.StatusCode.UNAVAILABLE, "The server is stopping.") from None
            await writer.finish()

    async def _pump(
        self, answers: Answers, writer: StreamWriter, stream: Stream, endpoint: Endpoint, headers: Headers
    ) -> None:
        """Write all answers, and the error that ends them if it comes after the first."""
        writer.open_later(endpoint.success_status, headers)
        if stream.framing.keep_alive:
            writer.keep_alive(stream.framing.keep_alive, stream.framing.heartbeat_seconds)
        try:
            await write_answers(answers, writer, stream, endpoint.success_status, headers)
        except CallFailed as error:
            if not writer.started:
                raise
            refusal = refuse_call(error, endpoint.method.error_shape, self._reasons, writer.request_id)
            await writer.write(stream.framing.encode_error(refusal.body))
        except DumpError:
            if not writer.started:
                raise
            log.exception("an answer of a stream has no JSON form", extra={"rpc": endpoint.method.full_name})
            refusal = refuse_fault(endpoint.method.error_shape, writer.request_id)
            await writer.write(stream.framing.encode_error(refusal.body))
        if not writer.started:
            await writer.start(endpoint.success_status, headers)
        await writer.finish()


async def write_answers(answers: Answers, writer: StreamWriter, stream: Stream, status: int, headers: Headers) -> None:
    """Write answers as they come, up to the end of the call or of the stream by its contract."""
    previous: Message | None = None
    async for message in answers:
        frame = stream.frames.frame(message, previous)
        previous = message
        if not writer.started:
            await writer.start(status, [*headers, *response_headers(answers.initial_metadata)])
        if writer.bodiless:
            return
        await writer.write(frame.data)
        if frame.last:
            return


async def answer(exchange: Exchange, endpoint: Endpoint, reply: Reply) -> None:
    """Write the one answer of a call."""
    content_type, body = endpoint.write(reply.message)
    await exchange.respond(endpoint.success_status, content_type, body, response_headers(reply.initial_metadata))


async def read_request(exchange: Exchange, endpoint: Endpoint, match: Match) -> Message:
    """Read the body, if the binding takes one, and make the request. Raises GatewayError, ClientGone."""
    scope = exchange.scope
    headers = scope["headers"]
    body: bytes | None = None
    if endpoint.takes_body:
        if endpoint.form_part:
            content_type, first, rest = await open_body(exchange, endpoint)
            body = b"".join([first, *[piece async for piece in rest]])
            headers = with_content_type(headers, content_type)
        else:
            refuse_too_large(exchange.headers.get(b"content-length"), endpoint.max_body_bytes)
            body = await read_whole(exchange.receive, endpoint.max_body_bytes)
    return endpoint.bind(match.variables, scope["query_string"], headers, body)


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


async def feed(
    endpoint: Endpoint, first: Message, pieces: Sequence[bytes], rest: AsyncIterator[bytes], departure: Departure
) -> AsyncIterator[Message]:
    """Yield the requests of an upload. A body that breaks off or is refused half-way ends the call from outside."""
    yield first
    for piece in pieces:
        yield piece_of(endpoint, piece)
    try:
        async for data in rest:
            for piece in split(data):
                yield piece_of(endpoint, piece)
    except (GatewayError, ClientGone) as refusal:
        departure.leave(refusal)
        # The servicer must see a cancelled call and not the end of the body.
        await departure.over()
        return
    if endpoint.last_field:
        yield last_request(endpoint)
    departure.watch()


def piece_of(endpoint: Endpoint, data: bytes) -> Message:
    """A request that carries the next bytes and nothing else."""
    request = endpoint.method.input_class()
    getattr(request, endpoint.body_field).data = data
    return request


def last_request(endpoint: Endpoint) -> Message:
    """A request that says that the body was whole and carries nothing else."""
    request = endpoint.method.input_class()
    setattr(request, endpoint.last_field, True)
    return request
