"""The native transcoder gives what the codec in Python gives, or leaves the work to it."""

import json
import math
import re
from functools import partial
from pathlib import Path
from typing import Any, Final

import grpc_tools  # type: ignore[import-untyped]
import orjson
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError, Message
from grpc_tools import protoc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.codec import STRICT, Dialect, DumpError, Nulls, dumper, in_python, parser, value_dumper
from gateway.codec.field_dialect import json_text
from gateway.codec.native import AVAILABLE, Transcoder, transcoder
from gateway.codec.native.table import FieldRow, MessageRow

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="`python -m gateway.codec.native` has not built the transcoder")

HERE = Path(__file__).parent
INCLUDED = Path(grpc_tools.__file__).parent / "_proto"
_UNHURRIED = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, type[Message]]:
    """Classes of kinds.proto and kinds_proto2.proto by their short names."""
    described = tmp_path_factory.mktemp("kinds") / "kinds.binpb"
    folders = [f"--proto_path={folder}" for folder in (HERE, HERE.parents[2] / "proto", INCLUDED)]
    files = ["kinds.proto", "kinds_proto2.proto"]
    assert protoc.main(["protoc", *folders, "--include_imports", f"--descriptor_set_out={described}", *files]) == 0
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(described.read_bytes()).file:
        pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(descriptor)
        for file in files
        for name, descriptor in pool.FindFileByName(file).message_types_by_name.items()
    }


def native(message_class: type[Message], dialect: Dialect = STRICT) -> Transcoder:
    descriptor: Any = message_class.DESCRIPTOR
    found = transcoder(descriptor, dialect)
    assert found is not None
    return found


# Messages of any kind.

_DIALECTS = st.builds(
    Dialect,
    proto_names=st.booleans(),
    nulls=st.sampled_from(Nulls),
    offset_times=st.booleans(),
    number_integers=st.booleans(),
    number_enums=st.booleans(),
    heeds_options=st.booleans(),
    ignore_unknown_fields=st.booleans(),
    ignore_unknown_enums=st.booleans(),
)
_INT32 = st.integers(-(2**31), 2**31 - 1)
_INT64 = st.integers(-(2**63), 2**63 - 1)
_UINT32 = st.integers(0, 2**32 - 1)
_UINT64 = st.integers(0, 2**64 - 1)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
# Decimals of a few digits are what people write; others are any doubles.
_DOUBLES = st.floats() | st.builds(
    lambda digits, places: digits / 10**places, st.integers(-(10**16), 10**16), st.integers(0, 20)
)
_SCALARS: Final[dict[int, st.SearchStrategy[Any]]] = {
    FieldDescriptor.TYPE_DOUBLE: _DOUBLES,
    FieldDescriptor.TYPE_FLOAT: st.floats(width=32) | st.integers(-(10**7), 10**7).map(lambda digits: digits / 10**3),
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_SINT32: _INT32,
    FieldDescriptor.TYPE_SFIXED32: _INT32,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_FIXED32: _UINT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_SINT64: _INT64,
    FieldDescriptor.TYPE_SFIXED64: _INT64,
    FieldDescriptor.TYPE_UINT64: _UINT64,
    FieldDescriptor.TYPE_FIXED64: _UINT64,
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_STRING: _TEXTS,
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=20),
}
_JSON = st.recursive(
    st.none() | st.booleans() | _DOUBLES.filter(math.isfinite) | _INT64 | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)
# As it may be spelled: with spaces and escapes, digits that a double has not, keys twice, and some that is no JSON.
_SPELLED = (
    _JSON.map(orjson.dumps)
    | _JSON.map(lambda value: json.dumps(value, indent=1).encode())
    | st.sampled_from(
        [
            *rb'{} [] null "" 1.50 -0 0.1e+3 123456789012345678901234567890 1e400 "\u00e9\/" {"a":1,"a":2}'.split(),
            *(b'{ "b" : [ 1 , { } ] , "a" : " \\" " }', b'{"\\u0061":1,"a":2}', b"", b" ", b"[1,]", b'{"a":1}}', b"{"),
        ]
    )
).map(lambda text: text.decode(errors="replace"))
_MASK_PATHS = st.from_regex(r"[a-z_A-Z.]{0,8}", fullmatch=True) | st.sampled_from(["foo_bar.baz", "a1"])


