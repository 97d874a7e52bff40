"""A call over a WebSocket: frames of the client are requests, answers are frames.

The client's first frame is the body of the one request, if the binding takes a body; where the rpc takes a stream of
requests, each frame is one, up to an empty text frame, which ends the client's side. Text that nobody waits for is
ignored. How answers, errors and ends look is `gateway.framing.websocket`'s.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import grpc
from google.protobuf.message import Message

from gateway.backend import CallFailed
from gateway.calls import open_socket
from gateway.calls.connection import HangUpWatch
from gateway.calls.departure import Departure, StreamsClosed
from gateway.calls.form import split, with_content_type
from gateway.calls.inbox import Inbox
from gateway.calls.open_socket import Frame, OpenSocket
from gateway.calls.requests import cancelling, messages, pieces
from gateway.calls.upstream import CallFacts, Upstream
from gateway.endpoint import Endpoint, Requests
from gateway.errors import GatewayError, MessageTooLarge
from gateway.errors.body import refuse, refuse_call, refuse_fault
from gateway.http import handshake
from gateway.http.exchange import Exchange
from gateway.http.large_body import read_message
from gateway.http.request_body import ClientGone
from gateway.routing import Match

log = logging.getLogger(__name__)

# How a socket is closed after a refusal, by the HTTP status the refusal would have. Any other: an error of the server.
CLOSE_CODES: Final[Mapping[int, int]] = {
    400: open_socket.INVALID_PAYLOAD,
    401: open_socket.POLICY_VIOLATION,
    403: open_socket.POLICY_VIOLATION,
    413: open_socket.MESSAGE_TOO_BIG,
    415: open_socket.UNSUPPORTED_DATA,
    429: open_socket.TRY_AGAIN_LATER,
    503: open_socket.TRY_AGAIN_LATER,
}
# Of a call that failed, these are nobody's fault at the server; frames are not to blame for any.
CALL_CODES: Final = frozenset({401, 403, 429, 503})
PING: Final = "ping"
PONG: Final = "pong"


class BinaryFrame(GatewayError):
    """A binary frame came where requests are JSON."""

    def __init__(self) -> None:
        message = "binary frames are not taken here; send JSON in text frames"
        super().__init__(grpc.StatusCode.INVALID_ARGUMENT, message, http_status=415)


async def serve(upstream: Upstream, exchange: Exchange, endpoint: Endpoint, match: Match, facts: CallFacts) -> None:
    """Accept the socket, make the call, and close the socket.

    Raises:
        GatewayError: the handshake is refused.
        ClientGone: the client left.
    """
    # Refuses a wrong path or query in the handshake, whatever the frames will hold.
    endpoint.bind(match.variables, exchange.scope["query_string"], exchange.scope["headers"], None)
    await handshake.accept(exchange)
    socket = OpenSocket(exchange, upstream.stuck_reader_seconds)
    form = endpoint.method.error_form
    try:
        await converse(upstream, socket, endpoint, match, facts)
    except StreamsClosed:
        await socket.close(open_socket.GOING_AWAY, "The server is stopping.")
    except ClientGone:
        raise
    except GatewayError as error:
        code = CLOSE_CODES.get(error.http_status, open_socket.INTERNAL_ERROR)
        await socket.fail(code, error.message, refuse(error, form).body)
    except CallFailed as error:
        refusal = refuse_call(error, form, upstream.reasons, exchange.request_id)
        known = CLOSE_CODES if refusal.http_status in CALL_CODES else {}
        code = known.get(refusal.http_status, open_socket.INTERNAL_ERROR)
        await socket.fail(code, error.status.name, refusal.body)
    except Exception:
        log.exception("a call over a WebSocket failed unexpectedly", extra={"request_id": exchange.request_id})
        refusal = refuse_fault(form, exchange.request_id)
        await socket.fail(open_socket.INTERNAL_ERROR, grpc.StatusCode.INTERNAL.name, refusal.body)
    else:
        await socket.close(open_socket.NORMAL, "")


async def converse(upstream: Upstream, socket: OpenSocket, endpoint: Endpoint, match: Match, facts: CallFacts) -> None:
    """Make the call with what comes in, and send what comes out."""
    with Departure(socket.exchange.receive) as departure, socket.watched(departure):
        upstream.open_streams.add(departure)
        try:
            async with open_requests(socket, endpoint, match, departure) as requests:
                await send_answers(upstream, socket, endpoint, requests, facts)
        finally:
            upstream.open_streams.discard(departure)


async def send_answers(
    upstream: Upstream,
    socket: OpenSocket,
    endpoint: Endpoint,
    requests: Message | AsyncIterator[Message],
    facts: CallFacts,
) -> None:
    """Make the call and send its answers, up to the end of the call or of the stream by its contract."""
    method, backend = endpoint.method, upstream.backend
    if not method.server_streaming:
        if isinstance(requests, Message):
            reply = await backend.unary(method, requests, facts.metadata, facts.timeout_seconds)
        else:
            reply = await backend.collect(method, requests, facts.metadata, facts.timeout_seconds)
        await send_answer(socket, endpoint, reply.message, None)
        return
    answers = backend.stream(method, requests, facts.metadata, facts.timeout_seconds)
    previous: Message | None = None
    try:
        async for message in answers:
            if await send_answer(socket, endpoint, message, previous):
                return
            previous = message
    finally:
        await answers.close()


async def send_answer(socket: OpenSocket, endpoint: Endpoint, message: Message, previous: Message | None) -> bool:
    """Send one answer; return whether it is the last by the contract. `previous` is the answer before it."""
    frames = endpoint.frames.frame(message, previous)
    for frame in frames.data:
        await socket.send(frame)
    return frames.last


@asynccontextmanager
async def open_requests(
    socket: OpenSocket, endpoint: Endpoint, match: Match, departure: Departure
) -> AsyncIterator[Message | AsyncIterator[Message]]:
    """Yield what the call is made with. To be used inside `departure`, which ends when the client leaves.

    Raises:
        BadRequest: the first frame is no request; for a stream any frame, by way of `departure`.
    """
    inbox = Inbox(HangUpWatch(socket.exchange, departure))
    if not (endpoint.takes_body or endpoint.method.client_streaming):
        inbox.end()
    reading = asyncio.create_task(read_frames(socket, endpoint, inbox, departure))
    query = socket.exchange.scope["query_string"]
    # A content type of the handshake says nothing about frames.
    headers = with_content_type(socket.exchange.scope["headers"], b"")

    def bind(frame: bytes) -> Message:
        return endpoint.bind_frame(match.variables, query, headers, frame)

    try:
        if endpoint.requests is Requests.PIECES:
            beginning = split(await anext(inbox, b"")) or (b"",)
            yield cancelling(pieces(endpoint, bind(beginning[0]), beginning[1:], inbox), departure)
        elif endpoint.method.client_streaming:
            yield cancelling(messages(inbox, bind), departure)
        else:
            yield await read_message(bind, await anext(inbox, b""))
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        # As in `gateway.calls.requests`: nobody must go on waiting.
        inbox.end()


async def read_frames(socket: OpenSocket, endpoint: Endpoint, inbox: Inbox, departure: Departure) -> None:
    """Put what the client sends into `inbox` until it leaves, which ends `departure`."""
    size = 0
    try:
        while True:
            frame = await socket.receive()
            if frame == PING and endpoint.answer_ping:
                await socket.send(PONG)
                continue
            data = frame_bytes(frame, endpoint)
            if inbox.ended:
                continue
            # A body in pieces is limited as a whole, as it is over HTTP.
            size = len(data) + (size if endpoint.requests is Requests.PIECES else 0)
            if size > endpoint.max_body_bytes:
                raise MessageTooLarge(endpoint.max_body_bytes)
            if frame:
                await inbox.put(data)
            if frame == "" or not endpoint.method.client_streaming:
                inbox.end()
    except Exception as reason:  # noqa: BLE001 - ClientGone, a refusal, or a fault of ours: the call ends with it
        departure.leave(reason)


def frame_bytes(frame: Frame, endpoint: Endpoint) -> bytes:
    """The bytes of a frame. Raises BinaryFrame where only text is taken."""
    if isinstance(frame, str):
        return frame.encode()
    if not endpoint.takes_bytes:
        raise BinaryFrame
    return frame
