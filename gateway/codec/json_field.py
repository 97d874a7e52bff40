"""Fields whose text is JSON: a value in JSON, a string in the message."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import orjson
from google.protobuf.descriptor import FieldDescriptor

from gateway.codec.errors import DumpError, ParseError
from gateway.codec.json_text import Spelling, load_with_text
from gateway_options.v1 import options_pb2

JsonText: TypeAlias = "options_pb2.FieldOptions.JsonText.ValueType"


def _text_of_any(spelled: Spelling) -> str:
    return spelled.text


def _text_of_object(spelled: Spelling) -> str:
    if type(spelled.value) is dict:
        return spelled.text
    raise ParseError("must be an object")


PARSERS: Final[Mapping[JsonText, Callable[[Spelling], str]]] = {
    options_pb2.FieldOptions.JSON_TEXT_OBJECT: _text_of_object,
    options_pb2.FieldOptions.JSON_TEXT_ANY: _text_of_any,
}


def parameter_reader(kind: JsonText) -> Callable[[str], str]:
    """The function that reads plain text, as in a path or a query. It raises ParseError."""
    parse = PARSERS[kind]

    return lambda text: parse(load_with_text(text.encode()))


def printer(field: FieldDescriptor, kind: JsonText) -> Callable[[Any], orjson.Fragment]:
    """The function that puts a text of `field` into a JSON value as what it spells. It raises DumpError."""
    parse = PARSERS[kind]

    def print_text(text: Any) -> orjson.Fragment:
        # A string of proto2 that is not valid UTF-8 comes as bytes.
        data = text if type(text) is bytes else text.encode()
        try:
            return orjson.Fragment(parse(load_with_text(data)))
        except ParseError as refusal:
            raise DumpError(f"{field.full_name} {refusal.predicate}") from refusal

    return print_text