def _fill(draw: st.DrawFn, message: Any, levels: int) -> None:
    """Sets some fields of `message`, drawn at random."""
    descriptor = message.DESCRIPTOR
    if descriptor.full_name == "google.protobuf.Timestamp":
        message.seconds = draw(st.integers(-62135596801, 253402300800))
        message.nanos = draw(st.sampled_from([0, 10**6, 10**3, 1, 999_999_999, -1]))
    elif descriptor.full_name == "google.protobuf.Duration":
        message.seconds = draw(st.integers(-315576000001, 315576000001))
        message.nanos = draw(st.sampled_from([0, 10**6, -(10**3), 1, 999_999_999]))
    elif descriptor.full_name == "google.protobuf.FieldMask":
        message.paths.extend(draw(st.lists(_MASK_PATHS, max_size=3)))
    elif descriptor.full_name in ("google.protobuf.Struct", "google.protobuf.ListValue", "google.protobuf.Value"):
        with_value = in_python.parser(descriptor)(orjson.dumps(draw(_json_of(descriptor.full_name))))
        message.CopyFrom(with_value)
    else:
        for field in draw(st.lists(st.sampled_from(list(descriptor.fields)), max_size=6)) if descriptor.fields else []:
            _fill_field(draw, message, field, levels)


def _json_of(full_name: str) -> st.SearchStrategy[Any]:
    if full_name == "google.protobuf.Struct":
        return st.dictionaries(_TEXTS, _JSON, max_size=4)
    return st.lists(_JSON, max_size=4) if full_name == "google.protobuf.ListValue" else _JSON


def _fill_field(draw: st.DrawFn, message: Any, field: FieldDescriptor, levels: int) -> None:
    value = getattr(message, field.name)
    inner = field.message_type
    if inner is None:
        values = _scalars(field)
        if field.is_repeated:
            value.extend(draw(st.lists(values, max_size=4)))
        else:
            setattr(message, field.name, draw(values))
    elif levels == 0:
        return
    elif inner.GetOptions().map_entry:
        keys = _scalars(inner.fields_by_name["key"])
        of_map = inner.fields_by_name["value"]
        for key in draw(st.lists(keys, max_size=3)):
            if of_map.message_type is None:
                value[key] = draw(_scalars(of_map))
            else:
                _fill(draw, value[key], levels - 1)
    else:
        if not field.is_repeated:
            value.SetInParent()
        for each in [value.add() for _ in range(draw(st.integers(0, 3)))] if field.is_repeated else [value]:
            _fill(draw, each, levels - 1)


def _scalars(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    if json_text(field, Dialect(heeds_options=True)):
        return _SPELLED
    if field.enum_type is None:
        return _SCALARS[field.type]
    numbers = st.sampled_from(sorted(field.enum_type.values_by_number))
    return numbers if field.enum_type.is_closed else numbers | _INT32


_NAMES = st.sampled_from(["Singles", "Lists", "Maps", "WellKnown", "Choice", "Styled", "Texts", "All", "Old"])


@st.composite
def _contents(draw: st.DrawFn, message_class: type[Message]) -> Message:
    message = message_class()
    _fill(draw, message, levels=3)
    return message


# Comparisons.


def _canonical(text: bytes) -> bytes:
    """The same for all texts of one JSON value; 1 and 1.0 are two."""
    return orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS)


def _wire(message: Message) -> bytes:
    return message.SerializePartialToString(deterministic=True)


def _assert_dumped_alike(message: Message, dialect: Dialect) -> None:
    descriptor: Any = message.DESCRIPTOR
    text = native(type(message), dialect).dump(message.SerializePartialToString)
    if text is not None:
        assert _canonical(text) == _canonical(in_python.dumper(descriptor, dialect)(message))


def _assert_parsed_alike(data: bytes, message_class: type[Message], dialect: Dialect) -> None:
    descriptor: Any = message_class.DESCRIPTOR
    wire = native(message_class, dialect).parse(data)
    if wire is None:
        return
    # What the native transcoder takes, Python takes too.
    expected = in_python.parser(descriptor, dialect)(data)
    try:
        read = message_class.FromString(wire)
    except DecodeError as error:
        assert "MaxDepth" in str(error)  # noqa: PT017
        return
    assert _wire(read) == _wire(expected)


