"""Fields whose text is JSON; source: the comment of `json_text` in gateway/v1/options.proto."""

import json
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.codec import STRICT, Dialect, DumpError, Nulls, ParseError, compiled, in_python

MessageClass = Callable[[str], type[Message]]

HEEDING = Dialect(heeds_options=True)
NULL = Dialect(nulls=Nulls.NULL, heeds_options=True)
OMIT = Dialect(nulls=Nulls.OMIT, heeds_options=True)

codecs = pytest.mark.parametrize("codec", [compiled, in_python], ids=["native first", "python"])


def dump(codec: Any, message: Message, dialect: Dialect = HEEDING) -> bytes:
    text: bytes = codec.dumper(message.DESCRIPTOR, dialect)(message)
    return text


def parse(codec: Any, data: bytes, message_class: type[Message], dialect: Dialect = HEEDING) -> Any:
    return codec.parser(message_class.DESCRIPTOR, dialect)(data)


# What is read is what was written.


@codecs
@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"b":1,"a":2}',
        '{"n":15,"m":15.0,"long":12345678901234567890123456789,"exact":0.1000,"big":1E+2,"minus":-0}',
        '{"\\u00e9":"\\/\\u0041\\ud83d\\ude00","è":"é"}',
        '{"a":[[],{},null,true,false,"}]{[,:\\" \\\\"]}',
        '{"":{"":{"":" "}}}',
    ],
)
def test_order_digits_and_escapes_stay(codec: Any, message_class: MessageClass, text: str) -> None:
    body = f'{{"someObject":{text}}}'.encode()

    note = parse(codec, body, message_class("Note"))

    assert note.some_object == text
    assert dump(codec, note) == body


@codecs
@pytest.mark.parametrize("text", ["0", "1.50", '"a b"', '""', "true", "[1,[]]", "{}"])
def test_any_value_is_taken_where_any_is_told(codec: Any, message_class: MessageClass, text: str) -> None:
    body = f'{{"any":{text}}}'.encode()

    note = parse(codec, body, message_class("Note"))

    assert note.any == text
    assert dump(codec, note) == body


@codecs
def test_lists_and_maps_and_messages_inside_hold_json_too(codec: Any, message_class: MessageClass) -> None:
    body = (
        b'{"objects":[{"b":1.0},{}],"anys":[1.0,null,"x",[2.0]],"objectMap":{"k":{"z":0.10}},'
        b'"anyMap":{"k":null,"l":[1.0]},"plainMap":{"k":"v"},"numberMap":{"-1":2.0},"struct":{"k":{"l":1}},"member":-0,"inner":{"object":{"c":1.0}}}'
    )

    note = parse(codec, body, message_class("Note"))

    assert list(note.objects) == ['{"b":1.0}', "{}"]
    assert list(note.anys) == ["1.0", "null", '"x"', "[2.0]"]
    assert dict(note.object_map) == {"k": '{"z":0.10}'}
    assert dict(note.any_map) == {"k": "null", "l": "[1.0]"}
    assert dict(note.plain_map) == {"k": "v"}
    assert dict(note.number_map) == {-1: "2.0"}
    assert note.struct["k"]["l"] == 1
    assert (note.member, note.inner.object) == ("-0", '{"c":1.0}')
    assert parse(codec, dump(codec, note), message_class("Note")) == note


@codecs
def test_a_message_in_an_any_keeps_its_texts(codec: Any, message_class: MessageClass) -> None:
    body = b'{"packed":{"@type":"type.googleapis.com/library.v1.Note","object":{"b":1.0,"a":"\\u0061"}}}'

    assert dump(codec, parse(codec, body, message_class("Note"))) == body


@codecs
def test_one_field_by_itself_is_its_text(codec: Any, message_class: MessageClass) -> None:
    for name, text in (("object", b'{"a":1.0}'), ("anys", b"[1.0,null]"), ("any_map", b'{"a":0.10}')):
        field = message_class("Note").DESCRIPTOR.fields_by_name[name]

        note = codec.value_parser(field, HEEDING)(b"\n" + text + b" ")

        assert codec.value_dumper(field, HEEDING)(note) == text


