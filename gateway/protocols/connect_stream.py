"""Streams of Connect, either way: messages in envelopes, and one more envelope that tells how the call ended.

Source: https://connectrpc.com/docs/protocol, "Streaming-Request" and "Streaming-Response". Over HTTP/1.1 a client that
cannot send and receive at once gets its answers after its last request; nothing here forces it to wait.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from gateway.calls import CallFacts, Upstream
from gateway.errors.problem import Problem
from gateway.http.exchange import Exchange, Headers
from gateway.http.metadata import ExposedMetadata
from gateway.protocols import envelope_call
from gateway.protocols.answer_metadata import trailing, trailing_failure
from gateway.protocols.connect_error import error_object
from gateway.protocols.connect_headers import asked_seconds, check_version, takes_gzip
from gateway.protocols.envelope import COMPRESSED, pack
from gateway.protocols.envelope_call import Dialogue
from gateway.protocols.message_coding import GZIP, compress, read_coding
from gateway.protocols.procedure import Procedure
from gateway.protocols.request_reader import RequestReader

END_STREAM: Final = 0b10
# Below this gzip hardly pays: its frame alone takes 18 bytes.
COMPRESS_FROM_BYTES: Final = 1024
# Compressing a larger one would hold up all other calls for some 10 ms and more.
COMPRESS_UP_TO_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True)
class ConnectStream:
    """All calls but unary ones. `codec` is "proto" or "json"."""

    codec: str

    def asked_seconds(self, headers: Mapping[bytes, bytes]) -> float | None:
        """Seconds in Connect-Timeout-Ms."""
        return asked_seconds(headers)

    async def serve(self, upstream: Upstream, exchange: Exchange, procedure: Procedure, facts: CallFacts) -> None:
        """Make the call and write its answers; see `Wire.serve`."""
        await envelope_call.serve(upstream, exchange, procedure, facts, self._dialogue(exchange, procedure))

    async def refuse(self, exchange: Exchange, problem: Problem) -> None:
        """Answer with the status 200 all streams have, and the error in the only envelope."""
        await exchange.respond(200, self._content_type, pack_failure(problem, exchange.rules.exposed))

    @property
    def _content_type(self) -> bytes:
        return b"application/connect+" + self.codec.encode()

    def _dialogue(self, exchange: Exchange, procedure: Procedure) -> Dialogue:
        headers, exposed = exchange.headers, exchange.rules.exposed
        check_version(headers)
        codec = procedure.codecs[self.codec]
        coding = read_coding(headers.get(b"connect-content-encoding"), "header Connect-Content-Encoding")
        takes_it = takes_gzip(headers.get(b"connect-accept-encoding"), sent=coding)
        packing = takes_it and exchange.rules.compression
        reader = RequestReader(codec, procedure.max_message_bytes, coding)
        return Dialogue(
            content_type=self._content_type,
            headers=[(b"connect-content-encoding", GZIP)] if packing else [],
            requests=reader.requests,
            answer=lambda message: pack_answer(codec.dump(message), packing=packing),
            end=lambda metadata: pack_end({}, trailing(metadata, exposed)),
            failure=lambda problem: pack_failure(problem, exposed),
        )


def pack_answer(data: bytes, *, packing: bool) -> bytes:
    """An answer in its envelope, compressed if that is wanted and worth it."""
    if packing and COMPRESS_FROM_BYTES <= len(data) <= COMPRESS_UP_TO_BYTES:
        return pack(COMPRESSED, compress(data))
    return pack(0, data)


def pack_failure(problem: Problem, exposed: ExposedMetadata) -> bytes:
    """The last envelope of a call that failed."""
    return pack_end({"error": error_object(problem)}, trailing_failure(problem, exposed))


def pack_end(end: dict[str, Any], metadata: Headers) -> bytes:
    """An "EndStreamResponse" with `metadata`."""
    values: dict[str, list[str]] = {}
    for name, value in metadata:
        values.setdefault(name.decode("ascii"), []).append(value.decode("latin-1"))
    if values:
        end["metadata"] = values
    return pack(END_STREAM, orjson.dumps(end))