@_UNHURRIED
@given(data=st.data(), name=_NAMES, dialect=_DIALECTS)
def test_any_message_is_written_as_in_python(
    kinds: dict[str, type[Message]], data: st.DataObject, name: str, dialect: Dialect
) -> None:
    _assert_dumped_alike(data.draw(_contents(kinds[name])), dialect)


@_UNHURRIED
@given(data=st.data(), name=_NAMES, dialect=_DIALECTS)
def test_any_field_is_written_as_in_python(
    kinds: dict[str, type[Message]], data: st.DataObject, name: str, dialect: Dialect
) -> None:
    message = data.draw(_contents(kinds[name]))
    descriptor: Any = message.DESCRIPTOR
    for field in descriptor.fields:
        text = native(kinds[name], dialect).dump_field(message.SerializePartialToString, field.index)
        if text is not None:
            assert _canonical(text) == _canonical(in_python.value_dumper(field, dialect)(message))


def _text(message: Message, dialect: Dialect) -> bytes:
    descriptor: Any = message.DESCRIPTOR
    try:
        return in_python.dumper(descriptor, dialect)(message)
    except DumpError:
        return b"{}"


@_UNHURRIED
@given(data=st.data(), name=_NAMES, dialect=_DIALECTS)
def test_any_text_is_read_as_in_python(
    kinds: dict[str, type[Message]], data: st.DataObject, name: str, dialect: Dialect
) -> None:
    text = _text(data.draw(_contents(kinds[name])), dialect)

    _assert_parsed_alike(text, kinds[name], dialect)
    _assert_parsed_alike(orjson.dumps(orjson.loads(text), option=orjson.OPT_INDENT_2), kinds[name], dialect)


@_UNHURRIED
@given(data=st.data(), name=_NAMES, dialect=_DIALECTS)
def test_any_value_of_a_field_is_read_as_in_python(
    kinds: dict[str, type[Message]], data: st.DataObject, name: str, dialect: Dialect
) -> None:
    message_class = kinds[name]
    message = data.draw(_contents(message_class))
    descriptor: Any = message.DESCRIPTOR
    for field in descriptor.fields:
        try:
            text = in_python.value_dumper(field, dialect)(message)
        except DumpError:
            continue
        wire = native(message_class, dialect).parse_field(text, field.index)
        if wire is not None:
            assert _wire(message_class.FromString(wire)) == _wire(in_python.value_parser(field, dialect)(text))


_PIECES = st.sampled_from(
    [
        *rb"null true 0 -0 -0.0 1e3 1.0 1e400 0.1e-330 18446744073709551616".split(),
        *rb'"1" "-0" "NaN" "" "/w" "_w==" "1970-01-01T00:00:00+23:59" "-1.5s" "a,bC" "OPEN_UNO" "unknown"'.split(),
        *rb'"\u0000" "\ud800" "\ud83d\ude00" [] {} [null] , : " \ [ }'.split(),
        *rb'{"a":1,"a":2} {"a":1,"\u0061":2} {"zzz":[{"a":{}}]} {"[kinds.v2.nickname]":"a"}'.split(),
        *(b" ", b'"\xff"', b'"\x00"'),
    ]
)


@st.composite
def _damaged(draw: st.DrawFn, text: bytes) -> bytes:
    """`text` after a few pieces of it were replaced by others, moved or repeated."""
    for _ in range(draw(st.integers(1, 3))):
        # Runs of letters and digits, and every other byte by itself.
        tokens: list[bytes] = re.findall(rb"\w+|.", text, re.DOTALL)
        start = draw(st.integers(0, len(tokens)))
        end = min(len(tokens), start + draw(st.integers(0, 3)))
        piece = draw(_PIECES | st.binary(max_size=2) | st.sampled_from(tokens or [b""]))
        text = b"".join([*tokens[:start], piece, *tokens[end:]])
    return text


@settings(_UNHURRIED, max_examples=200)
@given(data=st.data(), name=_NAMES, dialect=_DIALECTS)
def test_what_is_read_of_a_damaged_text_is_what_python_reads(
    kinds: dict[str, type[Message]], data: st.DataObject, name: str, dialect: Dialect
) -> None:
    text = data.draw(_damaged(_text(data.draw(_contents(kinds[name])), dialect)))

    _assert_parsed_alike(text, kinds[name], dialect)


