"""ProtoJSON and its dialects; source of the strict rules: https://protobuf.dev/programming-guides/json/.

The official conformance suite says more; see `tests/conformance`.
"""

import base64
import contextlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf import (
    any_pb2,
    duration_pb2,
    empty_pb2,
    field_mask_pb2,
    json_format,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.codec import STRICT, Dialect, DumpError, Nulls, ParseError, compiled, dump, dump_value, in_python, parse

MessageClass = Callable[[str], type[Message]]


@dataclass(frozen=True)
class Codec:
    """One of the two ways: as the gateway goes, the native transcoder first, and in Python alone."""

    compiled: Any

    def dump(self, message: Message, dialect: Dialect = STRICT) -> bytes:
        text: bytes = self.compiled.dumper(message.DESCRIPTOR, dialect)(message)
        return text

    def dumped(self, message: Message, dialect: Dialect = STRICT) -> Any:
        return json.loads(self.dump(message, dialect))

    def dump_value(self, message: Message, field: str, dialect: Dialect = STRICT) -> bytes:
        text: bytes = self.compiled.value_dumper(message.DESCRIPTOR.fields_by_name[field], dialect)(message)
        return text

    def parse(self, data: bytes, message_class: type[Message], dialect: Dialect = STRICT) -> Any:
        return self.compiled.parser(message_class.DESCRIPTOR, dialect)(data)

    def parse_value(self, data: bytes, message_class: type[Message], field: str, dialect: Dialect = STRICT) -> Any:
        return self.compiled.value_parser(message_class.DESCRIPTOR.fields_by_name[field], dialect)(data)


@pytest.fixture(scope="module", params=[compiled, in_python], ids=["native first", "python"])
def codec(request: pytest.FixtureRequest) -> Codec:
    return Codec(request.param)


# The same as google.protobuf.json_format.

_SECONDS = st.integers(-62135596800, 253402300799)
_TIMES = st.builds(lambda seconds, nanos: {"seconds": seconds, "nanos": nanos}, _SECONDS, st.integers(0, 999_999_999))
_DURATIONS = st.builds(
    lambda seconds, nanos, sign: {"seconds": sign * seconds, "nanos": sign * nanos},
    st.integers(0, 315576000000),
    st.integers(0, 999_999_999),
    st.sampled_from([1, -1]),
)
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
_PLAIN_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=8,
)
_STRUCTS = st.dictionaries(_TEXTS, _PLAIN_JSON, max_size=3)
_INT32 = st.integers(-(2**31), 2**31 - 1)
_AUTHORS = st.fixed_dictionaries({}, optional={"display_name": _TEXTS, "birth_year": _INT32})
# Of `Shelf`.
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "label": _TEXTS,
    "page_count": _INT32,
    "size_bytes": st.integers(-(2**63), 2**63 - 1),
    "serial": st.integers(0, 2**64 - 1),
    "weight": st.floats(allow_nan=False),
    "height": st.floats(width=32, allow_nan=False),
    "open": st.booleans(),
    "digest": st.binary(max_size=8),
    "genre": st.integers(0, 5),
    "condition": st.integers(0, 2),
    "tags": st.lists(_TEXTS, max_size=3),
    "floors": st.lists(_INT32, max_size=3),
    "notes": st.dictionaries(_TEXTS, _TEXTS, max_size=3),
    "authors_by_year": st.dictionaries(_INT32, _AUTHORS, max_size=3),
    "author": _AUTHORS,
    "authors": st.lists(_AUTHORS, max_size=3),
    "create_time": _TIMES,
    "loan_time": _DURATIONS,
    "mask": st.lists(st.sampled_from(["a", "a.b_c", "foo_bar.baz"]), max_size=2).map(lambda paths: {"paths": paths}),
    "extra": _STRUCTS,
    "quantity": st.fixed_dictionaries({"value": st.integers(-(2**63), 2**63 - 1)}),
    "remark": st.fixed_dictionaries({"value": _TEXTS}),
    "owner": _TEXTS,
    "rating": _INT32,
    "room": _TEXTS,
    "genres": st.lists(st.integers(0, 5), max_size=3),
}
_SHELVES = st.recursive(
    st.fixed_dictionaries({}, optional=_FIELDS),
    lambda inner: st.fixed_dictionaries({"below": inner}, optional=_FIELDS),
    max_leaves=3,
)
_UNHURRIED = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)


