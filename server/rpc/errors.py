"""How a refusal crosses the wire: a gRPC status with `google.rpc.ErrorInfo`, and `BadRequest` when fields are to blame.

The status travels in the trailing metadata `grpc-status-details-bin`, as grpc-status has it.
"""

import asyncio
from typing import Any, Final, NamedTuple

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from server.database.away import is_away
from server.errors import SwitchyardError, Unavailable
from switchyard.errors.v1 import error_reason_pb2 as reasons

DOMAIN: Final = "switchyard"
DETAILS_KEY: Final = "grpc-status-details-bin"
# gRPC refuses metadata above 8 KiB by default; other keys need some of it.
LARGEST_DETAILS_BYTES: Final = 6_000
LONGEST_MESSAGE: Final = 1_000


class WireError(NamedTuple):
    """What a failed call is ended with. `details` is a serialized `google.rpc.Status`."""

    code: grpc.StatusCode
    message: str
    details: bytes


def of_refusal(refusal: SwitchyardError) -> WireError:
    """Return the refusal as it crosses the wire. Violations that do not fit are left out, the last ones first."""
    message = refusal.message[:LONGEST_MESSAGE]
    metadata = {name: value[:LONGEST_MESSAGE] for name, value in refusal.metadata.items()}
    details: list[Message] = [_info(refusal.reason, metadata)]
    if "retry_after" in metadata:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromSeconds(int(metadata["retry_after"]))
        details.append(retry)
    violations = [
        error_details_pb2.BadRequest.FieldViolation(field=violation.field[:200], description=violation.sentence[:400])
        for violation in refusal.violations[:100]
    ]
    return WireError(refusal.status, message, _fitting(refusal.status, message, details, violations))


def code_of(error: BaseException, context: Any) -> grpc.StatusCode:
    """Return the code a call ends with because of `error`; `context` is that of the call."""
    if isinstance(error, SwitchyardError):
        return error.status
    if isinstance(error, grpc.aio.AbortError):
        return grpc.StatusCode(context.code())
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return grpc.StatusCode.CANCELLED
    return grpc.StatusCode.UNAVAILABLE if is_away(error) else grpc.StatusCode.INTERNAL


def of_loss() -> WireError:
    """Return what is told while the database is away."""
    return of_refusal(Unavailable("the database cannot be reached; try again"))


def of_fault(request_id: str) -> WireError:
    """Return what is told of a fault of ours: nothing but where to find it in the log."""
    message = f"internal error; request id {request_id}"
    info = _info(reasons.ERROR_REASON_INTERNAL, {"request_id": request_id})
    return WireError(grpc.StatusCode.INTERNAL, message, _fitting(grpc.StatusCode.INTERNAL, message, [info], []))


def _info(reason: reasons.ErrorReason.ValueType, metadata: dict[str, str]) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reasons.ErrorReason.Name(reason), domain=DOMAIN, metadata=metadata)


def _fitting(
    code: grpc.StatusCode,
    message: str,
    details: list[Message],
    violations: list[error_details_pb2.BadRequest.FieldViolation],
) -> bytes:
    while True:
        status = status_pb2.Status(code=code.value[0], message=message)
        blame = [error_details_pb2.BadRequest(field_violations=violations)] if violations else []
        for detail in [*details, *blame]:
            status.details.add().Pack(detail)
        serialized: bytes = status.SerializeToString()
        if len(serialized) <= LARGEST_DETAILS_BYTES or not violations:
            return serialized
        violations = violations[: len(violations) // 2]