@_UNHURRIED
@given(data=st.data(), name=_NAMES, dialect=_DIALECTS)
def test_messages_with_unknown_fields_are_written_as_in_python(
    kinds: dict[str, type[Message]], data: st.DataObject, name: str, dialect: Dialect
) -> None:
    wire = bytearray(data.draw(_contents(kinds[name])).SerializePartialToString())
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(wire)))
        wire[place : place + data.draw(st.integers(0, 1))] = data.draw(st.binary(max_size=2))
    native(kinds[name], dialect).dump(lambda: bytes(wire))  # not as a runtime writes it; must only end
    try:
        message = kinds[name].FromString(bytes(wire))
    except DecodeError:
        return
    _assert_dumped_alike(message, dialect)


# What must not be left to Python.


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Singles", '{"double":0.1,"float":-1.5,"int32":-1,"int64":"-1","uint32":1,"uint64":"18446744073709551615"}'),
        ("Singles", '{"sint32":-1,"sint64":"-1","fixed32":1,"fixed64":"1","sfixed32":-1,"sfixed64":"-1","bool":true}'),
        (
            "Singles",
            '{"string":"\\u00e9\\n\\ud83d\\ude00 é","bytes":"/+8=","open":"OPEN_ONE","inner":{"number":1}}',
        ),
        ("Singles", '{"double":"NaN","float":"-Infinity","open":77,"someNull":null,"a \\"b\\" \\\\ é":"x"}'),
        ("Singles", '{"double":1.7976931348623157e308,"float":3.4028235e38,"someDouble":5e-324,"someFloat":1e-45}'),
        ("Lists", '{"doubles":[1.5,"NaN"],"int64s":["1","2"],"bools":[true],"strings":["a",""],"bytes":["YQ=="]}'),
        (
            "Lists",
            '{"opens":["OPEN_ONE",5],"nulls":[null],"inners":[{},{"text":"a"}],"looseInt32s":[1,2],"looseOpens":[0]}',
        ),
        (
            "Maps",
            '{"int32s":{"-1":0.5},"bools":{"true":"1"},"strings":{"a":"b","c":"d"},"maps":{"a":{"nulls":{"x":null}}}}',
        ),
        (
            "Maps",
            '{"sfixed32s":{"1":null},"sfixed64s":{"1":"1970-01-01T00:00:00Z"},"structs":{"a":{"b":[1,{"c":null}]}}}',
        ),
        ("WellKnown", '{"timestamp":"2024-02-29T23:59:59.000000001Z","duration":"-0.5s","fieldMask":"fooBar.baz,a"}'),
        ("WellKnown", '{"struct":{"a":1,"b":[true,null,"x",{"c":-1.5}]},"value":[[]],"listValue":[1],"empty":{}}'),
        ("WellKnown", '{"doubleValue":1,"int64Value":"5","boolValue":false,"stringValue":"","bytesValue":""}'),
        ("Choice", '{"nullValue":null,"double":0.0}'),
        ("All", '{"all":{"all":{"alls":[{},{"choice":{"flag":true}}]}}}'),
        ("Old", '{"name":"a","closed":"CLOSED_ONE","closeds":["CLOSED_TWO"],"packed":[1],"old":{"number":0}}'),
    ],
)
def test_ordinary_messages_are_not_left_to_python(kinds: dict[str, type[Message]], name: str, text: str) -> None:
    wire = native(kinds[name]).parse(text.encode())
    assert wire is not None

    again = native(kinds[name]).dump(kinds[name].FromString(wire).SerializePartialToString)
    assert again is not None
    assert native(kinds[name]).parse(again) is not None


def test_fields_with_a_dialect_of_their_own_are_not_left_to_python(kinds: dict[str, type[Message]]) -> None:
    text = (
        b'{"nullString":"","nullOptional":null,"nullList":[],"nullMessage":null,"nullValue":null,"omitDouble":0.0,'
        b'"omitMap":{"a":"1"},"numberUint64":2,"numberList":[3],"numberMap":{"4":5},"numberWrapper":6,'
        b'"numberWrapperMap":{"a":7},"textFixed64":"8","wrapper":"9","offsetTime":"1970-01-01T00:00:00+00:00",'
        b'"offsetTimeMap":{"a":"1970-01-01T00:00:00+00:00"},"time":"1970-01-01T00:00:00Z","numberMember":10}'
    )
    styled = native(kinds["Styled"], Dialect(heeds_options=True))

    wire = styled.parse(text.replace(b'"nullValue":null,', b""))

    assert wire is not None
    assert styled.dump(kinds["Styled"].FromString(wire).SerializePartialToString) == text