@_UNHURRIED
@given(fields=_SHELVES)
def test_any_message_is_printed_as_json_format_prints_it(
    codec: Codec, message_class: MessageClass, fields: dict[str, Any]
) -> None:
    shelf = message_class("Shelf")(**fields)

    assert codec.dumped(shelf) == json_format.MessageToDict(shelf)


@_UNHURRIED
@given(fields=_SHELVES)
def test_any_message_printed_by_json_format_is_read(
    codec: Codec, message_class: MessageClass, fields: dict[str, Any]
) -> None:
    shelf = message_class("Shelf")(**fields)

    assert codec.parse(json_format.MessageToJson(shelf).encode(), message_class("Shelf")) == shelf


@_UNHURRIED
@given(
    fields=_SHELVES,
    dialect=st.builds(
        Dialect,
        proto_names=st.booleans(),
        nulls=st.sampled_from(Nulls),
        number_integers=st.booleans(),
        heeds_options=st.booleans(),
        ignore_unknown_fields=st.booleans(),
    ),
)
def test_what_a_dialect_prints_it_reads(
    codec: Codec, message_class: MessageClass, fields: dict[str, Any], dialect: Dialect
) -> None:
    shelf = message_class("Shelf")(**fields)

    read = codec.parse(codec.dump(shelf, dialect), message_class("Shelf"), dialect)
    # Null is a value of google.protobuf.Value, whatever it was sent for.
    for each in _with_all_below(read):
        each.ClearField("anything")
    assert read == shelf


def _with_all_below(shelf: Any) -> Iterator[Message]:
    yield shelf
    if shelf.HasField("below"):
        yield from _with_all_below(shelf.below)


@_UNHURRIED
@given(data=st.dictionaries(st.sampled_from([*_FIELDS, "below", "other", "sizeBytes"]), _PLAIN_JSON))
def test_json_of_any_shape_is_read_or_refused(codec: Codec, message_class: MessageClass, data: dict[str, Any]) -> None:
    with contextlib.suppress(ParseError):
        codec.parse(json.dumps(data).encode(), message_class("Shelf"))


# Printing.


def test_fields_at_their_default_are_left_out_and_set_optional_ones_are_not(
    codec: Codec, message_class: MessageClass
) -> None:
    assert codec.dumped(message_class("Shelf")(label="", rating=0, author={})) == {"rating": 0, "author": {}}


def test_integers_of_64_bits_are_quoted(codec: Codec, message_class: MessageClass) -> None:
    assert codec.dumped(message_class("Shelf")(size_bytes=5, page_count=5)) == {"sizeBytes": "5", "pageCount": 5}


def test_minus_zero_is_not_a_default(codec: Codec, message_class: MessageClass) -> None:
    assert codec.dump(message_class("Shelf")(weight=-0.0)) == b'{"weight":-0.0}'


def test_floats_without_a_number_are_words(codec: Codec, message_class: MessageClass) -> None:
    shelf = message_class("Shelf")(weight=math.nan, height=-math.inf)

    assert codec.dumped(shelf) == {"weight": "NaN", "height": "-Infinity"}


def test_a_32_bit_float_is_as_short_as_it_can_be(codec: Codec, message_class: MessageClass) -> None:
    assert codec.dumped(message_class("Shelf")(height=0.1)) == {"height": 0.1}


