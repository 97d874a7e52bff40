"""JSON text is read strictly; sources: RFC 8259 and https://protobuf.dev/programming-guides/json/."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codec.errors import ParseError
from gateway.codec.json_text import MAX_DEPTH, load


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "must not be empty"),
        (b'"\xff"', "must be valid UTF-8"),
        (b'"\xed\xa0\x80"', "must be valid UTF-8"),  # a surrogate in UTF-8
        (b'"\\ud800"', "must be valid JSON"),  # half of a pair
        (b"\xef\xbb\xbf{}", "must be valid JSON"),  # byte order mark
        (b"NaN", "must be valid JSON"),
        (b"[1,]", "must be valid JSON"),
        (b"01", "must be valid JSON"),
        (b"{} {}", "must be valid JSON"),
        (b"{'a': 1}", "must be valid JSON"),
        (b"1e400", "must be valid JSON"),  # no double
        (b'{"a": 1, "a": 1}', "must not repeat the key 'a'"),
        (b'{"b": {"a" : 1,"a"\n:2}}', "must not repeat the key 'a'"),
        (b'{"a":1,"\\u0061":2}', "must not repeat the key 'a'"),  # the same key, escaped
        (b"[" * 101 + b"]" * 101, "must not nest deeper than 100 levels"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "must not nest deeper than 100 levels"),
        (b"[" * 100_000, "must not nest deeper than 100 levels"),
    ],
)
def test_text_that_is_not_strict_json_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ParseError) as refusal:
        load(data)

    assert refusal.value.message.startswith(f"body {words}")
    assert refusal.value.field_path == ""


def test_nesting_up_to_the_limit_is_read() -> None:
    assert load(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None


def test_many_flat_objects_are_not_deep() -> None:
    assert len(load(json.dumps([{"a": [1]}] * 1000).encode())) == 1000


_SPACE = st.sampled_from(["", " ", "\n\t"])
_STRINGS = st.sampled_from(["a", "b", "a:b", '"', '":', "\\", " ", "é", "{", "["])


@st.composite
def _object_texts(draw: st.DrawFn, depth: int = 3) -> str:
    members = []
    for _ in range(draw(st.integers(0, 3))):
        key = json.dumps(draw(_STRINGS), ensure_ascii=draw(st.booleans()))
        value = draw(_value_texts(depth - 1))
        members.append(f"{draw(_SPACE)}{key}{draw(_SPACE)}:{draw(_SPACE)}{value}{draw(_SPACE)}")
    return "{" + ",".join(members) + "}"


def _value_texts(depth: int) -> st.SearchStrategy[str]:
    plain = _STRINGS.map(json.dumps) | st.sampled_from(["1", "1.50", "-0", "1e2", "true", "null", "[]"])
    return plain if depth <= 0 else plain | _object_texts(depth)


def _repeats_a_key(text: str) -> bool:
    repeated = []

    def note(pairs: list[tuple[str, object]]) -> None:
        if len({key for key, _ in pairs}) < len(pairs):
            repeated.append(True)

    json.loads(text, object_pairs_hook=note)
    return bool(repeated)


@given(_object_texts())
def test_a_repeated_key_is_found_in_whatever_way_it_is_written(text: str) -> None:
    try:
        load(text.encode())
        refused = False
    except ParseError:
        refused = True

    assert refused == _repeats_a_key(text)
