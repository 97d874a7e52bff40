"""Answers of an operation whose status is not one of success.

What an rpc refuses is read from its comment: clauses behind "Errors:", parted by semicolons, that name codes of gRPC
and reasons ("Errors: NOT_FOUND; FAILED_PRECONDITION with ERROR_REASON_LENT while the book is lent.").
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import grpc
import orjson

from gateway.contract.error_form import ErrorForm, Shape
from gateway.contract.services import HttpBinding, Method
from gateway.errors import HTTP_STATUS, GatewayError, Violation, problem
from gateway.errors.body import CODED, DETAIL, written
from gateway.errors.problem import ErrorReasons
from gateway.framing.http_body import is_http_body, is_http_body_field
from gateway.http.rate_limit import read_window, refused
from gateway.openapi.schema import WELL_KNOWN, Json, Schemas
from gateway_options.v1 import options_pb2

STATED: Final = "Errors:"
FAILURES: Final = {code.name: code for code in grpc.StatusCode if code is not grpc.StatusCode.OK}
WORD: Final = re.compile(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*\b")
VIOLATIONS: Final[Json] = {
    "type": "array",
    "description": "The fields that are to blame, where fields are.",
    "items": {
        "type": "object",
        "properties": {
            "field": {"type": "string", "description": "Path of the field in the request; empty for all of it."},
            "message": {"type": "string", "description": "One sentence that names the field."},
        },
        "required": ["field", "message"],
    },
}
SENTENCE: Final[Json] = {"type": "string", "description": "What is wrong, in one sentence."}
ERROR_SCHEMAS: Final[Mapping[Shape, tuple[str, Json]]] = {
    DETAIL: (
        "Error",
        {"type": "object", "properties": {"detail": SENTENCE, "errors": VIOLATIONS}, "required": ["detail"]},
    ),
    CODED: (
        "CodedError",
        {
            "type": "object",
            "properties": {
                "error": {"type": "string", "description": "Phrase of the status."},
                "message": SENTENCE,
                "code": {"type": "string", "description": "The same for programs."},
            },
            "required": ["error", "message", "code"],
        },
    ),
}
EXCEEDED: Final[Json] = {"type": "string", "description": "What is used up, in one sentence."}
LIMIT_SCHEMAS: Final[Mapping["options_pb2.RateLimit.Refusal.ValueType", tuple[str, Json]]] = {
    options_pb2.RateLimit.REFUSAL_SENTENCE: (
        "RateLimited",
        {"type": "object", "properties": {"error": EXCEEDED}, "required": ["error"]},
    ),
    options_pb2.RateLimit.REFUSAL_RETRY_AFTER: (
        "RateLimitedFor",
        {
            "type": "object",
            "properties": {
                "error": EXCEEDED,
                "retry_after": {"type": "integer", "description": "Seconds to wait.", "minimum": 1},
            },
            "required": ["error", "retry_after"],
        },
    ),
}
STATUS_SCHEMA: Final[tuple[str, Json]] = (
    "Status",
    {
        "type": "object",
        "description": "A google.rpc.Status.",
        "properties": {
            "code": {"type": "integer", "description": "A google.rpc.Code.", "minimum": 1, "maximum": 16},
            "message": SENTENCE,
            "details": {
                "type": "array",
                "description": "Messages of google/rpc/error_details.proto, each with its type.",
                "items": WELL_KNOWN["google.protobuf.Any"],
            },
        },
        "required": ["code", "message"],
    },
)
HEADERS: Final[Json] = {
    "X-Request-ID": {
        "description": "Id of the request: the one it came with, or a new one.",
        "schema": {"type": "string"},
    },
    "ETag": {
        "description": "Entity tag of the answer; absent where the answer must not be stored.",
        "schema": {"type": "string"},
    },
    "X-RateLimit-Limit": {"description": "Requests in one window.", "schema": {"type": "integer"}},
    "X-RateLimit-Remaining": {"description": "What is left of them.", "schema": {"type": "integer"}},
    "X-RateLimit-Reset": {
        "description": "Unix time in seconds at which the window is free.",
        "schema": {"type": "integer"},
    },
    "Retry-After": {"description": "Seconds to wait before the next try.", "schema": {"type": "integer"}},
    "WWW-Authenticate": {
        "description": "Scheme of the credential that is wanted (RFC 9110, section 11.6.1).",
        "schema": {"type": "string"},
    },
}
TOO_MANY: Final = 429
LIMIT_HEADERS: Final = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
HEADERS_OF: Final[Mapping[int, tuple[str, ...]]] = {401: ("WWW-Authenticate",), 429: ("Retry-After",)}
# What a code says where the comment says nothing more. Source: comments of google/rpc/code.proto.
SENTENCES: Final[Mapping[grpc.StatusCode, str]] = {
    grpc.StatusCode.ABORTED: "Something else happened at the same time",
    grpc.StatusCode.ALREADY_EXISTS: "What is to be created is there already",
    grpc.StatusCode.FAILED_PRECONDITION: "The state of things does not allow this",
    grpc.StatusCode.INVALID_ARGUMENT: "The request cannot be read, or a value is not allowed",
    grpc.StatusCode.NOT_FOUND: "What the request names was not found",
    grpc.StatusCode.OUT_OF_RANGE: "The request goes beyond what is there",
    grpc.StatusCode.PERMISSION_DENIED: "The caller may not do this",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "A limit is used up",
    grpc.StatusCode.UNAUTHENTICATED: "No credential was sent, or one that is not good",
    grpc.StatusCode.UNAVAILABLE: "The service is away for the moment",
}


class Reason(NamedTuple):
    """Why an operation answers with one status."""

    status: int
    code: grpc.StatusCode
    sentence: str
    error_code: str = ""
    """Code of the reason in the coded shape; empty: that of the status."""


class Refusals:
    """Writes the refusals of operations."""

    def __init__(self, schemas: Schemas, comments: Mapping[str, str], reasons: ErrorReasons) -> None:
        self._schemas = schemas
        self._comments = comments
        self._reasons = reasons

    def of(self, method: Method, binding: HttpBinding, *, guarded: bool) -> Json:
        """Return the responses by status, "default" last. `guarded`: not everybody may make the call."""
        by_status: dict[int, list[Reason]] = {}
        for reason in self._known(method, binding, guarded):
            by_status.setdefault(reason.status, []).append(reason)
        responses = {str(status): self._response(by_status[status], method) for status in sorted(by_status)}
        content = {"application/json": {"schema": self.body(method)}}
        default = {"description": "Any other refusal or failure.", "headers": refer(every_header(method))}
        return responses | {"default": default | {"content": content}}

    def body(self, method: Method) -> Json:
        """Schema of the body of each refusal."""
        name, schema = ERROR_SCHEMAS.get(method.error_form.shape, STATUS_SCHEMA)
        self._schemas.components.setdefault(name, schema)
        return {"$ref": f"#/components/schemas/{name}"}

    def _known(self, method: Method, binding: HttpBinding, guarded: bool) -> Iterator[Reason]:
        always = [grpc.StatusCode.INVALID_ARGUMENT]
        if guarded:
            always += [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED]
        for code in always:
            yield Reason(HTTP_STATUS[code], code, f"{SENTENCES[code]}.")
        yield from self._stated(self._comments.get(method.descriptor.full_name, ""))
        if binding.body:
            what = "The body, or one message of a stream," if method.client_streaming else "The body"
            words = f"{what} is larger than {method.max_body_bytes} bytes."
            yield Reason(413, grpc.StatusCode.RESOURCE_EXHAUSTED, words)
            if not takes_bytes(method, binding):
                yield Reason(415, grpc.StatusCode.INVALID_ARGUMENT, "The body is no JSON by its Content-Type.")
            yield Reason(415, grpc.StatusCode.INVALID_ARGUMENT, "The body has a Content-Encoding that is not known.")
        if method.options.stream.framing == options_pb2.Stream.FRAMING_WEBSOCKET:
            yield Reason(426, grpc.StatusCode.FAILED_PRECONDITION, "The request is no handshake of a WebSocket.")
        if method.options.HasField("rate_limit"):
            limited = method.options.rate_limit
            words = f"More than {limited.requests} requests within {limited.window_seconds} seconds."
            yield Reason(429, grpc.StatusCode.RESOURCE_EXHAUSTED, words)

    def _stated(self, comment: str) -> Iterator[Reason]:
        paragraph = comment.partition(STATED)[2].partition("\n\n")[0]
        for clause in " ".join(paragraph.split()).rstrip(".").split(";"):
            words = WORD.findall(clause)
            codes = [FAILURES[word] for word in words if word in FAILURES]
            if codes:
                sentence = SENTENCES.get(codes[0], clause) if clause.strip() == codes[0].name else clause
                stated = [status for word in words if (status := self._reasons.status_of(word)) is not None]
                error_code = next(filter(None, map(self._reasons.code_of, words)), "")
                for status in dict.fromkeys(stated or [HTTP_STATUS[code] for code in codes]):
                    yield Reason(status, codes[0], f"{sentence.strip()}.", error_code)

    def _response(self, reasons: list[Reason], method: Method) -> Json:
        status = reasons[0].status
        content = {"schema": self.body(method), "example": example(reasons[0], method.error_form)}
        if status == TOO_MANY and method.options.rate_limit.refusal in LIMIT_SCHEMAS:
            content = self._limited(method)
        return {
            "description": " ".join(dict.fromkeys(reason.sentence for reason in reasons)),
            "headers": refer([*every_header(method), *HEADERS_OF.get(status, ())]),
            "content": {"application/json": content},
        }

    def _limited(self, method: Method) -> Json:
        """The refusal of one request too many, where it has a body of its own."""
        limit = method.options.rate_limit
        name, schema = LIMIT_SCHEMAS[limit.refusal]
        self._schemas.components.setdefault(name, schema)
        refusal = refused(read_window(method.full_name, limit), limit.window_seconds)
        return {"schema": {"$ref": f"#/components/schemas/{name}"}, "example": dict(refusal.body or {})}


def takes_bytes(method: Method, binding: HttpBinding) -> bool:
    """Whether the body is a file: bytes of any kind."""
    if binding.body == "*":
        return is_http_body(method.input)
    return is_http_body_field(method.input.fields_by_name.get(binding.body))


def every_header(method: Method) -> list[str]:
    """Names of the headers that each answer has."""
    return ["X-Request-ID", *(LIMIT_HEADERS if method.options.HasField("rate_limit") else ())]


def refer(headers: list[str]) -> Json:
    """Headers of an answer, by their names in `HEADERS`."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in headers}


def example(reason: Reason, form: ErrorForm) -> Json:
    """A body with the status of `reason`, as the gateway writes it."""
    violations = [Violation("name", "name must be given")] if reason.status == 400 else []
    message = violations[0].message if violations else SENTENCES.get(reason.code, "What is wrong, in one sentence")
    refusal = problem.of_refusal(GatewayError(reason.code, message, violations, http_status=reason.status))
    body: Json = orjson.loads(written(refusal._replace(code=reason.error_code), form).body)
    return body