def test_an_unknown_enum_number_stays_a_number(codec: Codec, message_class: MessageClass) -> None:
    assert codec.dumped(message_class("Shelf")(genre=77, genres=[1, 77])) == {
        "genre": 77,
        "genres": ["GENRE_NOVEL", 77],
    }


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (timestamp_pb2.Timestamp(seconds=1705314600), b'"2024-01-15T10:30:00Z"'),
        (timestamp_pb2.Timestamp(seconds=0, nanos=10_000_000), b'"1970-01-01T00:00:00.010Z"'),
        (timestamp_pb2.Timestamp(seconds=-1, nanos=1000), b'"1969-12-31T23:59:59.000001Z"'),
        (timestamp_pb2.Timestamp(seconds=-62135596800, nanos=1), b'"0001-01-01T00:00:00.000000001Z"'),
        (duration_pb2.Duration(seconds=-1, nanos=-500_000_000), b'"-1.500s"'),
        (duration_pb2.Duration(nanos=-1), b'"-0.000000001s"'),
        (field_mask_pb2.FieldMask(paths=["a_b.c", "d"]), b'"aB.c,d"'),
        (wrappers_pb2.Int64Value(value=3), b'"3"'),
        (wrappers_pb2.BytesValue(value=b"\xff"), b'"/w=="'),
        (empty_pb2.Empty(), b"{}"),
        (struct_pb2.Value(null_value=0), b"null"),  # type: ignore[arg-type]
        (struct_pb2.Value(number_value=15), b"15"),  # whole numbers stay whole
        (struct_pb2.ListValue(values=[struct_pb2.Value(bool_value=True)]), b"[true]"),
        (any_pb2.Any(), b"{}"),
    ],
)
def test_well_known_types_have_their_own_form_both_ways(codec: Codec, message: Message, text: bytes) -> None:
    assert codec.dump(message) == text
    assert codec.parse(text, type(message)) == message


def test_an_any_is_its_message_with_its_type_beside(codec: Codec) -> None:
    packed = any_pb2.Any()
    packed.Pack(timestamp_pb2.Timestamp(seconds=1))

    text = codec.dump(packed)

    assert json.loads(text) == {
        "@type": "type.googleapis.com/google.protobuf.Timestamp",
        "value": "1970-01-01T00:00:01Z",
    }
    assert codec.parse(text, any_pb2.Any) == packed


@pytest.mark.parametrize(
    "message",
    [
        timestamp_pb2.Timestamp(seconds=253402300800),  # the year 10000
        timestamp_pb2.Timestamp(nanos=-1),
        duration_pb2.Duration(seconds=315576000001),
        duration_pb2.Duration(seconds=1, nanos=-1),
        field_mask_pb2.FieldMask(paths=["fooBar"]),  # would come back as foo_bar
        struct_pb2.Value(),
        struct_pb2.Value(number_value=math.nan),
        any_pb2.Any(type_url="type.googleapis.com/no.Such"),
        any_pb2.Any(type_url="type.googleapis.com/google.protobuf.Timestamp", value=b"\xff"),
        any_pb2.Any(value=b"x"),
    ],
)
def test_a_value_without_json_form_is_refused(codec: Codec, message: Message) -> None:
    with pytest.raises(DumpError):
        codec.dump(message)


