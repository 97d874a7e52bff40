"""What of the metadata of an answer goes out: what goes out over HTTP routes, under the same names."""

from gateway.backend import Metadata
from gateway.errors.problem import Problem
from gateway.http.exchange import Headers
from gateway.http.metadata import ExposedMetadata
from gateway.http.whole_answer import failure_headers


def leading(metadata: Metadata, exposed: ExposedMetadata) -> Headers:
    """Headers for what the server sent ahead of its answer."""
    # It speaks of bytes in an HttpBody, which are inside a message here. Clients would decode the message.
    return [header for header in exposed.headers(metadata) if header[0] != b"content-encoding"]


def trailing(metadata: Metadata, exposed: ExposedMetadata) -> Headers:
    """Trailers for what the server sent behind its answer."""
    return exposed.headers(metadata)


def trailing_failure(problem: Problem, exposed: ExposedMetadata) -> Headers:
    """Trailers for what goes with a call that failed."""
    known = list(problem.headers)
    return [*known, *failure_headers(problem.trailing_metadata, exposed, known)]