def test_fields_of_json_text_are_not_left_to_python(kinds: dict[str, type[Message]]) -> None:
    text = (
        b'{"object":{"b":[1.50,-0,1e+2,123456789012345678901234567890],"a":"\\u00e9\\n"},"any":"x","someAny":[],'
        b'"objects":[{},{"":{}}],"anys":[null,true,1],"objectMap":{"a":{"b":1.0}},"anyMap":{"1":null},"member":"",'
        b'"nullAny":null,"inner":{"member":null,"nullAny":0.0}}'
    )
    texts = native(kinds["Texts"], Dialect(heeds_options=True))

    wire = texts.parse(text.replace(b",", b" ,\n").replace(b":", b" : "))

    assert wire is not None
    assert texts.dump(kinds["Texts"].FromString(wire).SerializePartialToString) == text


def test_a_json_text_cut_off_or_damaged_anywhere_is_written_or_left_to_python(kinds: dict[str, type[Message]]) -> None:
    text = b'{"a\\u0061":[1.5e3,{"b":null}],"c":" \xc3\xa9"}'
    transcoder = native(kinds["Texts"], Dialect(heeds_options=True))
    for end in range(len(text)):
        for last in (b"", b"\x00", b"\xff", b'"', b"\\", b"}", b" "):
            damaged = text[:end] + last
            dumped = transcoder.dump(partial(bytes, b"\x12" + bytes([len(damaged)]) + damaged))
            if dumped is not None:
                assert orjson.loads(dumped)["any"] == orjson.loads(damaged)
            transcoder.parse(b'{"any":' + damaged)
            transcoder.parse(b'{"any":' + damaged + b"}")


# Hostile texts and messages. Python answers them; see test_json_text.py.

_TEXT: Final = (
    b'{"double":-1.5e-3,"int64":"-12","bool":true,"string":"a\\u00e9\xc3\xa9\\n","bytes":"YWI=","open":"OPEN_ONE",'
    b'"nullValue":null,"inner":{"text":"x","number":12}}'
)


def test_no_text_that_ends_too_early_is_read(kinds: dict[str, type[Message]]) -> None:
    for end in range(len(_TEXT)):
        assert native(kinds["Singles"]).parse(_TEXT[:end]) is None
    assert native(kinds["Singles"]).parse(_TEXT) is not None


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"null",
        b"[]",
        _TEXT + b"x",
        b"\xef\xbb\xbf" + _TEXT,  # a byte order mark
        b'{"string":"\xff"}',
        b'{"string":"\xed\xa0\x80"}',  # a surrogate in UTF-8
        b'{"string":"\xc0\x80"}',  # NUL in two bytes
        b'{"string":"\xf4\x90\x80\x80"}',  # beyond U+10FFFF
        b'{"string":"\\ud800"}',
        b'{"string":"\\ud800\\u0041"}',
        b'{"string":"\\udc00"}',
        b'{"string":"\\x41"}',
        b'{"string":"\n"}',
        b'{"bool":true,"bool":true}',
        b'{"bool":true,"b\\u006fol":true}',
        b'{"bool":null,"bool":true}',
        b'{"ofTheLargestNumber":"","of_the_largest_number":""}',
        b'{"int32":1}}',
        b'{"int32":01}',
        b'{"int32":+1}',
        b'{"int32":1.}',
        b'{"int32":.5}',
        b'{"int32":1e}',
        b'{"int32":0x1}',
        b'{"int32":2147483648}',
        b'{"uint64":18446744073709551616}',
        b'{"uint32":-1}',
        b'{"double":NaN}',
        b'{"double":1e999}',
        b'{"double":1e99999999999999999999}',
        b'{"double":' + b"9" * 100_000 + b"}",
        b'{"float":3.5e38}',
        b'{"bytes":"a"}',
        b'{"bytes":"a=b="}',
        b'{"open":"OPEN_TWO"}',
        b'{"unknown":1}',
        b'{"inner":' * 101,
        b"{" * 100_000,
        b"[" * 100_000,
    ],
)
def test_what_is_wrong_is_left_to_python(kinds: dict[str, type[Message]], text: bytes) -> None:
    assert native(kinds["Singles"]).parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        b'{"zzz":1,"zzz":1}',
        b'{"zzz":{"a":[{"b":1,"b":1}]}}',
        b'{"zzz":"\xff"}',
        b'{"zzz":1e999}',
        b'{"zzz":[1,]}',
        b'{"zzz":' + b"[" * 101 + b"]" * 101 + b"}",
    ],
)
def test_what_is_skipped_must_be_valid_too(kinds: dict[str, type[Message]], text: bytes) -> None:
    assert native(kinds["Singles"], Dialect(ignore_unknown_fields=True)).parse(text) is None