# Reading.


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        ('{"pageCount": "x"}', "pageCount", "must be an integer"),
        ('{"pageCount": 2.5}', "pageCount", "must be an integer"),
        ('{"pageCount": true}', "pageCount", "must be an integer"),
        ('{"pageCount": 2147483648}', "pageCount", "must be an integer from -2147483648 to 2147483647"),
        ('{"serial": -1}', "serial", "must be an integer from 0 to 18446744073709551615"),
        ('{"sizeBytes": 9223372036854775808}', "sizeBytes", "must be an integer from"),
        ('{"sizeBytes": 123456789012345678901234567890}', "sizeBytes", "must be an integer from"),
        ('{"weight": "1,5"}', "weight", "must be a number"),
        ('{"weight": "1e400"}', "weight", "must be a number that fits into 64 bits"),
        ('{"height": 3.5e38}', "height", "must be a number that fits into 32 bits"),
        ('{"open": 1}', "open", "must be true or false"),
        ('{"label": 1}', "label", "must be a string"),
        ('{"digest": "***"}', "digest", "must be text in base64"),
        ('{"genre": "GENRE_POEM"}', "genre", "must be one of GENRE_UNSPECIFIED, GENRE_NOVEL, GENRE_ESSAY"),
        ('{"tags": "a"}', "tags", "must be a list"),
        ('{"tags": ["a", null]}', "tags[1]", "must not be null"),
        ('{"authors": [{}, {"birthYear": "x"}]}', "authors[1].birthYear", "must be an integer"),
        ('{"notes": []}', "notes", "must be an object"),
        ('{"notes": {"a": 1}}', "notes['a']", "must be a string"),
        ('{"authorsByYear": {"x": {}}}', "authorsByYear['x']", "must be an integer"),
        ('{"author": "x"}', "author", "must be an object"),
        ('{"author": {"name": 1}}', "author.name", "is not a known field"),
        ('{"createTime": "2024-02-30T00:00:00Z"}', "createTime", "must be a time such as 2024-01-15T10:30:00Z"),
        ('{"createTime": "2024-01-15T24:00:00Z"}', "createTime", "must be a time"),
        ('{"createTime": "2024-01-15 10:30:00Z"}', "createTime", "must be a time"),
        ('{"createTime": "2024-01-15T10:30:00"}', "createTime", "must be a time"),
        ('{"createTime": "0001-01-01T00:00:00+01:00"}', "createTime", "must be a time"),
        ('{"loanTime": "5"}', "loanTime", "must be a duration such as 1.5s"),
        ('{"mask": "a_b"}', "mask", "must be field paths"),
        ('{"extra": []}', "extra", "must be an object"),
        ('{"list": {}}', "list", "must be a list"),
        ('{"quantity": "x"}', "quantity", "must be an integer"),
        ('{"pageCount": 1, "page_count": 2}', "pageCount", "must not be given under both of its names"),
        ('{"room": "a", "storey": 1}', "", "must not have more than one of room, storey"),
        ("[]", "", "must be an object"),
        ("null", "", "must be an object"),
    ],
)
def test_a_refusal_names_the_field_and_what_it_must_be(
    codec: Codec, message_class: MessageClass, text: str, path: str, words: str
) -> None:
    with pytest.raises(ParseError) as refusal:
        codec.parse(text.encode(), message_class("Shelf"))

    assert refusal.value.field_path == path
    assert refusal.value.message.startswith(f"{path or 'body'} {words}")
    assert refusal.value.violations == ((path, refusal.value.message),)


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ('{"sizeBytes": "5", "pageCount": "1e1", "serial": 2.0}', {"size_bytes": 5, "page_count": 10, "serial": 2}),
        ('{"size_bytes": 5}', {"size_bytes": 5}),
        ('{"weight": "NaN"}', None),
        ('{"weight": 3, "height": "0.5"}', {"weight": 3, "height": 0.5}),
        ('{"digest": "-_8"}', {"digest": b"\xfb\xff"}),  # URL-safe, without padding
        ('{"genre": 2}', {"genre": 2}),
        ('{"genre": 77}', {"genre": 77}),  # open enums keep unknown numbers
        ('{"label": null, "author": null, "tags": null, "quantity": null}', {}),
        ('{"room": null, "storey": 1}', {"storey": 1}),
        ('{"anything": null}', {"anything": {"null_value": 0}}),
        ('{"list": [1, null]}', {"list": {"values": [{"number_value": 1}, {"null_value": 0}]}}),
        ('{"extra": {"fields": {"a": 1}}}', {"extra": {"fields": {"a": 1}}}),  # a key of that name is just a key
        ('{"createTime": "2024-01-15T11:30:00.5+01:00"}', {"create_time": {"seconds": 1705314600, "nanos": 500000000}}),
    ],
)
def test_other_spellings_of_a_value_are_read(
    codec: Codec, message_class: MessageClass, text: str, fields: dict[str, Any] | None
) -> None:
    shelf = codec.parse(text.encode(), message_class("Shelf"))

    if fields is None:
        assert math.isnan(shelf.weight)
    else:
        assert shelf == message_class("Shelf")(**fields)


@given(st.binary(max_size=20), st.booleans(), st.booleans())
def test_bytes_come_in_standard_or_url_safe_base64_padded_or_not(
    codec: Codec, data: bytes, url_safe: bool, padded: bool
) -> None:
    text = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(data).decode()

    parsed = codec.parse(json.dumps(text if padded else text.rstrip("=")).encode(), wrappers_pb2.BytesValue)

    assert parsed.value == data


