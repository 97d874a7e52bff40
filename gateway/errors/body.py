"""Bodies of answers whose status is not OK, in the shape the service asks for."""

import base64
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final, NamedTuple

import orjson
from google.protobuf import any_pb2
from google.protobuf.descriptor_pool import DescriptorPool

from gateway.backend import CallFailed
from gateway.contract.error_form import ErrorForm, Words
from gateway.errors import GatewayError, RateLimitExceeded, problem
from gateway.errors.detail import expand
from gateway.errors.problem import ErrorReasons, Headers, Problem
from gateway_options.v1 import options_pb2

DETAIL: Final = options_pb2.ServiceOptions.ERROR_SHAPE_DETAIL
CODED: Final = options_pb2.ServiceOptions.ERROR_SHAPE_CODED

# google.rpc.Status.
PLAIN: Final = ErrorForm()

# Phrase and code of the coded shape where a service has none of its own. A status that is not listed has its phrase of
# RFC 9110.
CODED_WORDS: Final[Mapping[int, Words]] = {
    400: Words("Invalid request", "INVALID_REQUEST"),
    401: Words("Unauthorized", "UNAUTHORIZED"),
    403: Words("Forbidden", "FORBIDDEN"),
    404: Words("Not found", "NOT_FOUND"),
    405: Words("Method not allowed", "INVALID_REQUEST"),
    409: Words("Conflict", "CONFLICT"),
    413: Words("Request too large", "INVALID_REQUEST"),
    429: Words("Too many requests", "RATE_LIMITED"),
    500: Words("Internal server error", "INTERNAL_ERROR"),
    503: Words("Service unavailable", "SERVICE_UNAVAILABLE"),
}


class Refusal(NamedTuple):
    """An answer whose status is not OK."""

    http_status: int
    headers: Headers
    body: bytes


def refuse(error: GatewayError, form: ErrorForm) -> Refusal:
    """Return the answer for a refusal of the gateway itself."""
    refusal = written(problem.of_refusal(error), form)
    if isinstance(error, RateLimitExceeded) and error.body is not None:
        return refusal._replace(body=orjson.dumps(error.body))
    return refusal


def refuse_call(error: CallFailed, form: ErrorForm, reasons: ErrorReasons, request_id: str) -> Refusal:
    """Return the answer for a call that did not end well."""
    return written(problem.of_call(error, reasons, request_id), form)


def refuse_fault(form: ErrorForm, request_id: str) -> Refusal:
    """Return the answer for a fault of ours: nothing but where to find it in the log."""
    return written(problem.of_fault(request_id), form)


def written(one: Problem, form: ErrorForm) -> Refusal:
    """Return the answer for whatever went wrong."""
    return Refusal(one.http_status, list(one.headers), _body(one, form))


def _body(one: Problem, form: ErrorForm) -> bytes:
    if form.shape == DETAIL:
        body: dict[str, Any] = {"detail": one.message}
        if one.violations:
            body["errors"] = [{"field": blame.field, "message": blame.message} for blame in one.violations]
        return orjson.dumps(body)
    if form.shape == CODED:
        phrase, code = _words(one.http_status, form)
        return orjson.dumps({"error": phrase, "message": one.message, "code": one.code or code})
    # The numbers of google.rpc.Code are the values of grpc's codes.
    body = {"code": one.status.value[0], "message": one.message}
    if one.details:
        body["details"] = [_detail(detail, one.pool) for detail in one.details]
    return orjson.dumps(body)


def _words(http_status: int, form: ErrorForm) -> Words:
    usual = CODED_WORDS.get(http_status) or _standard_words(http_status)
    own = form.words.get(http_status)
    return usual if own is None else Words(own.phrase or usual.phrase, own.code or usual.code)


def _standard_words(http_status: int) -> Words:
    try:
        phrase = HTTPStatus(http_status).phrase
    except ValueError:  # 499, which no RFC names
        phrase = "Request failed"
    return Words(phrase, phrase.upper().replace(" ", "_").replace("-", "_"))


def _detail(detail: any_pb2.Any, pool: DescriptorPool | None) -> dict[str, Any]:
    expanded = expand(detail, pool)
    if expanded is not None:
        return expanded
    return {"@type": detail.type_url, "value": base64.b64encode(detail.value).decode("ascii")}
