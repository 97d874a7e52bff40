"""Parameters of an operation: what comes in the path, in the query and in headers."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from gateway.binding.parameter import NotAParameter, find_parameter
from gateway.contract.options import field_options
from gateway.contract.services import HttpBinding, Method
from gateway.framing.http_body import is_http_body
from gateway.openapi.bounds import is_needed, json_text_of
from gateway.openapi.example import Examples, NoExample
from gateway.openapi.path import OpenApiPath, Place
from gateway.openapi.schema import WELL_KNOWN, Json, Schemas, key_of

# Nested messages in queries are followed so deep; what lies deeper can be sent and is not shown.
QUERY_DEPTH: Final = 3
# Well-known types whose JSON text is a parameter.
JSON_TYPES: Final = frozenset({"google.protobuf.Struct", "google.protobuf.Value", "google.protobuf.ListValue"})


@dataclass(frozen=True, slots=True)
class Parameters:
    """Writes the parameters of operations."""

    schemas: Schemas
    examples: Examples

    def of(self, method: Method, binding: HttpBinding, path: OpenApiPath) -> list[Json]:
        """Return the parameters of one binding in the order path, query, headers."""
        in_path = {place.field_path for place in path.places}
        found = [self._path(place, method) for place in path.places]
        if method.options.query_match.parameter:
            found.append(chooser(method))
        if binding.body != "*":
            skipped = {*in_path, method.options.upload.last}
            skipped |= {field.name for field in method.input.fields if field_options(field).header}
            found += self._query(method, method.input, "", "", {*skipped, binding.body}, QUERY_DEPTH)
        found += self._headers(method, binding, in_path)
        return found

    def _path(self, place: Place, method: Method) -> Json:
        schema: Json = {"type": "string"}
        if place.field_path and place.whole:
            schema = self.schemas.parameter(find_parameter(method.input, place.field_path).field, method.dialect)
        if schema.get("type") == "string" and not place.rest:
            # A variable of one segment takes no empty one.
            schema["minLength"] = max(1, schema.get("minLength", 0))
        parameter: Json = {"name": place.name, "in": "path", "required": True, "schema": schema}
        if not place.field_path:
            describe(parameter, "A segment of the path.")
        elif not place.whole:
            describe(parameter, f"A part of `{place.field_path}`.")
        if place.rest:
            describe(parameter, "May hold any number of segments; the slashes between them are sent as they are.")
        return self._with_example(parameter)

    def _query(
        self, method: Method, message: Descriptor, path: str, name: str, without: Collection[str], depth: int
    ) -> Iterator[Json]:
        """Parameters for the fields of `message`, which stands at `path` (names of the contract) in the request."""
        for field in message.fields:
            field_path, field_name = path + field.name, name + key_of(field, method.dialect)
            if field_path in without:
                continue
            if is_parameter(method.input, field_path):
                yield self._named("query", field_name, field, method)
                continue
            inside = message_inside(field)
            if inside is not None and depth > 1:
                yield from self._query(method, inside, f"{field_path}.", f"{field_name}.", without, depth - 1)

    def _headers(self, method: Method, binding: HttpBinding, in_path: Collection[str]) -> Iterator[Json]:
        for field in method.input.fields:
            header = field_options(field).header
            if not header or field.name in in_path:
                continue
            parameter = self._named("header", header, field, method)
            elsewhere = "key of the body" if binding.body == "*" else "query parameter"
            describe(parameter, f"The {elsewhere} `{key_of(field, method.dialect)}` goes before it.")
            yield parameter

    def _named(self, place: str, name: str, field: FieldDescriptor, method: Method) -> Json:
        schema = self.schemas.parameter(field, method.dialect)
        parameter: Json = {"name": name, "in": place}
        if place == "query" and is_needed(field):
            parameter["required"] = True
        if is_json(field):
            parameter["content"] = {"application/json": {"schema": schema}}
        else:
            parameter["schema"] = schema
        return self._with_example(parameter)

    def _with_example(self, parameter: Json) -> Json:
        schema = parameter.get("schema", {})
        if "description" in schema:
            described = f"{schema.pop('description')} {parameter.get('description', '')}".rstrip()
            parameter["description"] = described
        # The name of an optional text tells more than a made-up value, which may well be refused.
        if parameter.get("required") and "schema" in parameter and "default" not in schema:
            try:
                parameter["example"] = self.examples.of(schema, parameter["name"])
            except NoExample:
                return parameter
        return parameter


def chooser(method: Method) -> Json:
    """The query parameter by which a request chooses this method among those on the same path."""
    match = method.options.query_match
    schema = {"type": "string", "enum": [match.value]}
    return {"name": match.parameter, "in": "query", "required": True, "schema": schema}


def is_parameter(root: Descriptor, field_path: str) -> bool:
    """Whether the field at this path can be given as text."""
    try:
        find_parameter(root, field_path)
    except NotAParameter:
        return False
    return True


def is_json(field: FieldDescriptor) -> bool:
    """Whether a parameter for the field is JSON text."""
    return field.message_type.full_name in JSON_TYPES if field.message_type is not None else bool(json_text_of(field))


def message_inside(field: FieldDescriptor) -> Descriptor | None:
    """The message whose fields may be parameters, if the field is one."""
    message: Descriptor | None = field.message_type
    if message is None or field.is_repeated or is_http_body(message) or message.full_name in WELL_KNOWN:
        return None
    return message


def describe(parameter: Json, sentence: str) -> None:
    """Add a sentence to the description."""
    parameter["description"] = f"{parameter.get('description', '')} {sentence}".strip()