def test_unknown_fields_and_enum_names_can_be_ignored(codec: Codec, message_class: MessageClass) -> None:
    text = b'{"zzz": {"a": 1}, "genre": "GENRE_POEM", "genres": ["GENRE_NOVEL", "GENRE_POEM"], "author": {"x": 1}}'

    shelf = codec.parse(text, message_class("Shelf"), Dialect(ignore_unknown_fields=True, ignore_unknown_enums=True))

    assert shelf == message_class("Shelf")(genres=[1], author={})


def test_a_field_nested_too_deep_is_refused(codec: Codec, message_class: MessageClass) -> None:
    text = b'{"below":' * 101 + b"{}" + b"}" * 101

    with pytest.raises(ParseError, match="must not nest deeper than 100 levels"):
        codec.parse(text, message_class("Shelf"))


# Dialects.

PROTO_NAMES = Dialect(proto_names=True)
NUMBERS = Dialect(number_integers=True)


def test_keys_can_be_proto_names_while_both_are_read(codec: Codec, message_class: MessageClass) -> None:
    author = message_class("Author")(display_name="x")

    assert codec.dumped(author, PROTO_NAMES) == {"display_name": "x"}
    assert codec.parse(b'{"displayName": "x"}', message_class("Author"), PROTO_NAMES) == author


def test_refusals_name_fields_in_the_spelling_of_the_dialect(codec: Codec, message_class: MessageClass) -> None:
    with pytest.raises(ParseError, match=r"^author\.birth_year must be an integer$"):
        codec.parse(b'{"author": {"birthYear": "x"}}', message_class("Shelf"), PROTO_NAMES)


def test_every_key_can_be_sent_with_null_for_what_is_unset(codec: Codec, message_class: MessageClass) -> None:
    loan = message_class("Loan")(id="l1")

    assert codec.dumped(loan, Dialect(nulls=Nulls.NULL)) == {
        "id": "l1",
        "condition": "CONDITION_UNSPECIFIED",
        "feeCents": "0",
        "dueTime": None,
        "reader": None,
        "books": [],
        "author": None,
        "rate": 0.0,
        "paging": None,
    }


def test_every_key_stands_in_the_order_of_the_contract(codec: Codec, message_class: MessageClass) -> None:
    loan_class = message_class("Loan")

    assert list(codec.dumped(loan_class(reader="r"), Dialect(nulls=Nulls.NULL))) == [
        field.json_name for field in loan_class.DESCRIPTOR.fields
    ]


def test_only_what_has_presence_and_is_unset_can_be_left_out(codec: Codec, message_class: MessageClass) -> None:
    assert codec.dumped(message_class("Loan")(), Dialect(nulls=Nulls.OMIT)) == {
        "id": "",
        "condition": "CONDITION_UNSPECIFIED",
        "feeCents": "0",
        "books": [],
        "rate": 0.0,
    }


@pytest.mark.parametrize(
    ("nanos", "text"),
    [(0, "2024-01-15T10:30:00+00:00"), (5000, "2024-01-15T10:30:00.000005+00:00"), (999, "2024-01-15T10:30:00+00:00")],
)
def test_times_can_end_with_an_offset(codec: Codec, nanos: int, text: str) -> None:
    time = timestamp_pb2.Timestamp(seconds=1705314600, nanos=nanos)

    assert codec.dumped(time, Dialect(offset_times=True)) == text


def test_all_integers_can_be_numbers(codec: Codec, message_class: MessageClass) -> None:
    shelf = message_class("Shelf")(size_bytes=2**53 + 1, serial=2**64 - 1, quantity={"value": 7})

    assert codec.dumped(shelf, NUMBERS) == {"sizeBytes": 2**53 + 1, "serial": 2**64 - 1, "quantity": 7}


