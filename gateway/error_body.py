"""Bodies of answers whose status is not OK, in the shape the service asks for."""

import base64
import logging
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeAlias

import grpc
import orjson
from google.protobuf import any_pb2
from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from gateway.backend import CallFailed
from gateway.codec import DumpError, jsonable
from gateway.descriptor_options import enum_value_options
from gateway.errors import HTTP_STATUS, GatewayError, Violation
from gateway_options.v1 import options_pb2

log = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]
Shape: TypeAlias = "options_pb2.ServiceOptions.ErrorShape.ValueType"

PLAIN: Final = options_pb2.ServiceOptions.ERROR_SHAPE_UNSPECIFIED
DETAIL: Final = options_pb2.ServiceOptions.ERROR_SHAPE_DETAIL
CODED: Final = options_pb2.ServiceOptions.ERROR_SHAPE_CODED

# Phrase and code of the coded shape. A status that is not listed has its phrase of RFC 9110.
CODED_WORDS: Final[Mapping[int, tuple[str, str]]] = {
    400: ("Invalid request", "INVALID_REQUEST"),
    401: ("Unauthorized", "UNAUTHORIZED"),
    403: ("Forbidden", "FORBIDDEN"),
    404: ("Not found", "NOT_FOUND"),
    405: ("Method not allowed", "INVALID_REQUEST"),
    409: ("Conflict", "CONFLICT"),
    413: ("Request too large", "INVALID_REQUEST"),
    429: ("Too many requests", "RATE_LIMITED"),
    500: ("Internal server error", "INTERNAL_ERROR"),
    503: ("Service unavailable", "SERVICE_UNAVAILABLE"),
}


class Refusal(NamedTuple):
    """An answer whose status is not OK."""

    http_status: int
    headers: Headers
    body: bytes


class Problem(NamedTuple):
    """What went wrong, before it has a shape. `details` are JSON objects with `@type`, as in google.rpc.Status."""

    status: grpc.StatusCode
    http_status: int
    message: str
    violations: Sequence[Violation]
    details: Sequence[Any]


class ErrorReasons:
    """HTTP statuses of error reasons, read from enums whose values state one.

    A reason is known under the name of the value and, as AIP-193 spells reasons, without the prefix of its enum.
    """

    def __init__(self, enums: Iterable[EnumDescriptor]) -> None:
        self._statuses: dict[str, int] = {}
        for enum in enums:
            prefix = _prefix([value.name for value in enum.values])
            for value in enum.values:
                status = enum_value_options(value).http_status
                if status:
                    self._statuses[value.name] = status
                    self._statuses[value.name.removeprefix(prefix)] = status

    def status_of(self, reason: str) -> int | None:
        """HTTP status of `reason`; None when it states none."""
        return self._statuses.get(reason)


def refuse(error: GatewayError, shape: Shape) -> Refusal:
    """Return the answer for a refusal of the gateway itself."""
    details = []
    if error.violations:
        fields = [{"field": one.field, "description": one.message} for one in error.violations]
        details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields}]
    problem = Problem(error.status, error.http_status, error.message, error.violations, details)
    headers = [(name.encode(), value.encode("latin-1")) for name, value in error.headers]
    return Refusal(error.http_status, headers + _challenge(error.http_status), _body(problem, shape))


def refuse_call(error: CallFailed, shape: Shape, reasons: ErrorReasons, request_id: str) -> Refusal:
    """Return the answer for a call that did not end well."""
    if error.status is grpc.StatusCode.UNKNOWN and error.details is None:
        return refuse_fault(shape, request_id)
    status = _read_status(error.details)
    http_status = HTTP_STATUS[error.status]
    headers: Headers = []
    violations: list[Violation] = []
    for detail in status.details:
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo.FromString(detail.value)
            http_status = reasons.status_of(info.reason) or http_status
            headers += _retry_after(info.metadata)
        elif detail.Is(error_details_pb2.BadRequest.DESCRIPTOR):
            bad = error_details_pb2.BadRequest.FromString(detail.value)
            violations += [Violation(one.field, one.description) for one in bad.field_violations]
    problem = Problem(error.status, http_status, error.message, violations, [_expand(one) for one in status.details])
    return Refusal(http_status, headers + _challenge(http_status), _body(problem, shape))


def refuse_fault(shape: Shape, request_id: str) -> Refusal:
    """Return the answer for a fault of ours: nothing but where to find it in the log."""
    sentence = f"Internal server error. Request id: {request_id}"
    return Refusal(500, [], _body(Problem(grpc.StatusCode.INTERNAL, 500, sentence, (), ()), shape))


def _body(problem: Problem, shape: Shape) -> bytes:
    if shape == DETAIL:
        body: dict[str, Any] = {"detail": problem.message}
        if problem.violations:
            body["errors"] = [{"field": one.field, "message": one.message} for one in problem.violations]
        return orjson.dumps(body)
    if shape == CODED:
        phrase, code = CODED_WORDS.get(problem.http_status) or _standard_words(problem.http_status)
        return orjson.dumps({"error": phrase, "message": problem.message, "code": code})
    # The numbers of google.rpc.Code are the values of grpc's codes.
    body = {"code": problem.status.value[0], "message": problem.message}
    if problem.details:
        body["details"] = list(problem.details)
    return orjson.dumps(body)


def _standard_words(http_status: int) -> tuple[str, str]:
    try:
        phrase = HTTPStatus(http_status).phrase
    except ValueError:  # 499, which no RFC names
        phrase = "Request failed"
    return phrase, phrase.upper().replace(" ", "_").replace("-", "_")


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


def _expand(detail: any_pb2.Any) -> Any:
    """`detail` as ProtoJSON; with its bytes as they are when its type is not known here."""
    try:
        return jsonable(detail)
    except DumpError:
        return {"@type": detail.type_url, "value": base64.b64encode(detail.value).decode("ascii")}


def _prefix(names: Sequence[str]) -> str:
    """What all value names of an enum begin with, up to and with an underscore."""
    first, last = min(names), max(names)
    same = next((i for i, letter in enumerate(first) if i >= len(last) or last[i] != letter), len(first))
    return first[: first.rfind("_", 0, same) + 1]
