"""Bodies of requests and answers by media type, and what goes over a WebSocket."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from google.protobuf.descriptor import Descriptor

from gateway.contract.options import field_options
from gateway.contract.services import HttpBinding, Method
from gateway.framing.http_body import is_http_body, is_http_body_field
from gateway.openapi.bounds import is_needed
from gateway.openapi.example import Examples, NoExample
from gateway.openapi.path import OpenApiPath
from gateway.openapi.refusals import Refusals, takes_bytes
from gateway.openapi.schema import BINARY, Direction, Json, Schemas, key_of
from gateway_options.v1 import options_pb2

JSON: Final = "application/json"
LINES: Final = "application/x-ndjson"
EVENTS: Final = "text/event-stream"
# An answer that is a google.api.HttpBody says by itself what it is.
ANYTHING: Final = "*/*"
BYTES: Final = "application/octet-stream"
FORM: Final = "multipart/form-data"

MEDIA_TYPES: Final[Mapping[int, list[str]]] = {
    options_pb2.Stream.FRAMING_NDJSON: [LINES],
    options_pb2.Stream.FRAMING_SSE: [EVENTS],
}


@dataclass(frozen=True, slots=True)
class Contents:
    """Writes what goes into bodies."""

    schemas: Schemas
    refusals: Refusals
    examples: Examples

    def request(self, method: Method, binding: HttpBinding, path: OpenApiPath) -> Json | None:
        """Request body of one binding; None when it takes none."""
        if not binding.body:
            return None
        if takes_bytes(method, binding):
            return self._file(method, binding, path)
        schema, needed = self._json_request(method, binding, path)
        if method.client_streaming:
            # One message in a line; a list of them is taken too.
            content = {LINES: {"schema": schema}, JSON: {"schema": {"type": "array", "items": schema}}}
            return {"required": False, "content": content}
        return {"required": needed, "content": {JSON: self._with_example(schema, binding.body)}}

    def answer(self, method: Method, binding: HttpBinding) -> Json:
        """Content of a successful answer."""
        if gives_bytes(method, binding):
            return {media_type: {} for media_type in method.options.media_types or (ANYTHING,)}
        if method.server_streaming:
            return {media_type: {"schema": self._item(method, binding, media_type)} for media_type in framings(method)}
        return {JSON: self._with_example(self._answer(method, binding), binding.response_body or method.output.name)}

    def frames(self, method: Method, binding: HttpBinding, path: OpenApiPath) -> Json:
        """What goes over a WebSocket, each message in one text frame of JSON."""
        stream = method.options.stream
        found: Json = {}
        if method.client_streaming:
            whole = binding if binding.body else replace(binding, body="*")
            found["send"] = self._json_request(method, whole, path)[0]
        item, end = message_at(method.output, stream.items), message_at(method.output, stream.end)
        receive = [self._answer(method, binding) if item is None else self._content(method, item)]
        if end is not None:
            receive.append(wrapped("end", self._content(method, end)))
        receive.append(wrapped("error", self.refusals.body(method)))
        return found | {"receive": {"anyOf": receive}}

    def _json_request(self, method: Method, binding: HttpBinding, path: OpenApiPath) -> tuple[Json, bool]:
        """Schema of a body, and whether it is needed."""
        if binding.body != "*":
            field = method.input.fields_by_name[binding.body]
            return self.schemas.field(field, method.dialect, Direction.REQUEST), is_needed(field)
        elsewhere = {place.field_path for place in path.places}
        elsewhere |= {field.name for field in method.input.fields if field_options(field).header}
        schema = self.schemas.object(method.input, method.dialect, Direction.REQUEST, elsewhere)
        return schema, "required" in schema

    def _file(self, method: Method, binding: HttpBinding, path: OpenApiPath) -> Json:
        content: Json = {BYTES: {"schema": BINARY}}
        part = method.options.upload.part
        if part:
            content = {FORM: {"schema": self._form(method, binding, path)}, **content}
        body: Json = {"required": True, "content": content}
        if binding.body != "*":
            self.schemas.describe(body, method.input.fields_by_name[binding.body].full_name)
        return body

    def _form(self, method: Method, binding: HttpBinding, path: OpenApiPath) -> Json:
        """The file and, in other parts, the fields that are query parameters too."""
        skipped = {binding.body, method.options.upload.last, method.options.upload.filename}
        skipped |= {place.field_path for place in path.places}
        fields = [
            field
            for field in (method.input.fields if binding.body != "*" else ())
            if field.name not in skipped and not field_options(field).header and field.message_type is None
        ]
        texts = {key_of(field, method.dialect): self.schemas.parameter(field, method.dialect) for field in fields}
        part = method.options.upload.part
        return {"type": "object", "properties": {part: BINARY} | texts, "required": [part]}

    def _answer(self, method: Method, binding: HttpBinding) -> Json:
        """Schema of one answer."""
        if binding.response_body:
            return self.schemas.value(method.output.fields_by_name[binding.response_body], method.dialect)
        return self.schemas.message(method.output, method.dialect, Direction.ANSWER)

    def _item(self, method: Method, binding: HttpBinding, media_type: str) -> Json:
        """One line or one event. OpenAPI 3.1 has no word for the items of a stream; 3.2 calls this `itemSchema`."""
        if media_type == EVENTS:
            return {"description": "One event of the body.", "anyOf": list(self._events(method, binding))}
        kinds = [self._answer(method, binding), wrapped("error", self.refusals.body(method))]
        return {"description": "One line of the body.", "anyOf": kinds}

    def _events(self, method: Method, binding: HttpBinding) -> Iterator[Json]:
        """Schemas of the kinds of events."""
        stream = method.options.stream
        item, end = message_at(method.output, stream.items), message_at(method.output, stream.end)
        message = item or method.output
        whole = item is None and not stream.data
        data = json_text(self._answer(method, binding)) if whole else self._data(method, message)
        name = self._text(message, stream.event) if stream.event else {"const": "message"}
        yield event(name, data, self._id(method, message), required=["data"])
        if end is not None:
            yield event({"const": "end"}, self._data(method, end), self._id(method, end))
        yield event({"const": "error"}, json_text(self.refusals.body(method)), {})

    def _data(self, method: Method, message: Descriptor) -> Json:
        """Schema of the data of an event."""
        content = self._content(method, message)
        return content if method.options.stream.data else json_text(content)

    def _content(self, method: Method, message: Descriptor) -> Json:
        """Schema of what an event says: one of its fields, or all of it."""
        if method.options.stream.data:
            return self._text(message, method.options.stream.data)
        return self.schemas.message(message, method.dialect, Direction.ANSWER)

    def _id(self, method: Method, message: Descriptor) -> Json:
        name = method.options.stream.id
        return {"id": self._text(message, name)} if name else {}

    def _text(self, message: Descriptor, name: str) -> Json:
        schema: Json = {"type": "string"}
        self.schemas.describe(schema, message.fields_by_name[name].full_name)
        return schema

    def _with_example(self, schema: Json, name: str) -> Json:
        try:
            made: Any = self.examples.of(schema, name)
        except NoExample:
            return {"schema": schema}
        return {"schema": schema, "example": made}


def gives_bytes(method: Method, binding: HttpBinding) -> bool:
    """Whether the answer is a file: bytes of any kind."""
    if binding.response_body:
        return is_http_body_field(method.output.fields_by_name[binding.response_body])
    return is_http_body(method.output)


def framings(method: Method) -> list[str]:
    """Media types a stream of answers may have, the one of plain requests first; none for WebSocket alone."""
    framing = method.options.stream.framing
    if framing != options_pb2.Stream.FRAMING_UNSPECIFIED:
        return MEDIA_TYPES.get(framing, [])
    return [EVENTS, LINES] if method.default_framing == options_pb2.Stream.FRAMING_SSE else [LINES, EVENTS]


def event(name: Json, data: Json, more: Json, required: Sequence[str] = ("event", "data")) -> Json:
    """Schema of an event, taken apart. One without a type is called "message", as readers call it."""
    return {"type": "object", "properties": {"event": name, **more, "data": data}, "required": required}


def wrapped(name: str, schema: Json) -> Json:
    """Schema of an object with one key."""
    return {"type": "object", "properties": {name: schema}, "required": [name]}


def json_text(schema: Json) -> Json:
    """Schema of a text that holds a JSON value."""
    return {"type": "string", "contentMediaType": JSON, "contentSchema": schema}


def message_at(message: Descriptor, name: str) -> Descriptor | None:
    """Type of the message field `name`; None for an empty name."""
    found: Descriptor | None = message.fields_by_name[name].message_type if name else None
    return found
