"""What is thrown at the gateway: well-formed requests, nearly well-formed ones, and noise."""

import base64
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import quote, quote_plus

import orjson
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import strategies as st

from tests.integration.gateway.fuzz.echo import everything

NAMES: Final = [name for f in everything().DESCRIPTOR.fields for name in (f.name, f.json_name)]
# What is legal, nearly legal or harmful in some place of JSON, a path or a query.
SCALARS: Final[list[Any]] = [
    None, True, False, 0, -1, 1.5, -0.0, 1e308, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63), "", "a", "0", "-1", "1e3",
    "1.0", "0x1", "NaN", "Infinity", "-Infinity", "true", "TRUE", "COLOR_RED", "COLOR_NEGATIVE", "-5", "red", "AQ==",
    "AQ", "_-8",
    "2024-01-15T10:30:00Z", "2024-02-30T00:00:00Z", "9999-12-31T23:59:59.999999999Z", "0000-01-01T00:00:00Z", "1.5s",
    "-0.1s", "315576000001s", "fooBar,a.b", "foo_bar", "\u0000", "\ud7ff\U0001f600", "%2F", "../", "a" * 300,
]  # fmt: skip
scalars = st.sampled_from(SCALARS) | st.text(max_size=20) | st.integers() | st.floats(allow_nan=False)
keys = st.sampled_from(NAMES) | st.text(max_size=10) | st.sampled_from(["-1", "1", "true", "@type", "paths", "value"])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=5), max_leaves=25
)


_integers = st.integers(0, 100) | st.sampled_from(
    [-1, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**64 - 1, "7", "1e3", 1.0]
)
_reals = st.floats(width=32).map(lambda real: real if abs(real) < 1e300 else str(real)) | st.sampled_from(
    ["NaN", "1.5", 3, 1e39]
)
_times = st.datetimes().map(lambda moment: f"{moment.isoformat()}Z") | st.just("2024-01-15T10:30:00.123456789+02:00")
_BY_TYPE: Final = {
    FieldDescriptor.TYPE_STRING: st.text(max_size=8),
    FieldDescriptor.TYPE_BOOL: st.booleans(),
    FieldDescriptor.TYPE_BYTES: st.binary(max_size=6).map(lambda raw: base64.b64encode(raw).decode()) | st.just("_-8"),
    FieldDescriptor.TYPE_ENUM: st.sampled_from(["COLOR_RED", "COLOR_NEGATIVE", 1, -5, 77]),
    FieldDescriptor.TYPE_FLOAT: _reals,
    FieldDescriptor.TYPE_DOUBLE: _reals,
}
_BY_NAME: Final[dict[str, st.SearchStrategy[Any]]] = {
    "google.protobuf.Timestamp": _times,
    "google.protobuf.Duration": st.floats(-1e6, 1e6).map(lambda seconds: f"{seconds:.3f}s"),
    "google.protobuf.FieldMask": st.sampled_from(["", "fooBar", "a.b,cD"]),
    "google.protobuf.Struct": st.dictionaries(keys, scalars, max_size=3),
    "google.protobuf.Value": values,
    "google.protobuf.ListValue": st.lists(values, max_size=3),
}


def fitting(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """Nearly always what `field` takes, spelled in one of its ways."""
    return st.integers(0, 19).flatmap(lambda dice: _whole(field) if dice else values)


def _whole(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        texts = _single(entry.fields_by_name["key"]).map(lambda key: orjson.dumps(key).decode().strip('"'))
        return st.dictionaries(texts, _single(entry.fields_by_name["value"]), max_size=3)
    return st.lists(_single(field), max_size=3) if field.is_repeated else _single(field)


def _single(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    inner = field.message_type
    if inner is None:
        return _BY_TYPE.get(field.type, _integers)
    if inner is everything().DESCRIPTOR:
        return st.deferred(lambda: messages)
    if inner.full_name in _BY_NAME:
        return _BY_NAME[inner.full_name]
    # A wrapper.
    return _single(inner.fields_by_name["value"])


messages: st.SearchStrategy[Any] = st.lists(st.sampled_from(list(everything().DESCRIPTOR.fields)), max_size=5).flatmap(
    lambda fields: st.fixed_dictionaries({field.json_name: fitting(field) for field in fields})
)


def spelled(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_PASSTHROUGH_SUBCLASS, default=str)


@st.composite
def broken(draw: st.DrawFn, whole: bytes) -> bytes:
    """`whole`, or what is left after a few bytes of it were cut, doubled or replaced."""
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(whole)))
        end = draw(st.integers(at, min(len(whole), at + 8)))
        whole = whole[:at] + draw(st.binary(max_size=3) | st.just(whole[at:end] * 2)) + whole[end:]
    return whole


def _json_integers_fit(value: Any) -> Any:
    """orjson writes 64-bit integers at most; larger ones go as text."""
    if isinstance(value, dict):
        return {key: _json_integers_fit(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json_integers_fit(item) for item in value]
    return str(value) if isinstance(value, int) and not -(2**63) <= value < 2**64 else value


texts = (messages | messages | values).map(_json_integers_fit).map(spelled)
bodies = texts | texts | texts.flatmap(broken) | st.binary(max_size=60)

path_pieces = st.sampled_from(
    ["/", "//", "body", "query", "number", "shelves", "books", "rest", "part", ":read", ":", "%2F", "%3A", "%", "%zz",
     "%ff", "%C3%A9", "+", "*", "**", "{text}", "..", "1", "-1", "true", "COLOR_RED", "a" * 50, "\u00e9"]
).map(str.encode) | st.binary(max_size=3).map(lambda raw: raw.replace(b"?", b"").replace(b"#", b""))  # fmt: skip
paths = st.one_of(
    st.lists(path_pieces, max_size=10).map(lambda pieces: b"/" + b"".join(pieces)),
    st.lists(path_pieces, max_size=4).map(lambda pieces: b"/rest/" + b"".join(pieces)),
    st.tuples(path_pieces, path_pieces).map(lambda two: b"/number/%b/shelves/1/books/%b:read" % two),
)

_ENCODINGS: Final[list[Callable[[str], str]]] = [quote_plus, quote, str]
_paths = st.lists(st.sampled_from(["inner", "innerChoice", "inner_choice"]), max_size=3)
_parameters = st.sampled_from(list(everything().DESCRIPTOR.fields)).flatmap(
    lambda field: st.tuples(_paths.map(lambda path: ".".join([*path, field.json_name])), _single(field))
)
_odd_parameters = st.tuples(st.text(max_size=5) | st.lists(st.sampled_from(NAMES), max_size=4).map(".".join), scalars)


@st.composite
def queries(draw: st.DrawFn) -> bytes:
    """Parameters, percent-encoded or not, joined in all sorts of ways."""
    pairs = draw(st.lists(_parameters, max_size=3)) + draw(st.lists(_odd_parameters, max_size=draw(st.integers(0, 1))))
    encode = draw(st.sampled_from(_ENCODINGS))
    text = "&".join(f"{encode(name)}={encode(_parameter_text(value))}" for name, value in pairs)
    raw = text.encode(errors="replace")
    return raw if draw(st.integers(0, 3)) else draw(broken(raw))


def _parameter_text(value: Any) -> str:
    return value if isinstance(value, str) else spelled(_json_integers_fit(value)).decode()
