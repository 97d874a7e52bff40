"""One request, and a stream of HttpBody: the pieces of one body."""

from gateway.calls.departure import Departure
from gateway.calls.stream_writer import StreamWriter
from gateway.calls.unary import read_request
from gateway.calls.upstream import CallFacts, Upstream
from gateway.endpoint import Endpoint
from gateway.exchange import DOWNLOAD_HEADERS, Exchange, response_headers
from gateway.framing.http_body import UNKNOWN_TYPE, content_of
from gateway.routing import Match


async def serve(upstream: Upstream, exchange: Exchange, endpoint: Endpoint, match: Match, facts: CallFacts) -> None:
    """Make the call and write the body of its answer. Raises as `gateway.calls.serve` does."""
    request = await read_request(exchange, endpoint, match)
    with Departure(exchange.receive, 0) as departure:
        answers = upstream.backend.stream(endpoint.method, request, facts.metadata, facts.timeout_seconds)
        writer = StreamWriter(exchange, departure, upstream.stuck_reader_seconds)
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
