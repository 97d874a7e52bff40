"""What goes wrong with a request, before it has the shape of any protocol.

An HTTP route, Connect and gRPC-Web tell the same of one fault, each in its own words.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

import grpc
from google.protobuf import any_pb2
from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2

from gateway.backend import CallFailed, Metadata
from gateway.contract.options import enum_value_options
from gateway.errors import HTTP_STATUS, GatewayError, Violation

log = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]

# How servers of grpc for Python, asyncio and threaded, begin the message of a call whose servicer crashed instead of
# refusing. Such a message is for our log and nobody outside.
CRASH_WORDS: Final = ("Unexpected <class '", "Exception calling application: ")


class Problem(NamedTuple):
    """Why a request has no answer."""

    status: grpc.StatusCode
    http_status: int
    message: str
    violations: Sequence[Violation] = ()
    """The fields to blame; `details` has them too."""
    details: Sequence[any_pb2.Any] = ()
    headers: Sequence[tuple[bytes, bytes]] = ()
    """What goes with the answer, whatever its body looks like: Retry-After, Allow, the challenge of a 401."""
    trailing_metadata: Metadata = ()
    """What the server sent behind its status."""
    pool: DescriptorPool | None = None
    """Where types of `details` may be described besides the pool of generated code."""
    code: str = ""
    """Code of the reason in the coded shape; empty: that of the status."""


class ErrorReasons:
    """HTTP statuses and codes of error reasons, read from enums whose values state one.

    A reason is known under the name of the value and, as AIP-193 spells reasons, without the prefix of its enum.
    """

    def __init__(self, enums: Iterable[EnumDescriptor]) -> None:
        self._statuses: dict[str, int] = {}
        self._codes: dict[str, str] = {}
        for enum in enums:
            prefix = _prefix([value.name for value in enum.values])
            for value in enum.values:
                options = enum_value_options(value)
                for name in (value.name, value.name.removeprefix(prefix)):
                    if options.http_status:
                        self._statuses[name] = options.http_status
                    if options.code:
                        self._codes[name] = options.code

    def status_of(self, reason: str) -> int | None:
        """HTTP status of `reason`; None when it states none."""
        return self._statuses.get(reason)

    def code_of(self, reason: str) -> str:
        """Code of `reason` in the coded shape; empty when it states none."""
        return self._codes.get(reason, "")


def of_refusal(error: GatewayError) -> Problem:
    """Return what the gateway itself refuses."""
    details = []
    if error.violations:
        fields = [
            error_details_pb2.BadRequest.FieldViolation(field=one.field, description=one.message)
            for one in error.violations
        ]
        details = [any_pb2.Any()]
        details[0].Pack(error_details_pb2.BadRequest(field_violations=fields))
    headers = [(name.encode(), value.encode("latin-1")) for name, value in error.headers]
    return Problem(
        error.status,
        error.http_status,
        error.message,
        error.violations,
        details,
        headers + _challenge(error.http_status),
    )


def of_call(error: CallFailed, reasons: ErrorReasons, request_id: str) -> Problem:
    """Return how a call failed."""
    if error.message.startswith(CRASH_WORDS):
        return of_fault(request_id)
    details = _read_status(error.details).details
    http_status, code = HTTP_STATUS[error.status], ""
    headers: Headers = []
    violations: list[Violation] = []
    for detail in details:
        info = error_details_pb2.ErrorInfo()
        bad = error_details_pb2.BadRequest()
        if _unpack(detail, info):
            http_status = reasons.status_of(info.reason) or http_status
            code = reasons.code_of(info.reason) or code
            headers += _retry_after(info.metadata)
        elif _unpack(detail, bad):
            violations += [Violation(one.field, one.description) for one in bad.field_violations]
    headers += _challenge(http_status)
    return Problem(
        error.status,
        http_status,
        error.message,
        violations,
        details,
        headers,
        error.trailing_metadata,
        error.pool,
        code,
    )


def _unpack(detail: any_pb2.Any, message: Message) -> bool:
    """Whether `detail` is of the type of `message` and can be read, into it."""
    try:
        return detail.Unpack(message)
    except DecodeError:
        log.warning("a server sent a detail that is not what it says", extra={"type_url": detail.type_url})
        return False


def of_fault(request_id: str) -> Problem:
    """Return a fault of ours: nothing but where to find it in the log."""
    return Problem(grpc.StatusCode.INTERNAL, 500, f"Internal server error. Request id: {request_id}")


def _challenge(http_status: int) -> Headers:
    # RFC 9110, section 15.5.2: a 401 names a scheme.
    return [(b"www-authenticate", b"Bearer")] if http_status == 401 else []


def _retry_after(metadata: Mapping[str, str]) -> Headers:
    seconds = metadata.get("retry_after", "")
    return [(b"retry-after", seconds.encode())] if seconds.isdecimal() and seconds.isascii() else []


def _read_status(details: bytes | None) -> status_pb2.Status:
    if details is None:
        return status_pb2.Status()
    try:
        return status_pb2.Status.FromString(details)
    except DecodeError:
        log.warning("a server sent details that are no google.rpc.Status")
        return status_pb2.Status()


def _prefix(names: Sequence[str]) -> str:
    """What all value names of an enum begin with, up to and with an underscore."""
    first, last = min(names), max(names)
    same = next((i for i, letter in enumerate(first) if i >= len(last) or last[i] != letter), len(first))
    return first[: first.rfind("_", 0, same) + 1]
