"""Bodies of answers whose status is not OK, in the shape the service asks for."""

import base64
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple, TypeAlias

import orjson
from google.protobuf import any_pb2
from google.protobuf.descriptor_pool import DescriptorPool

from gateway.backend import CallFailed
from gateway.errors import GatewayError, RateLimitExceeded, problem
from gateway.errors.detail import expand
from gateway.errors.problem import ErrorReasons, Headers, Problem
from gateway_options.v1 import options_pb2

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


def refuse(error: GatewayError, shape: Shape) -> Refusal:
    """Return the answer for a refusal of the gateway itself."""
    refusal = _shaped(problem.of_refusal(error), shape)
    if isinstance(error, RateLimitExceeded) and error.body is not None:
        return refusal._replace(body=orjson.dumps(error.body))
    return refusal


def refuse_call(error: CallFailed, shape: Shape, reasons: ErrorReasons, request_id: str) -> Refusal:
    """Return the answer for a call that did not end well."""
    return _shaped(problem.of_call(error, reasons, request_id), shape)


def refuse_fault(shape: Shape, request_id: str) -> Refusal:
    """Return the answer for a fault of ours: nothing but where to find it in the log."""
    return _shaped(problem.of_fault(request_id), shape)


def _shaped(one: Problem, shape: Shape) -> Refusal:
    return Refusal(one.http_status, list(one.headers), _body(one, shape))


def _body(one: Problem, shape: Shape) -> bytes:
    if shape == DETAIL:
        body: dict[str, Any] = {"detail": one.message}
        if one.violations:
            body["errors"] = [{"field": blame.field, "message": blame.message} for blame in one.violations]
        return orjson.dumps(body)
    if shape == CODED:
        phrase, code = CODED_WORDS.get(one.http_status) or _standard_words(one.http_status)
        return orjson.dumps({"error": phrase, "message": one.message, "code": code})
    # The numbers of google.rpc.Code are the values of grpc's codes.
    body = {"code": one.status.value[0], "message": one.message}
    if one.details:
        body["details"] = [_detail(detail, one.pool) for detail in one.details]
    return orjson.dumps(body)


def _standard_words(http_status: int) -> tuple[str, str]:
    try:
        phrase = HTTPStatus(http_status).phrase
    except ValueError:  # 499, which no RFC names
        phrase = "Request failed"
    return phrase, phrase.upper().replace(" ", "_").replace("-", "_")


def _detail(detail: any_pb2.Any, pool: DescriptorPool | None) -> dict[str, Any]:
    expanded = expand(detail, pool)
    if expanded is not None:
        return expanded
    return {"@type": detail.type_url, "value": base64.b64encode(detail.value).decode("ascii")}