def test_a_repeated_key_is_found_among_many(kinds: dict[str, type[Message]]) -> None:
    keys = [f'"{number}":""' for number in range(5000)]

    assert native(kinds["Maps"]).parse(f'{{"strings":{{{",".join(keys)}}}}}'.encode()) is not None
    for repeated in (0, 2500, 4999):
        text = ",".join([*keys, keys[repeated]])
        assert native(kinds["Maps"]).parse(f'{{"strings":{{{text}}}}}'.encode()) is None


def test_a_text_nested_deeper_than_the_runtime_reads_is_read_in_python(kinds: dict[str, type[Message]]) -> None:
    # Each object of a Struct is three messages, and upb reads a hundred.
    text = b'{"struct":' + b'{"a":' * 60 + b"1" + b"}" * 61

    struct: Any = parser(kinds["WellKnown"].DESCRIPTOR)(text)

    assert dumper(kinds["WellKnown"].DESCRIPTOR)(struct) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("timestamp", b"null"),
        ("duration", b"null"),
        ("field_mask", b"null"),
        ("double_value", b"null"),
        ("string_value", b"null"),
        # An empty one has no JSON form (comments of google/protobuf/struct.proto), so that there is no other answer.
        ("value", b"null"),
        ("struct", b"{}"),
        ("list_value", b"[]"),
        ("any", b"{}"),
        ("empty", b"{}"),
    ],
)
def test_an_unset_well_known_message_is_null_unless_it_is_an_object_or_a_list(
    kinds: dict[str, type[Message]], name: str, text: bytes
) -> None:
    message: Any = kinds["WellKnown"]()
    field = message.DESCRIPTOR.fields_by_name[name]

    assert in_python.value_dumper(field)(message) == text
    assert value_dumper(field)(message) == text


@pytest.mark.parametrize("place", range(24))
@pytest.mark.parametrize("length", [1, 3, 4, 7, 8, 9, 15, 16, 17, 23, 24])
@pytest.mark.parametrize("letter", ['"', "\\", "\x00", "\x1f", "\x7f", "é", "😀"])
def test_a_string_is_escaped_wherever_it_has_to_be(
    kinds: dict[str, type[Message]], letter: str, length: int, place: int
) -> None:
    text = ("a" * place + letter + "a" * length)[:length]

    dumped = native(kinds["Singles"]).dump(kinds["Singles"](string=text).SerializePartialToString)

    assert dumped == orjson.dumps({"string": text} if text else {})


@pytest.mark.parametrize("number", [n + d for e in range(20) for n in [10**e] for d in (-1, 0, 1) if n + d < 2**64])
def test_an_integer_of_any_length_is_written(kinds: dict[str, type[Message]], number: int) -> None:
    message: Any = kinds["Lists"](uint64s=[number], int64s=[max(-number, -(2**63))])

    dumped = native(kinds["Lists"]).dump(message.SerializePartialToString)

    assert dumped == orjson.dumps({"int64s": [str(message.int64s[0])], "uint64s": [str(number)]})


def test_fields_are_written_in_the_order_of_their_declaration(kinds: dict[str, type[Message]]) -> None:
    for name in ("Lists", "Singles"):  # the fields of Singles are not in the order of their numbers
        descriptor: Any = kinds[name].DESCRIPTOR
        keys = [field.json_name for field in descriptor.fields]

        dumped = native(kinds[name], Dialect(nulls=Nulls.NULL)).dump(bytes)

        assert dumped is not None
        assert list(orjson.loads(dumped)) == keys


