"""A stream of HttpBody, whole answers or a field of them: the pieces of one body."""

from gateway.backend import Answers
from gateway.calls.departure import Departure
from gateway.calls.requests import open_requests
from gateway.calls.stream_writer import StreamWriter
from gateway.calls.upstream import CallFacts, Upstream
from gateway.endpoint import Endpoint
from gateway.framing.http_body import UNKNOWN_TYPE
from gateway.http.exchange import Exchange
from gateway.http.metadata import content_length
from gateway.routing import Match


async def serve(upstream: Upstream, exchange: Exchange, endpoint: Endpoint, match: Match, facts: CallFacts) -> None:
    """Make the call and write the body of its answer. Raises as `gateway.calls.Serve` does."""
    with Departure(exchange.receive) as departure:
        async with open_requests(exchange, endpoint, match, departure) as requests:
            answers = upstream.backend.stream(endpoint.method, requests, facts.metadata, facts.timeout_seconds)
            writer = StreamWriter(exchange, departure, upstream.stuck_reader_seconds)
            try:
                await write_pieces(answers, writer, endpoint)
            finally:
                writer.stop()
                await answers.close()


async def write_pieces(answers: Answers, writer: StreamWriter, endpoint: Endpoint) -> None:
    """Write all pieces. The first one has the content type."""
    async for message in answers:
        content_type, data = endpoint.write(message)
        if not writer.started:
            metadata = answers.initial_metadata
            headers = [(b"content-type", content_type), *content_length(metadata)]
            await writer.start(endpoint.success_status, headers, metadata=metadata)
        if writer.bodiless:
            break
        if data:
            await writer.write(data)
    if not writer.started:
        headers = [(b"content-type", UNKNOWN_TYPE)]
        await writer.start(endpoint.success_status, headers, metadata=answers.initial_metadata)
    await writer.finish(answers.trailing_metadata)
