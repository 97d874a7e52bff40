"""The OpenAPI document: paths and operations, around the schemas."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.codec.dialect import Dialect
from gateway.contract import HttpBinding, Method
from gateway.descriptor_options import field_options
from gateway.error_body import CODED, DETAIL, Shape
from gateway.framing.http_body import is_http_body, is_http_body_field
from gateway.openapi.comments import read_comments
from gateway.openapi.schema import BINARY, WELL_KNOWN, WRAPPERS, Direction, Json, Schemas, key_of
from gateway.options import CredentialNeeded, GatewayOptions
from gateway_options.v1 import options_pb2

VERBS: Final = frozenset({"GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"})
VARIABLE: Final = re.compile(r"\{([^=}]+)(?:=[^}]*)?\}")
# Nested messages in queries are followed so deep; deeper ones can be sent and are not shown.
QUERY_DEPTH: Final = 3

VIOLATIONS: Final[Json] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
        "required": ["field", "message"],
    },
}
ERROR_SCHEMAS: Final[Mapping[Shape, tuple[str, Json]]] = {
    DETAIL: (
        "Error",
        {
            "type": "object",
            "properties": {"detail": {"type": "string"}, "errors": VIOLATIONS},
            "required": ["detail"],
        },
    ),
    CODED: (
        "CodedError",
        {
            "type": "object",
            "properties": {"error": {"type": "string"}, "message": {"type": "string"}, "code": {"type": "string"}},
            "required": ["error", "message", "code"],
        },
    ),
}
STATUS_SCHEMA: Final[tuple[str, Json]] = (
    "Status",
    {
        "type": "object",
        "properties": {
            "code": {"type": "integer", "description": "A google.rpc.Code."},
            "message": {"type": "string"},
            "details": {"type": "array", "items": WELL_KNOWN["google.protobuf.Any"]},
        },
        "required": ["code", "message"],
    },
)
# Any one of them will do.
CREDENTIALS: Final[Sequence[Json]] = [{"bearer": []}, {"apiKey": []}]
LIMIT_HEADERS: Final[Json] = {
    "X-RateLimit-Limit": {"schema": {"type": "integer"}, "description": "Requests in one window."},
    "X-RateLimit-Remaining": {"schema": {"type": "integer"}, "description": "What is left of them."},
    "X-RateLimit-Reset": {"schema": {"type": "integer"}, "description": "Unix time at which the window is free."},
}


def openapi_document(methods: Sequence[Method], options: GatewayOptions) -> bytes:
    """Return the document for all HTTP bindings of `methods`, as JSON."""
    writer = Writer(read_comments(options.comments), options.credential_needed)
    return orjson.dumps(writer.document(methods, options))


class Writer:
    """Writes one document."""

    def __init__(self, comments: Mapping[str, str], credential_needed: CredentialNeeded | None = None) -> None:
        self._comments = comments
        self._credential_needed = credential_needed
        self._schemas = Schemas(comments)

    def document(self, methods: Sequence[Method], options: GatewayOptions) -> Json:
        """Return the whole document."""
        paths: Json = {}
        # A method with a query match shares the path of one without, which comes first and is the operation.
        for method in sorted(methods, key=lambda one: one.options.HasField("query_match")):
            for number, binding in enumerate(method.bindings, start=1):
                if binding.http_method in VERBS:
                    self._add(paths, method, binding, number)
        services = {method.descriptor.containing_service.full_name for method in methods if method.bindings}
        return {
            "openapi": "3.1.0",
            "info": {"title": options.title, "version": options.version},
            "servers": [{"url": "/"}],
            "tags": [self._tag(service) for service in sorted(services)],
            "paths": paths,
            "components": {
                "schemas": self._schemas.components,
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer"},
                    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                },
            },
            "security": [{}, *CREDENTIALS],
        }

    def _add(self, paths: Json, method: Method, binding: HttpBinding, number: int) -> None:
        operations = paths.setdefault(VARIABLE.sub(r"{\1}", binding.template), {})
        operation = self._operation(method, binding, number)
        verb = binding.http_method.lower()
        if verb in operations:
            merge(operations[verb], operation)
        else:
            operations[verb] = operation

    def _tag(self, service: str) -> Json:
        tag = {"name": service.rpartition(".")[2]}
        self._schemas.describe(tag, service)
        return tag

    def _operation(self, method: Method, binding: HttpBinding, number: int) -> Json:
        service = method.descriptor.containing_service.name
        suffix = "" if number == 1 else f"_{number}"
        operation: Json = {
            "operationId": f"{service}_{method.descriptor.name}{suffix}",
            "tags": [service],
        }
        comment = self._comments.get(method.descriptor.full_name)
        if comment:
            operation["summary"] = summary(comment)
            operation["description"] = comment
        operation["parameters"] = list(self._parameters(method, binding))
        body = self._request_body(method, binding)
        if body is not None:
            operation["requestBody"] = body
        operation["responses"] = self._responses(method, binding)
        needed = None if self._credential_needed is None else self._credential_needed(method.descriptor)
        if needed is not None:
            operation["security"] = CREDENTIALS if needed else []
        return operation

    def _parameters(self, method: Method, binding: HttpBinding) -> Iterator[Json]:
        variables = VARIABLE.findall(binding.template)
        for variable in variables:
            field = field_at(method.input, variable)
            yield self._parameter("path", variable, field, method.dialect) | {"required": True}
        match = method.options.query_match
        if match.parameter:
            schema = {"type": "string", "enum": [match.value]}
            yield {"name": match.parameter, "in": "query", "required": False, "schema": schema}
        if binding.body != "*":
            without = {*variables, binding.body, method.options.upload.last}
            yield from self._query(method.input, method.dialect, "", without, QUERY_DEPTH)
        for field in method.input.fields:
            header = field_options(field).header
            if header:
                yield self._parameter("header", header, field, method.dialect)

    def _query(
        self, message: Descriptor, dialect: Dialect, prefix: str, without: set[str], depth: int
    ) -> Iterator[Json]:
        for field in message.fields:
            if field.name in without and not prefix:
                continue
            name = prefix + key_of(field, dialect)
            if is_plain(field):
                yield self._parameter("query", name, field, dialect)
            elif depth > 1 and not field.is_repeated and not is_http_body(field.message_type):
                yield from self._query(message_of(field), dialect, f"{name}.", without, depth - 1)

    def _parameter(self, place: str, name: str, field: FieldDescriptor, dialect: Dialect) -> Json:
        schema = self._schemas.field(field, dialect, Direction.REQUEST)
        parameter: Json = {"name": name, "in": place}
        if "description" in schema:
            parameter["description"] = schema.pop("description")
        if place == "query" and field_options(field).required:
            parameter["required"] = True
        parameter["schema"] = schema
        return parameter

    def _request_body(self, method: Method, binding: HttpBinding) -> Json | None:
        if not binding.body:
            return None
        if binding.body == "*":
            variables = VARIABLE.findall(binding.template)
            schema = self._schemas.object(method.input, method.dialect, Direction.REQUEST, variables)
            return {"required": "required" in schema, "content": {"application/json": {"schema": schema}}}
        field = method.input.fields_by_name[binding.body]
        if not is_http_body_field(field):
            schema = self._schemas.field(field, method.dialect, Direction.REQUEST)
            return {"required": True, "content": {"application/json": {"schema": schema}}}
        content: Json = {"application/octet-stream": {"schema": BINARY}}
        part = method.options.upload.part
        if part:
            form = {"type": "object", "properties": {part: BINARY}, "required": [part]}
            content = {"multipart/form-data": {"schema": form}, **content}
        body: Json = {"required": True, "content": content}
        self._schemas.describe(body, field.full_name)
        return body

    def _responses(self, method: Method, binding: HttpBinding) -> Json:
        status = method.options.success_status or 200
        success: Json = {"description": "Success."}
        self._schemas.describe(success, method.output.full_name)
        if status != 204:
            success["content"] = self._content(method, binding)
        error = self._error(method.error_shape)
        responses: Json = {str(status): success}
        if binding.body:
            responses["413"] = {"description": "The body is too large.", **error}
        if method.options.HasField("rate_limit"):
            success["headers"] = LIMIT_HEADERS
            headers = {**LIMIT_HEADERS, "Retry-After": {"schema": {"type": "integer"}}}
            responses["429"] = {"description": "Too many requests.", "headers": headers, **error}
        responses["default"] = {"description": "Any other refusal or failure.", **error}
        return responses

    def _content(self, method: Method, binding: HttpBinding) -> Json:
        if binding.response_body:
            field = method.output.fields_by_name[binding.response_body]
            if is_http_body_field(field):
                return {"application/octet-stream": {"schema": BINARY}}
            return {"application/json": {"schema": self._schemas.field(field, method.dialect, Direction.ANSWER)}}
        if is_http_body(method.output):
            return {"application/octet-stream": {"schema": BINARY}}
        schema = self._schemas.message(method.output, method.dialect, Direction.ANSWER)
        if not method.server_streaming:
            return {"application/json": {"schema": schema}}
        content: Json = {}
        framing = method.options.stream.framing
        if framing in (options_pb2.Stream.FRAMING_UNSPECIFIED, options_pb2.Stream.FRAMING_SSE):
            content["text/event-stream"] = {"schema": self._event(method)}
        if framing in (options_pb2.Stream.FRAMING_UNSPECIFIED, options_pb2.Stream.FRAMING_NDJSON):
            content["application/x-ndjson"] = {"schema": schema}
        return content

    def _event(self, method: Method) -> Json:
        """Schema of the data of one event."""
        stream = method.options.stream
        message = message_of(method.output.fields_by_name[stream.items]) if stream.items else method.output
        if stream.data:
            schema: Json = {"type": "string"}
            self._schemas.describe(schema, message.fields_by_name[stream.data].full_name)
            return schema
        return self._schemas.message(message, method.dialect, Direction.ANSWER)

    def _error(self, shape: Shape) -> Json:
        name, schema = ERROR_SCHEMAS.get(shape, STATUS_SCHEMA)
        self._schemas.components.setdefault(name, schema)
        return {"content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}}


def merge(operation: Json, other: Json) -> None:
    """Add to an operation what a second method on the same path and verb brings, told apart by a query parameter."""
    known = {(one["name"], one["in"]) for one in operation["parameters"]}
    operation["parameters"] += [one for one in other["parameters"] if (one["name"], one["in"]) not in known]
    if "description" in other:
        operation["description"] = f"{operation.get('description', '')}\n\n{other['description']}".strip()
    for status, response in other["responses"].items():
        mine = operation["responses"].setdefault(status, response)
        if "content" in response:
            mine.setdefault("content", {}).update(response["content"])


def summary(comment: str) -> str:
    """First sentence of a comment, on one line."""
    text = " ".join(comment.split())
    return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0].rstrip(".")


def field_at(message: Descriptor, path: str) -> FieldDescriptor:
    """The field at a dotted path."""
    *parents, last = path.split(".")
    for parent in parents:
        message = message_of(message.fields_by_name[parent])
    return message.fields_by_name[last]


def message_of(field: FieldDescriptor) -> Descriptor:
    """The message type of a field that has one."""
    if field.message_type is None:
        raise TypeError(f"{field.full_name} is no message")
    return field.message_type


def is_plain(field: FieldDescriptor) -> bool:
    """Whether the field fits into one query parameter, given once or, if repeated, several times."""
    message: Any = field.message_type
    return message is None or (message.full_name in {*WELL_KNOWN, *WRAPPERS} and not field.is_repeated)