@pytest.mark.parametrize("wire", [b"\x10\x02\x0a\x01a", b"\x0a\x01a\x0a\x01b", b"\x10\x01\x0a\x01a\x10\x02"])
def test_fields_in_an_order_that_no_runtime_writes_are_left_to_python(
    kinds: dict[str, type[Message]], wire: bytes
) -> None:
    assert native(kinds["Inner"]).dump(lambda: wire) is None


@pytest.mark.parametrize("unknown", [b"\x18\x05", b"\xfa\x7f\x01x", b"\x09" + bytes(8), b"\x12\x00"])
def test_unknown_fields_are_passed_over_wherever_they_are(kinds: dict[str, type[Message]], unknown: bytes) -> None:
    pieces = [b"\x0a\x01a", b"\x10\x02"]
    for place in range(3):
        wire = b"".join([*pieces[:place], unknown, *pieces[place:]])

        assert native(kinds["Inner"]).dump(partial(bytes, wire)) == b'{"text":"a","number":2}'


def test_a_message_cut_off_or_damaged_anywhere_is_written_or_left_to_python(kinds: dict[str, type[Message]]) -> None:
    wire = native(kinds["Singles"]).parse(_TEXT)
    assert wire is not None

    transcoder = native(kinds["Singles"])
    for end in range(len(wire)):
        cut_off = [wire[:end], *(wire[:end] + bytes([byte]) + wire[end + 1 :] for byte in (0x00, 0x7F, 0x80, 0xFF))]
        for damaged in cut_off:
            transcoder.dump(partial(bytes, damaged))
            for field in range(len(kinds["Singles"].DESCRIPTOR.fields)):
                transcoder.dump_field(partial(bytes, damaged), field)


def test_strings_that_are_not_valid_utf8_have_no_json_form(kinds: dict[str, type[Message]]) -> None:
    # Strings of proto2 are not checked when they are read: https://protobuf.dev/programming-guides/encoding/
    for wire in (b"\x0a\x01\xff", b"\x32\x05\x0a\x01\xff\x10\x01"):
        message = kinds["Old"].FromString(wire)

        with pytest.raises(DumpError, match="not valid UTF-8"):
            dumper(kinds["Old"].DESCRIPTOR)(message)


@pytest.mark.parametrize("value", ["x", bytearray(b"{}"), memoryview(b"{}"), None])
def test_only_bytes_are_read_natively(kinds: dict[str, type[Message]], value: Any) -> None:
    assert native(kinds["Singles"]).parse(value) is None
    assert native(kinds["Singles"]).dump(lambda: value) is None


def test_a_field_the_message_does_not_have_is_left_to_python(kinds: dict[str, type[Message]]) -> None:
    assert native(kinds["Inner"]).dump_field(bytes, 2) is None
    assert native(kinds["Inner"]).parse_field(b"1", 2) is None


# Rows as in table.py.


def _field(number: int, kind: int, *, shape: int = 0, oneof: int = -1, message: int = -1, enum: int = -1) -> FieldRow:
    return number, kind, shape, False, 0, False, False, oneof, message, enum, b'"a":', b"a"


def _one_message(*fields: FieldRow, kind: int = 0, words: tuple[tuple[bytes, int], ...] = ()) -> tuple[MessageRow, ...]:
    return ((kind, False, 0, words, fields),)


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ((), "there must be a message"),
        (_one_message(_field(0, 5)), "a field is out of range"),
        (_one_message(_field(1, 5, oneof=0)), "a field is out of range"),
        (_one_message(_field(1, 11, message=1)), "a type that is not there"),
        (_one_message(_field(1, 14, enum=0)), "a type that is not there"),
        (_one_message(_field(1, 11, shape=2, message=0)), "a map must have a key and a value"),
        (_one_message(_field(1, 5), words=((b"a", 1),)), "a word stands for a field that is not there"),
        (_one_message(words=((b"", 0),)), "a word must not be empty"),
        (_one_message(kind=7), "a wrapper must have one field"),
        (_one_message(kind=10), "a message is out of range"),
    ],
)
def test_a_table_that_does_not_fit_together_is_refused(
    kinds: dict[str, type[Message]], messages: Any, words: str
) -> None:
    flags = ("ignore_unknown_fields", "ignore_unknown_enums")

    with pytest.raises(ValueError, match=words):
        type(native(kinds["Inner"]))(messages, (), **dict.fromkeys(flags, False))  # type: ignore[call-arg]