_SPACE = st.sampled_from(["", "", " ", "\n\t", "\r\n "])
_TOKENS = st.sampled_from(
    ["0", "-0", "1.50", "1e2", "1E+02", "98765432109876543210", "null", "true", "false", '"a b"', '"\\u0061\\n"', '"é"']
)


def _lists(inner: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    return st.lists(inner, max_size=4).map(lambda items: ["[", *_joined(items), "]"])


def _objects(inner: st.SearchStrategy[list[str]]) -> st.SearchStrategy[list[str]]:
    members = st.dictionaries(st.text(' :\\"{é\u0001', max_size=3), inner, max_size=4)
    return members.map(
        lambda found: ["{", *_joined([[json.dumps(key), ":", *value] for key, value in found.items()]), "}"]
    )


def _joined(parts: list[list[str]]) -> list[str]:
    return [token for place, part in enumerate(parts) for token in ([",", *part] if place else part)]


_VALUES = st.recursive(_TOKENS.map(lambda token: [token]), lambda inner: _lists(inner) | _objects(inner), max_leaves=12)


@codecs
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data(), tokens=_VALUES)
def test_only_space_between_tokens_is_dropped_both_ways(
    codec: Any, message_class: MessageClass, data: st.DataObject, tokens: list[str]
) -> None:
    note = message_class("Note")
    text = "".join(tokens)
    spaced = "".join([data.draw(_SPACE) + token for token in tokens]) + data.draw(_SPACE)

    read = parse(codec, f'{{"anys":[{spaced},{spaced}], "inner" :{{"anyMap":{{"a":{spaced}}}}}}}'.encode(), note)

    assert list(read.anys) == [text, text]
    assert read.inner.any_map["a"] == text
    assert dump(codec, note(anys=[spaced])) == f'{{"anys":[{text}]}}'.encode()


# What is no value.


@codecs
@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        (HEEDING, b"{}"),
        (OMIT, b'{"objects":[],"anys":[],"objectMap":{},"anyMap":{},"plainMap":{},"numberMap":{},"plain":""}'),
        (
            NULL,
            (
                b'{"object":null,"any":null,"someObject":null,"someAny":null,"objects":[],"anys":[],"objectMap":{},'
                b'"anyMap":{},"plainMap":{},"numberMap":{},"struct":null,"member":null,"other":null,"inner":null,"plain":"","packed":null}'
            ),
        ),
    ],
)
@pytest.mark.parametrize("fields", [{}, {"some_object": "", "some_any": ""}])
def test_an_empty_text_is_sent_as_an_unset_one(
    codec: Any, message_class: MessageClass, dialect: Dialect, text: bytes, fields: dict[str, str]
) -> None:
    assert orjson.loads(dump(codec, message_class("Note")(**fields), dialect)) == orjson.loads(text)


@codecs
def test_an_empty_text_by_itself_is_null(codec: Any, message_class: MessageClass) -> None:
    for name in ("object", "any", "some_object"):
        field = message_class("Note").DESCRIPTOR.fields_by_name[name]

        assert codec.value_dumper(field, HEEDING)(message_class("Note")()) == b"null"


@codecs
def test_null_leaves_a_single_field_without_value(codec: Any, message_class: MessageClass) -> None:
    body = b'{"object":null,"any":null,"someObject":null,"someAny":null,"member":null,"other":1}'

    assert parse(codec, body, message_class("Note")) == message_class("Note")(other=1)


# What is refused.


