"""JSON as the contract takes it: what is lost nowhere, and what is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.json_text import JsonInvalid, read, read_object, spell


@pytest.mark.parametrize(
    ("text", "predicate"),
    [
        (b"", "must not be empty"),
        (b"{", "must be valid JSON: "),
        (b'{"a":NaN}', "must be valid JSON: "),
        (b'{"a":Infinity}', "must be valid JSON: "),
        (b'{"a":1e999}', "must be valid JSON: "),
        (b'{"a":' + b"9" * 400 + b"}", "must be valid JSON: "),
        (b'{"a":"\xff"}', "must be valid UTF-8"),
        (b'{"a":"\\ud800"}', "must be valid JSON: "),
        (b'\xef\xbb\xbf{"a":1}', "must be valid JSON: "),
        (b'{"a":1,"a":1}', "must not repeat the key 'a'"),
        (b'{"a":{"b":[{"c":1,"\\u0063":2}]}}', "must not repeat the key 'c'"),
        (b"[" * 101 + b"]" * 101, "must not nest deeper than 100 levels"),
        (b'{"a":' * 101 + b"1" + b"}" * 101, "must not nest deeper than 100 levels"),
        (b"[" * 100_000 + b"]" * 100_000, "must not nest deeper than 100 levels"),
    ],
)
def test_what_others_could_not_read_is_refused(text: bytes, predicate: str) -> None:
    with pytest.raises(JsonInvalid) as refusal:
        read(text)

    assert str(refusal.value).startswith(predicate)


@pytest.mark.parametrize("text", [b"[]", b"1", b"null", b'"{}"'])
def test_only_an_object_is_an_object(text: bytes) -> None:
    with pytest.raises(JsonInvalid, match="must be an object"):
        read_object(text)


def test_a_hundred_levels_are_taken_also_beside_brackets_in_strings() -> None:
    text = b"[" * 100 + b'"[[[{{{ \\" [["' + b"]" * 100

    assert read(text).text == text


@pytest.mark.parametrize(
    "text",
    [
        b'{"b":1.50,"a":1e3,"c":-0.0,"d":12345678901234567890123,"e":"\\u00e9 \\/ \\\\","":[]}',
        b'{"x": "a \\" b \\\\" , "y":\t[ 1 ,\r\n2 ] , "z  z": "  " }',
    ],
)
def test_only_white_space_between_tokens_is_dropped(text: bytes) -> None:
    found = read(text)

    assert json.loads(found.text) == json.loads(text) == found.value
    assert found.text == text.replace(b'": ', b'":').replace(b" , ", b",").replace(b"\t[ 1 ,\r\n2 ]", b"[1,2]").replace(
        b" }", b"}"
    )


def test_large_integers_are_exact() -> None:
    value = read(b'{"a":12345678901234567890123}').value

    assert value == {"a": 12345678901234567890123}
    assert spell(value) == '{"a":12345678901234567890123}'


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


@given(value=VALUES, indent=st.sampled_from([None, 0, 3, "\t"]), ascii_only=st.booleans())
def test_any_value_is_read_however_it_is_written(value: Any, indent: Any, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)

    found = read(text.encode())

    assert found.value == value
    assert found.text.decode() == json.dumps(value, ensure_ascii=ascii_only, separators=(",", ":"))
    assert json.loads(spell(found.value)) == value
