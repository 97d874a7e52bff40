"""Bodies of request streams, cut into the texts of their messages."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadRequest, GatewayError, MessageTooLarge
from gateway.framing.json_texts import split_body

LINES = b"application/x-ndjson"
JSON = b"application/json; charset=utf-8"


def cut(body: bytes, content_type: bytes, size: int = 1_000_000, limit: int = 1_000_000) -> list[bytes]:
    """The texts in `body` when it comes in pieces of `size` bytes."""
    splitter = split_body(content_type, limit)
    texts = [text for at in range(0, len(body), size) for text in splitter.feed(body[at : at + size])]
    return [*texts, *splitter.finish()]


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (b"", []),
        (b'{"a":1}\n{"a":2}\n', [b'{"a":1}', b'{"a":2}']),
        # The last line may lack its end; lines without text are skipped (ndjson-spec, section 3.1).
        (b'\n{"a":1}\r\n  \n{"a":2}', [b'{"a":1}', b'{"a":2}']),
        # An array on a line is one message, as ListValue has it.
        (b"[1]\n[2]\n", [b"[1]", b"[2]"]),
        # Broken JSON is for the parser, which names what is wrong.
        (b'{"a":\n1}\n', [b'{"a":', b"1}"]),
    ],
)
def test_a_body_of_lines_is_cut_at_line_ends(body: bytes, texts: list[bytes], size: int) -> None:
    assert cut(body, LINES, size) == texts


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize(
    ("body", "texts"),
    [
        (b"", []),
        (b" \n", []),
        (b"[]", []),
        (b" [ ] ", []),
        # In a row, with and without space between.
        (b'{"a":1}{"a":2}\n {"a":3}', [b'{"a":1}', b'{"a":2}', b'{"a":3}']),
        # On several lines.
        (b'{\n "a": [1,\n2]\n}\n{}', [b'{\n "a": [1,\n2]\n}', b"{}"]),
        # An array.
        (b'[{"a":[1]},{}, {"b":"]"}]\n', [b'{"a":[1]}', b"{}", b'{"b":"]"}']),
        # Brackets and quotes in strings, and escapes.
        (rb'{"a":"}\"{"}{"b":"\\"}', [rb'{"a":"}\"{"}', rb'{"b":"\\"}']),
        (rb'["a\"]","\\",""]', [rb'"a\"]"', rb'"\\"', b'""']),
        # Messages that are scalars in JSON, as wrappers and times are.
        (b'1 true "x""y" null', [b"1", b"true", b'"x"', b'"y"', b"null"]),
        (b"[1,-2.5e3 ,null]", [b"1", b"-2.5e3", b"null"]),
    ],
)
def test_any_other_body_is_an_array_or_texts_in_a_row(body: bytes, texts: list[bytes], size: int) -> None:
    assert cut(body, JSON, size) == texts


@pytest.mark.parametrize("size", [1, 1000])
@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b'{"a":1', "the body ends in the middle of a message"),
        (b'["a', "the body ends in the middle of a message"),
        (b"[1", "the array in the body must end with ]"),
        (b"[1,", "the array in the body must end with ]"),
        (b"[", "the array in the body must end with ]"),
        (b"[1 2]", "messages in the array in the body must be separated by commas"),
        (b"[1,]", "the body must have a message where it has ]"),
        (b"[,1]", "the body must have a message where it has ,"),
        (b"{},{}", "the body must have a message where it has ,"),
        (b"}", "the body must have a message where it has }"),
        (b"[1] [2]", "nothing may follow the array in the body"),
    ],
)
def test_a_body_that_is_no_sequence_of_messages_is_refused(body: bytes, sentence: str, size: int) -> None:
    with pytest.raises(BadRequest) as refusal:
        cut(body, JSON, size)

    assert refusal.value.message == sentence


@pytest.mark.parametrize("content_type", [LINES, JSON])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_limit_is_per_message(content_type: bytes, size: int) -> None:
    assert cut(b'{"a":1}\n' * 50, content_type, size, limit=7) == [b'{"a":1}'] * 50
    with pytest.raises(MessageTooLarge):
        cut(b'{"a":1}\n{"a":12}\n', content_type, size, limit=7)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(st.lists(JSON_VALUES), st.integers(1, 20))
def test_what_is_written_as_an_array_is_found_again(values: list[object], size: int) -> None:
    assert [orjson.loads(text) for text in cut(orjson.dumps(values), JSON, size)] == values


@given(st.binary(max_size=200) | st.text('[]{},:"\\ 1a').map(str.encode), st.integers(1, 20))
def test_any_bytes_are_cut_or_refused_the_same_however_they_come(body: bytes, size: int) -> None:
    """Nothing but a refusal comes out of hostile bytes."""
    assert outcome(body, size) == outcome(body, 1000)


def outcome(body: bytes, size: int) -> list[bytes] | str:
    try:
        return cut(body, JSON, size)
    except GatewayError as refusal:
        return refusal.message