def test_enums_can_be_numbers_in_answers_while_both_forms_are_read(codec: Codec, message_class: MessageClass) -> None:
    shelf, dialect = message_class("Shelf")(genre=2, genres=[1, 77]), Dialect(number_enums=True)

    assert codec.dumped(shelf, dialect) == {"genre": 2, "genres": [1, 77]}
    assert codec.parse(b'{"genre": "GENRE_ESSAY", "genres": [1, 77]}', message_class("Shelf"), dialect) == shelf


@pytest.mark.parametrize("value", ['"2"', "2.5", "true", "[]", "{}"])
def test_where_integers_are_numbers_anything_else_is_refused(
    codec: Codec, message_class: MessageClass, value: str
) -> None:
    with pytest.raises(ParseError, match=r"^pageCount must be an integer$"):
        codec.parse(f'{{"pageCount": {value}}}'.encode(), message_class("Shelf"), NUMBERS)


def test_where_integers_are_numbers_keys_of_maps_are_still_quoted(codec: Codec, message_class: MessageClass) -> None:
    shelf = message_class("Shelf")(authors_by_year={7: {}})

    assert codec.dumped(shelf, NUMBERS) == {"authorsByYear": {"7": {}}}
    assert codec.parse(b'{"authorsByYear": {"7": {}}}', message_class("Shelf"), NUMBERS) == shelf


def test_unknown_fields_are_skipped_but_unknown_enum_names_still_refused(
    codec: Codec, message_class: MessageClass
) -> None:
    dialect = Dialect(ignore_unknown_fields=True)

    assert codec.parse(b'{"zzz": 1}', message_class("Shelf"), dialect) == message_class("Shelf")()
    with pytest.raises(ParseError, match="must be one of GENRE_UNSPECIFIED, GENRE_NOVEL"):
        codec.parse(b'{"genre": "zzz"}', message_class("Shelf"), dialect)


# What the contract says of single fields and enum values, in a dialect that heeds it.

HEEDING = Dialect(heeds_options=True)
# Everything a field can say of itself, said otherwise.
OTHERWISE = Dialect(nulls=Nulls.NULL, number_integers=True, offset_times=True, heeds_options=True)
NOON, OFFSET_NOON = "1970-01-01T12:00:00Z", "1970-01-01T12:00:00+00:00"
TIME = {"seconds": 12 * 3600}


@pytest.mark.parametrize(("dialect", "word"), [(HEEDING, "used"), (STRICT, "CONDITION_USED")])
def test_an_enum_value_is_printed_as_its_word_if_the_dialect_heeds_it(
    codec: Codec, message_class: MessageClass, dialect: Dialect, word: str
) -> None:
    assert codec.dumped(message_class("Shelf")(condition=2), dialect) == {"condition": word}


@pytest.mark.parametrize("word", ["new", "CONDITION_NEW"])
def test_an_enum_value_is_read_by_its_word_and_its_name(codec: Codec, message_class: MessageClass, word: str) -> None:
    shelf = codec.parse(f'{{"condition": "{word}"}}'.encode(), message_class("Shelf"), HEEDING)

    assert shelf == message_class("Shelf")(condition=1)


@pytest.mark.parametrize("value", ['"broken"', "9"])
def test_an_enum_with_words_takes_nothing_else(codec: Codec, message_class: MessageClass, value: str) -> None:
    with pytest.raises(ParseError, match=r"^condition must be one of new, used$"):
        codec.parse(f'{{"condition": {value}}}'.encode(), message_class("Shelf"), HEEDING)


def test_enums_with_words_can_be_numbers_too(codec: Codec, message_class: MessageClass) -> None:
    dialect = Dialect(number_enums=True, heeds_options=True)

    assert codec.dumped(message_class("Shelf")(condition=2), dialect) == {"condition": 2}


def test_a_field_without_value_is_sent_as_the_field_says(codec: Codec, message_class: MessageClass) -> None:
    assert codec.dumped(message_class("Receipt")(), HEEDING) == {
        "note": "",
        "reader": None,
        "author": None,
        "books": [],
    }


def test_a_field_can_be_left_out_where_its_service_sends_every_key(codec: Codec, message_class: MessageClass) -> None:
    sent = codec.dumped(message_class("Receipt")(), OTHERWISE)

    assert not {"stamp", "tags", "copies", "returnTime"} & sent.keys()
    assert sent["id"] == ""
    assert sent["createTime"] is None


