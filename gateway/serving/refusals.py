"""What a connection refuses by itself, before or instead of the application."""

from typing import Final

import grpc

from gateway.errors import GatewayError

# Bytes in a row that are no body: a head, trailers, extensions of chunks. The parser has no limit of its own. RFC 9112,
# section 3, asks for 8,000 bytes of request line at least; Node.js takes 16 KiB, nginx 32.
MAX_HEAD_BYTES: Final = 64 * 1024


class HeadTooLarge(GatewayError):
    """Headers or trailers are longer than anybody needs (RFC 6585, section 5)."""

    def __init__(self) -> None:
        message = f"the request line and headers must have at most {MAX_HEAD_BYTES} bytes together"
        super().__init__(grpc.StatusCode.RESOURCE_EXHAUSTED, message, http_status=431)


class CodingUnknown(GatewayError):
    """The body has a transfer coding besides chunked (RFC 9112, section 6.1)."""

    def __init__(self) -> None:
        super().__init__(grpc.StatusCode.UNIMPLEMENTED, "Transfer-Encoding must be chunked")


class BodyStopped(GatewayError):
    """The body has stopped coming before its end (RFC 9110, section 15.5.9)."""

    def __init__(self) -> None:
        message = "the body must not stop before its end"
        super().__init__(grpc.StatusCode.DEADLINE_EXCEEDED, message, http_status=408)


class Overloaded(GatewayError):
    """More is being answered than `limit_concurrency` of uvicorn allows."""

    def __init__(self) -> None:
        super().__init__(grpc.StatusCode.UNAVAILABLE, "too many requests are being answered")


class Stopped(GatewayError):
    """The server stops, and the answer did not come in the time it had left."""

    def __init__(self) -> None:
        super().__init__(grpc.StatusCode.UNAVAILABLE, "the server is stopping")


class NoAnswer(GatewayError):
    """The application has failed, or what it gave cannot be sent."""

    def __init__(self) -> None:
        super().__init__(grpc.StatusCode.INTERNAL, "Internal server error")
