"""Takes requests out of their envelopes, the same way in Connect and gRPC-Web."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from google.protobuf.message import Message

from gateway.errors import BadRequest
from gateway.http.large_body import read_message
from gateway.protocols.envelope import COMPRESSED, Envelope, EnvelopeReader
from gateway.protocols.message_codec import MessageCodec
from gateway.protocols.message_coding import decompress


@dataclass(frozen=True, slots=True)
class RequestReader:
    """Reads the requests of one call, each of at most `limit_bytes`, compressed and not."""

    codec: MessageCodec
    limit_bytes: int
    coding: str | None
    """How envelopes are compressed that are marked as such; None where none may be."""

    async def requests(self, pieces: AsyncIterator[bytes]) -> AsyncIterator[Message]:
        """Yield the requests in the pieces of a body.

        Raises:
            GatewayError: an envelope or the message in it is wrong, or too large.
        """
        reader = EnvelopeReader(self.limit_bytes)
        async for piece in pieces:
            for envelope in reader.feed(piece):
                yield await read_message(self.codec.parse, self._open(envelope))
        reader.finish()

    def _open(self, envelope: Envelope) -> bytes:
        if envelope.flags & ~COMPRESSED:
            raise BadRequest(f"an envelope has flags {envelope.flags:#04x}, which are not for requests")
        if not envelope.flags:
            return envelope.data
        if self.coding is None:
            raise BadRequest("an envelope is compressed, and no header says how")
        return decompress(envelope.data, self.coding, self.limit_bytes)
