"""Where calls go: the servicers of this process, or a channel to servers elsewhere.

Both ways give the same answers, byte for byte; the rest of the gateway does not know which one it has.
"""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, Protocol

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from gateway.contract.services import Method

Metadata = Sequence[tuple[str, str | bytes]]

# Trailing metadata that carries a serialized google.rpc.Status. Source: the gRPC documentation of "richer error model".
STATUS_DETAILS_KEY = "grpc-status-details-bin"


class Reply(NamedTuple):
    """The one answer of a call, with the metadata that came before and behind it."""

    message: Message
    initial_metadata: Metadata = ()
    trailing_metadata: Metadata = ()


class CallFailed(Exception):
    """The call ended with a status other than OK.

    `details` is a serialized google.rpc.Status, or None when the server sent none; `trailing_metadata` has it too. What
    is in it may be of types that are described in `pool`, which the rpc comes from; None where there was no call.
    """

    def __init__(
        self,
        status: grpc.StatusCode,
        message: str,
        details: bytes | None = None,
        trailing_metadata: Metadata = (),
        pool: DescriptorPool | None = None,
    ) -> None:
        super().__init__(f"{status.name}: {message}")
        self.status = status
        self.message = message
        self.details = details
        self.trailing_metadata = trailing_metadata
        self.pool = pool


class Answers(Protocol):
    """The answers of one streaming call. Used by one task; closed by whoever opened it."""

    def __aiter__(self) -> AsyncIterator[Message]:
        """Iterate over the answers. Messages belong to the server and must not be changed.

        Raises:
            CallFailed: the call ended with a status other than OK.
        """
        ...

    @property
    def initial_metadata(self) -> Metadata:
        """What the server sent ahead of its first answer; empty before that answer was read."""
        ...

    @property
    def trailing_metadata(self) -> Metadata:
        """What the server sent behind its last answer; empty before the end, and when the call failed."""
        ...

    async def close(self) -> None:
        """Cancel the call if it still runs, and wait until its clean-up is done."""
        ...


class Backend(Protocol):
    """Makes calls. `timeout_seconds` is None for no deadline; requests belong to the callee afterwards."""

    async def unary(self, method: Method, request: Message, metadata: Metadata, timeout_seconds: float | None) -> Reply:
        """Make a call with one request and one answer.

        Raises:
            CallFailed: the call ended with a status other than OK.
        """
        ...

    async def collect(
        self, method: Method, requests: AsyncIterator[Message], metadata: Metadata, timeout_seconds: float | None
    ) -> Reply:
        """Make a call with many requests and one answer. A request is taken when the server asks for the next one.

        Raises:
            CallFailed: the call ended with a status other than OK.
        """
        ...

    def stream(
        self,
        method: Method,
        request: Message | AsyncIterator[Message],
        metadata: Metadata,
        timeout_seconds: float | None,
    ) -> Answers:
        """Make a call with many answers, and one request or an iterator over many, as the method has it.

        It starts with the first answer asked for. An iterator that was not used up stays its owner's to close.
        """
        ...
