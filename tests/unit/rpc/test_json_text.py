"""Texts that must be JSON, over messages of their own; source: `json_text` in gateway/v1/options.proto."""

from functools import cache
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from gateway_options.v1 import options_pb2
from server.errors import InvalidArgument
from server.rpc.bounds import compile_check

STRING, REPEATED = descriptor_pb2.FieldDescriptorProto.TYPE_STRING, descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
OBJECT, ANY = options_pb2.FieldOptions.JSON_TEXT_OBJECT, options_pb2.FieldOptions.JSON_TEXT_ANY


@cache
def note_class() -> type[Any]:
    """Notes with texts that are an object, anything, a list of objects, a map to anything."""
    file = descriptor_pb2.FileDescriptorProto(name="jsontexttest.proto", package="jsontexttest", syntax="proto3")
    note = file.message_type.add(name="Note")
    entry = note.nested_type.add(name="MapEntry")
    entry.options.map_entry = True
    for number, name in enumerate(("key", "value"), 1):
        entry.field.add(name=name, number=number, type=STRING, label="LABEL_OPTIONAL")
    note.field.add(name="object", number=1, type=STRING, label="LABEL_OPTIONAL")
    note.field.add(name="any", number=2, type=STRING, label="LABEL_OPTIONAL")
    note.field.add(name="objects", number=3, type=STRING, label=REPEATED)
    note.field.add(name="map", number=4, type="TYPE_MESSAGE", type_name=".jsontexttest.Note.MapEntry", label=REPEATED)
    for field, kind in zip(note.field, (OBJECT, ANY, OBJECT, ANY), strict=True):
        field.options.Extensions[options_pb2.field].json_text = kind
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("jsontexttest.Note"))


def fault(**fields: Any) -> str | None:
    """The first violation of a note, None when there is none."""
    check = compile_check(note_class().DESCRIPTOR)
    assert check is not None
    try:
        check(note_class()(**fields))
    except InvalidArgument as refusal:
        return f"{refusal.violations[0].field} {refusal.violations[0].message}"
    return None


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        ' { "a" : [ 1.0 , -0 , 12345678901234567890123 ] }\n',
        '{"a":"\\u00e9","b":"\\ud83d\\ude00 :\\""}',
        '{"a":{"a":1},"b":{"a":1}}',
        '{"a":' * 100 + "1" + "}" * 100,
        '{"a":[' + ",".join(["{}"] * 1000) + "]}",
    ],
)
def test_json_of_any_spelling_is_taken(text: str) -> None:
    assert fault(object=text, any=text, objects=[text], map={"a": text}) is None


@pytest.mark.parametrize("text", ["1", "null", '"a"', "[[]]", "true"])
def test_any_value_is_taken_where_any_is_told(text: str) -> None:
    assert fault(any=text, map={"a": text}) is None


# The sentences are those of the HTTP side.
@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"object": "[]"}, "object must be an object"),
        ({"object": "null"}, "object must be an object"),
        ({"objects": ["{}", "1"]}, "objects[1] must be an object"),
        ({"objects": [""]}, "objects[0] must not be empty"),
        ({"map": {"a": ""}}, "map['a'] must not be empty"),
        ({"map": {"a": "x"}}, "map['a'] must be valid JSON"),
        ({"any": "x"}, "any must be valid JSON"),
        ({"any": " "}, "any must be valid JSON"),
        ({"any": "{} {}"}, "any must be valid JSON"),
        ({"any": "NaN"}, "any must be valid JSON"),
        ({"any": "1e999"}, "any must be valid JSON"),
        ({"any": '"\\ud800"'}, "any must be valid JSON"),
        ({"any": '"\n"'}, "any must be valid JSON"),
        ({"any": "\ufeff{}"}, "any must be valid JSON"),
        ({"any": '{"a":1,"a":1}'}, "any must not repeat the key 'a'"),
        ({"any": '[{"b":{"a":1,"\\u0061" : 2}}]'}, "any must not repeat the key 'a'"),
        ({"any": "[" * 101 + "]" * 101}, "any must not nest deeper than 100 levels"),
        ({"any": "[" * 100_000}, "any must not nest deeper than 100 levels"),
    ],
)
def test_what_is_no_strict_json_is_refused(fields: dict[str, Any], sentence: str) -> None:
    assert str(fault(**fields)).startswith(sentence)


def test_an_empty_text_is_no_value() -> None:
    assert fault(object="", any="") is None
