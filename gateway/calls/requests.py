"""What a call is made with: the one request, or a stream of requests from a body that is still coming.

The body is read a little ahead of the server, so that a client that leaves is noticed in any case; no more than
`AHEAD_BYTES` and one piece wait in memory.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from google.protobuf.message import Message

from gateway.binding.body import check_json
from gateway.calls.connection import HangUpWatch
from gateway.calls.departure import Departure
from gateway.calls.file_body import FileBody, open_body
from gateway.calls.form import split, with_content_type
from gateway.calls.inbox import Inbox
from gateway.calls.unary import read_request
from gateway.endpoint import Endpoint, Requests
from gateway.errors import BadRequest, GatewayError
from gateway.framing.json_texts import Splitter, is_lines, split_body
from gateway.http.exchange import Exchange
from gateway.http.large_body import read_message
from gateway.http.request_body import read_pieces
from gateway.routing import Match


@asynccontextmanager
async def open_requests(
    exchange: Exchange, endpoint: Endpoint, match: Match, departure: Departure
) -> AsyncIterator[Message | AsyncIterator[Message]]:
    """Yield what `Backend.stream` takes. To be used inside `departure`, which then watches for a client that leaves.

    Raises:
        GatewayError: the request is refused; for a stream also in the middle of it, by way of `departure`.
        ClientGone: the client left half-way.
    """
    if endpoint.method.client_streaming:
        async with open_request_stream(exchange, endpoint, match, departure) as requests:
            yield requests
    else:
        request = await read_request(exchange, endpoint, match)
        departure.watch()
        yield request


@asynccontextmanager
async def open_request_stream(
    exchange: Exchange, endpoint: Endpoint, match: Match, departure: Departure
) -> AsyncIterator[AsyncIterator[Message]]:
    """Yield the requests of a method that takes a stream of them. Otherwise as `open_requests`."""
    if endpoint.requests is Requests.ONE:
        request = await read_request(exchange, endpoint, match)
        departure.watch()
        yield only(request)
        return
    inbox = Inbox(HangUpWatch(exchange, departure))
    query, headers = exchange.scope["query_string"], exchange.scope["headers"]
    if endpoint.requests is Requests.PIECES:
        file = await open_body(exchange, endpoint)
        rest = file.rest
        beginning = split(file.first) or (b"",)
        request = endpoint.bind(match.variables, query, with_content_type(headers, file.content_type), beginning[0])
        file.name(request, endpoint)
        file.fill(request, endpoint)
        requests = pieces(endpoint, request, beginning[1:], inbox, file)
    else:
        # Refuses a wrong path, query or content type before the call, whatever the body holds.
        endpoint.bind(match.variables, query, headers, None)
        body_type = exchange.headers.get(b"content-type", b"")
        if not is_lines(body_type):
            check_json(headers)
        plain = with_content_type(headers, b"")
        # Not limited as a whole: a conversation may be as long as both sides like. Each message is limited.
        rest = read_pieces(exchange.receive, None)
        splitter = split_body(body_type, endpoint.max_body_bytes)
        requests = messages(texts(inbox, splitter), lambda text: endpoint.bind(match.variables, query, plain, text))
    reading = asyncio.create_task(read_ahead(rest, inbox, departure))
    try:
        yield cancelling(requests, departure)
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        # The call is over. Over a channel a task of grpc may still wait for the next request.
        inbox.end()


async def read_ahead(body: AsyncIterator[bytes], inbox: Inbox, departure: Departure) -> None:
    """Put the body into `inbox`, and then have `departure` watch."""
    try:
        async for piece in body:
            await inbox.put(piece)
    except GatewayError as refusal:
        inbox.end(refusal)
    except Exception as reason:  # noqa: BLE001 - ClientGone, or a fault of ours: the call ends with it
        departure.leave(reason)
    else:
        inbox.end()
        departure.watch()


async def cancelling(requests: AsyncIterator[Message], departure: Departure) -> AsyncIterator[Message]:
    """Yield `requests`. One that is refused ends the call from outside, with the refusal as its outcome."""
    try:
        async for request in requests:
            yield request
    except GatewayError as refusal:
        departure.leave(refusal)
        # The server must see a cancelled call and not the end of the requests.
        await departure.over()


async def only(request: Message) -> AsyncIterator[Message]:
    """A stream of one request."""
    yield request


async def texts(inbox: Inbox, splitter: Splitter) -> AsyncIterator[bytes]:
    """Yield the JSON texts in a body. Raises GatewayError."""
    async for piece in inbox:
        for text in splitter.feed(piece):
            yield text
    for text in splitter.finish():
        yield text


async def messages(texts: AsyncIterator[bytes], bind: Callable[[bytes], Message]) -> AsyncIterator[Message]:
    """Yield a request for each text. Raises BadRequest, which numbers the message that is wrong, from 1."""
    number = 0
    async for text in texts:
        number += 1
        try:
            request = await read_message(bind, text)
        except BadRequest as refusal:
            raise BadRequest(f"message {number}: {refusal.message}", refusal.violations) from refusal
        yield request


async def pieces(
    endpoint: Endpoint, request: Message, beginning: Sequence[bytes], inbox: Inbox, file: FileBody | None = None
) -> AsyncIterator[Message]:
    """Yield `request`, which has path, query and the first bytes, then one for each further piece.

    What a form says behind the file comes in one more, which is also the one that says that the body was whole.
    """
    if endpoint.last_field:
        # A query parameter of that name is no word of ours.
        request.ClearField(endpoint.last_field)
    yield request
    for piece in beginning:
        yield piece_of(endpoint, piece)
    async for data in inbox:
        for piece in split(data):
            yield piece_of(endpoint, piece)
    last = endpoint.method.input_class()
    if file is not None:
        file.fill(last, endpoint)
    if endpoint.last_field:
        setattr(last, endpoint.last_field, True)
    if last.ByteSize():
        yield last


def piece_of(endpoint: Endpoint, data: bytes) -> Message:
    """A request that carries the next bytes and nothing else."""
    request = endpoint.method.input_class()
    body: Any = getattr(request, endpoint.body_field) if endpoint.body_field else request
    body.data = data
    return request