def test_what_lies_inside_a_field_is_as_its_service_has_it(codec: Codec, message_class: MessageClass) -> None:
    receipt = message_class("Receipt")(author={})

    assert codec.dumped(receipt, HEEDING)["author"] == {}
    assert codec.dumped(receipt, OTHERWISE)["author"] == {"displayName": "", "birthYear": 0}


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"fee_cents": 7, "total_cents": 7}, {"feeCents": 7, "totalCents": "7"}),
        ({"shares": [1, 2]}, {"shares": [1, 2]}),
        # Keys of maps are always quoted.
        ({"fees_by_day": {3: 4}}, {"feesByDay": {"3": 4}}),
        ({"discount": {"value": 5}}, {"discount": 5}),
        ({"discounts": {"a": {"value": 2**64 - 1}}}, {"discounts": {"a": 2**64 - 1}}),
        ({"due_time": TIME, "create_time": TIME}, {"dueTime": OFFSET_NOON, "createTime": NOON}),
        ({"renewals": [TIME]}, {"renewals": [OFFSET_NOON]}),
        ({"visits": {"a": TIME}}, {"visits": {"a": OFFSET_NOON}}),
    ],
)
def test_integers_and_times_are_sent_as_their_field_says(
    codec: Codec, message_class: MessageClass, fields: dict[str, Any], sent: dict[str, Any]
) -> None:
    receipt = message_class("Receipt")(**fields)

    assert sent.items() <= codec.dumped(receipt, HEEDING).items()
    assert codec.parse(codec.dump(receipt, HEEDING), message_class("Receipt"), HEEDING) == receipt


def test_a_field_can_stay_with_protojson_where_its_service_does_not(codec: Codec, message_class: MessageClass) -> None:
    receipt = message_class("Receipt")(serial=7, total_cents=7, print_time=TIME, create_time=TIME)

    sent = codec.dumped(receipt, OTHERWISE)

    assert (sent["serial"], sent["totalCents"]) == ("7", 7)
    assert (sent["printTime"], sent["createTime"]) == (NOON, OFFSET_NOON)
    assert codec.parse(b'{"serial": "7"}', message_class("Receipt"), OTHERWISE).serial == 7


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('{"feeCents": "7"}', "feeCents"),
        ('{"shares": [1, "2"]}', "shares[1]"),
        ('{"feesByDay": {"3": "4"}}', "feesByDay['3']"),
        ('{"discount": "5"}', "discount"),
        ('{"discounts": {"a": "5"}}', "discounts['a']"),
    ],
)
def test_where_a_field_is_a_number_a_quoted_one_is_refused(
    codec: Codec, message_class: MessageClass, text: str, path: str
) -> None:
    with pytest.raises(ParseError) as refusal:
        codec.parse(text.encode(), message_class("Receipt"), HEEDING)

    assert refusal.value.message == f"{path} must be an integer"


@pytest.mark.parametrize(
    ("field", "dialect", "text"),
    [
        ("author", HEEDING, b"null"),
        ("author", STRICT, b"{}"),
        ("return_time", OTHERWISE, b"null"),
        ("fee_cents", HEEDING, b"7"),
        ("due_time", HEEDING, b'"1970-01-01T12:00:00+00:00"'),
    ],
)
def test_one_field_by_itself_is_sent_as_it_says(
    codec: Codec, message_class: MessageClass, field: str, dialect: Dialect, text: bytes
) -> None:
    receipt = message_class("Receipt")(fee_cents=7, due_time=TIME)

    assert codec.dump_value(receipt, field, dialect) == text


def test_strict_protojson_heeds_no_option(codec: Codec, message_class: MessageClass) -> None:
    receipt = message_class("Receipt")(fee_cents=7, discount={"value": 5}, due_time=TIME, visits={"a": TIME})

    assert codec.dumped(receipt) == json_format.MessageToDict(receipt)
    assert codec.parse(b'{"feeCents": "7"}', message_class("Receipt")).fee_cents == 7