@codecs
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"object":1}', "object must be an object"),
        (b'{"object":"{}"}', "object must be an object"),
        (b'{"someObject":[]}', "someObject must be an object"),
        (b'{"objects":[{},[]]}', "objects[1] must be an object"),
        (b'{"objects":[null]}', "objects[0] must be an object"),
        (b'{"objects":{}}', "objects must be a list"),
        (b'{"objectMap":{"a":"{}"}}', "objectMap['a'] must be an object"),
        (b'{"anyMap":[]}', "anyMap must be an object"),
        (b'{"inner":{"object":true}}', "inner.object must be an object"),
        (b'{"object":{"a":1,"a":2}}', "body must not repeat the key 'a'"),
        (b'{"any":[{"a":1,"\\u0061":2}]}', "body must not repeat the key 'a'"),
        (b'{"any":' + b"[" * 100 + b"]" * 100 + b"}", "body must not nest deeper than 100 levels"),
        (b'{"any":' + b"[" * 100_000, "body must not nest deeper than 100 levels"),
        (b'{"any":"\xff"}', "body must be valid UTF-8"),
        (b'{"any":"\xed\xa0\x80"}', "body must be valid UTF-8"),
        (b'{"any":"\\ud800"}', "body must be valid JSON"),
        (b'{"any":NaN}', "body must be valid JSON"),
        (b'{"any":1e999}', "body must be valid JSON"),
        (b'{"any":01}', "body must be valid JSON"),
        (b'{"any":[1,]}', "body must be valid JSON"),
        (b'{"any":{"a"}}', "body must be valid JSON"),
        (b'{"any":{"a":1,}}', "body must be valid JSON"),
        (b'{"any":{a:1}}', "body must be valid JSON"),
        (b'{"any":"\n"}', "body must be valid JSON"),
        (b'{"any":tru}', "body must be valid JSON"),
        (b'{"any":}', "body must be valid JSON"),
        (b'{"any":1', "body must be valid JSON"),
    ],
)
def test_text_that_is_no_strict_json_is_refused(
    codec: Any, message_class: MessageClass, body: bytes, sentence: str
) -> None:
    with pytest.raises(ParseError) as refusal:
        parse(codec, body, message_class("Note"))

    assert refusal.value.message.startswith(sentence)


@codecs
@pytest.mark.parametrize(
    "text",
    [
        "x",
        "{",
        "{}}",
        "{} {}",
        " ",
        "{'a':1}",
        '{"a":1,"a":2}',
        '{"a":1,"\\u0061":2}',
        '{"a":"\\ud800"}',
        '{"a":1e999}',
        '{"a":"\n"}',
        '{"a":1}\x00',
        "[" * 101 + "]" * 101,
        "[" * 100_000,
        "\ufeff{}",
    ],
)
@pytest.mark.parametrize("field", ["any", "some_object", "objects"])
def test_broken_text_of_a_server_is_never_written(
    codec: Any, message_class: MessageClass, field: str, text: str
) -> None:
    note = message_class("Note")(**{field: [text] if field == "objects" else text})

    with pytest.raises(DumpError, match=f"^library.v1.Note.{field} must"):
        dump(codec, note)


@codecs
@pytest.mark.parametrize(
    "fields", [{"object": "[]"}, {"objects": ["1"]}, {"objects": [""]}, {"anys": [""]}, {"any_map": {"a": ""}}]
)
def test_text_that_is_not_what_the_field_holds_is_never_written(
    codec: Any, message_class: MessageClass, fields: dict[str, Any]
) -> None:
    with pytest.raises(DumpError):
        dump(codec, message_class("Note")(**fields))


@codecs
def test_a_hundred_levels_are_written(codec: Any, message_class: MessageClass) -> None:
    text = "[" * 100 + "]" * 100

    assert dump(codec, message_class("Note")(any=text)) == f'{{"any":{text}}}'.encode()


@codecs
def test_what_begins_in_many_levels_costs_no_memory_for_each(codec: Any, message_class: MessageClass) -> None:
    text = '{"a":' * 90 + "[" + "1.0," * 100_000 + "1.0]" + "}" * 90

    assert parse(codec, f'{{"object": {text}}}'.encode(), message_class("Note")).object == text


# Plain ProtoJSON.


@codecs
def test_strict_protojson_has_a_string(codec: Any, message_class: MessageClass) -> None:
    note = message_class("Note")(object='{"a": 1}', anys=["", "x"], any_map={"a": "["})

    assert json.loads(dump(codec, note, STRICT)) == json_format.MessageToDict(note)
    assert parse(codec, dump(codec, note, STRICT), message_class("Note"), STRICT) == note
