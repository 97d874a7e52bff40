"""Refusals of the gateway itself, and the HTTP status of every gRPC status.

Named by the fact. The shape of the body is decided where the answer is written, from the options of the service.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import grpc

# Source: comments of google/rpc/code.proto. FAILED_PRECONDITION is 400 there, not the similarly named 412; 499 has no
# name in the standard library.
HTTP_STATUS: Final[Mapping[grpc.StatusCode, int]] = {
    grpc.StatusCode.OK: 200,
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
}


class Violation(NamedTuple):
    """One field of a request and what is wrong with it."""

    field: str
    """Path of the field in the request, for example "items[2].name"; empty when the request as a whole is to blame."""
    message: str
    """One sentence that names the field."""


class GatewayError(Exception):
    """A request the gateway answers by itself, without a call.

    `http_status` is the one of `status` unless given; `headers` go into the answer as they are.
    """

    def __init__(
        self,
        status: grpc.StatusCode,
        message: str,
        violations: Sequence[Violation] = (),
        http_status: int | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.violations = tuple(violations)
        self.http_status = HTTP_STATUS[status] if http_status is None else http_status
        self.headers = tuple(headers)


class BadRequest(GatewayError):
    """The request cannot be read as the method's input."""

    def __init__(self, message: str, violations: Sequence[Violation] = ()) -> None:
        super().__init__(grpc.StatusCode.INVALID_ARGUMENT, message, violations)


class RouteNotFound(GatewayError):
    """No route has this path."""

    def __init__(self) -> None:
        super().__init__(grpc.StatusCode.NOT_FOUND, "Not Found")


class MethodNotAllowed(GatewayError):
    """The path has routes, but none for this HTTP method. `allowed` goes into `Allow` (RFC 9110, section 15.5.6)."""

    def __init__(self, allowed: Sequence[str]) -> None:
        headers = [("allow", ", ".join(allowed))]
        super().__init__(grpc.StatusCode.UNIMPLEMENTED, "Method Not Allowed", http_status=405, headers=headers)


class BodyTooLarge(GatewayError):
    """The body is larger than `limit_bytes`."""

    def __init__(self, limit_bytes: int) -> None:
        message = f"body must be at most {limit_bytes} bytes"
        super().__init__(grpc.StatusCode.RESOURCE_EXHAUSTED, message, http_status=413)


class MessageTooLarge(GatewayError):
    """One message of a request stream is larger than `limit_bytes`."""

    def __init__(self, limit_bytes: int) -> None:
        message = f"a message must be at most {limit_bytes} bytes"
        super().__init__(grpc.StatusCode.RESOURCE_EXHAUSTED, message, http_status=413)


class UnsupportedMediaType(GatewayError):
    """The body is of a type the route does not take. `accepted` goes into `Accept` (RFC 9110, section 15.5.16)."""

    def __init__(self, accepted: str) -> None:
        message = f"Content-Type must be {accepted}"
        super().__init__(grpc.StatusCode.INVALID_ARGUMENT, message, http_status=415, headers=[("accept", accepted)])


class RateLimitExceeded(GatewayError):
    """The client has used up its requests; it may come back after `retry_after_seconds`.

    `body` is the JSON object to answer over HTTP; None for one in the service's error shape.
    """

    def __init__(self, message: str, *, retry_after_seconds: int, body: Mapping[str, str | int] | None = None) -> None:
        headers = [("retry-after", str(retry_after_seconds))]
        super().__init__(grpc.StatusCode.RESOURCE_EXHAUSTED, message, headers=headers)
        self.body = body


class UpgradeRequired(GatewayError):
    """The route speaks WebSocket only (RFC 9110, section 15.5.22)."""

    def __init__(self) -> None:
        headers = [("upgrade", "websocket"), ("connection", "Upgrade")]
        message = "this route speaks WebSocket only"
        super().__init__(grpc.StatusCode.FAILED_PRECONDITION, message, http_status=426, headers=headers)