# One field of a message.


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("shelf", b'{"label":"a"}'),
        ("others", b'[{"label":"b"}]'),
        ("note", b"null"),
        ("total", b'"7"'),
    ],
)
def test_one_field_is_printed_as_it_is(codec: Codec, message_class: MessageClass, field: str, text: bytes) -> None:
    response = message_class("CreateShelfResponse")(shelf={"label": "a"}, others=[{"label": "b"}], total=7)

    assert codec.dump_value(response, field) == text


def test_an_unset_message_field_is_an_empty_object_or_null_by_dialect(
    codec: Codec, message_class: MessageClass
) -> None:
    response = message_class("CreateShelfResponse")()

    assert codec.dump_value(response, "shelf") == b"{}"
    assert codec.dump_value(response, "shelf", Dialect(nulls=Nulls.NULL)) == b"null"
    assert codec.dump_value(response, "others") == b"[]"


@pytest.mark.parametrize(
    ("field", "text", "fields"),
    [
        ("shelf", b' {"label": "a"} ', {"shelf": {"label": "a"}}),
        ("others", b'[{"label": "b"}]', {"others": [{"label": "b"}]}),
        ("others", b"[]", {}),
        ("note", b'""', {"note": ""}),
        ("total", b'"7"', {"total": 7}),
    ],
)
def test_one_field_is_read_by_itself(
    codec: Codec, message_class: MessageClass, field: str, text: bytes, fields: dict[str, Any]
) -> None:
    response = message_class("CreateShelfResponse")

    assert codec.parse_value(text, response, field) == response(**fields)


@pytest.mark.parametrize(
    ("field", "text", "path"),
    [("shelf", b'{"label": 1}', "label"), ("others", b"[{}, 1]", "[1]"), ("total", b'"x"', ""), ("total", b"1 2", "")],
)
def test_a_refusal_of_one_field_names_the_place_in_it(
    codec: Codec, message_class: MessageClass, field: str, text: bytes, path: str
) -> None:
    with pytest.raises(ParseError) as refusal:
        codec.parse_value(text, message_class("CreateShelfResponse"), field)

    assert refusal.value.field_path == path


# The functions for one message, now and then.


def test_a_message_is_written_and_read_in_one_call(message_class: MessageClass) -> None:
    shelf = message_class("Shelf")(page_count=1, author={"display_name": "x"})

    assert dump(shelf, PROTO_NAMES) == b'{"page_count":1,"author":{"display_name":"x"}}'
    assert dump_value(shelf, "author") == b'{"displayName":"x"}'
    assert parse(b'{"page_count": 1, "author": {"displayName": "x"}}', message_class("Shelf")) == shelf


def test_one_call_can_ignore_what_is_unknown(message_class: MessageClass) -> None:
    text = b'{"zzz": 1, "genre": "GENRE_POEM"}'

    assert parse(text, message_class("Shelf"), ignore_unknown=True) == message_class("Shelf")()
    with pytest.raises(ParseError, match=r"^zzz is not a known field"):
        parse(text, message_class("Shelf"))


@pytest.mark.parametrize("value", ["1", "1.0", '"1"', '"SIZE_SMALL"', '"SIZE_UNSPECIFIED"', '"s"', '""', "0", "true"])
def test_an_enum_that_wants_words_only_takes_nothing_else(
    codec: Codec, message_class: MessageClass, value: str
) -> None:
    request = message_class("MoveShelfRequest")

    assert codec.parse(b'{"size": "S"}', request, HEEDING) == request(size=1)
    assert codec.parse(b'{"size": null}', request, HEEDING) == request()
    with pytest.raises(ParseError, match=r"^size must be one of S, L$"):
        codec.parse(f'{{"size": {value}}}'.encode(), request, HEEDING)


def test_plain_protojson_knows_no_words(codec: Codec, message_class: MessageClass) -> None:
    request = message_class("MoveShelfRequest")

    assert codec.parse(b'{"size": 1}', request) == codec.parse(b'{"size": "SIZE_SMALL"}', request) == request(size=1)
