"""Details of events: JSON text that stays as it is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import InvalidArgument, TooLarge
from server.telemetry.events import details
from server.telemetry.sessions.addresses import bare_text


@pytest.mark.parametrize("text", ["{}", '{"b":1.0,"a":12345678901234567890}', '{ "a" : "\\u00e9" }'])
def test_what_is_stored_is_what_was_sent(text: str) -> None:
    assert details.checked(text) == text


def test_no_text_stands_for_no_details() -> None:
    assert details.checked("") == "{}"


@pytest.mark.parametrize("letter", ["x", "ü", "\u20ac"])
def test_details_have_at_most_64_kib_of_utf_8(letter: str) -> None:
    room = 65_536 - len('{"a":""}')
    size = len(letter.encode())
    fitting = f'{{"a":"{letter * (room // size)}{"x" * (room % size)}"}}'

    assert len(fitting.encode()) == 65_536
    assert details.checked(fitting) == fitting
    with pytest.raises(TooLarge, match="details must have at most 64 KiB as JSON"):
        details.checked(f"{fitting} ")


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        (1500, 1_500_000),
        (1500.0, 1_500_000),
        (0, 0),
        (0.25, 250),
        (86_400_000, 86_400_000_000),
        # What is no time a page could take is kept and not counted.
        (86_400_001, None),
        (10**30, None),
        (-1, None),
        ("1500", None),
        (True, None),
        (None, None),
        ([1500], None),
    ],
)
def test_a_load_time_is_a_number_of_milliseconds_up_to_a_day(value: Any, micros: int | None) -> None:
    assert details.load_time_micros(json.dumps({"load_time_ms": value})) == micros


@pytest.mark.parametrize("text", ['{"a":{"load_time_ms":5}}', '{"a":"load_time_ms"}', '{"a":"\\"load_time_ms\\":5"}'])
def test_only_the_load_time_at_the_top_counts(text: str) -> None:
    assert details.load_time_micros(text) is None


def test_a_key_that_is_spelled_with_escapes_is_the_same_key() -> None:
    assert details.load_time_micros('{"load\\u005ftime_ms":5}') == 5_000


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ('{"url":"https://u:p@h/x"}', '{"url":"https://h/x"}'),
        ('{ "n" : 1.0, "url" : "https://u:p@h" }', '{ "n" : 1.0, "url" : "https://h" }'),
        ('{"a":[{"b":"GET https://u:p@h/x failed"}]}', '{"a":[{"b":"GET https://h/x failed"}]}'),
        ('{"url":"https:\\/\\/u:p@h"}', '{"url":"https://h"}'),
        ('{"url":"https://u:p\\u0040h"}', '{"url":"https://h"}'),
        ('{"url":"https://u:p%40h"}', '{"url":"https://h"}'),
        ('{"url":"https://u:p\uff20h"}', '{"url":"https://h"}'),
        ('{"url":"https://u:p\ufe6bh"}', '{"url":"https://h"}'),
        ('{"https://u:p@h":200}', '{"https://h":200}'),
        ('{"url":"//u:\\"p@h"}', '{"url":"//h"}'),
    ],
)
def test_passwords_in_addresses_are_left_out(sent: str, stored: str) -> None:
    assert details.checked(sent) == stored


@pytest.mark.parametrize(
    "text",
    [
        # An address ends with its string.
        '{"a":"//x","b":"c:d@e"}',
        '{"a":"//x","b":["c:d@e"]}',
        '{"a":"\\/\\"b","c:d@e":1}',
        '{"mail":"a@b.example","at":"\\u0040","time":"12:30"}',
        '{"url":"https://user@h"}',
        '{"n":12345678901234567890123,"f":1.0,"at":"@"}',
    ],
)
def test_everything_else_stays_as_it_was_sent(text: str) -> None:
    assert details.checked(text) == text


def test_keys_that_are_the_same_without_passwords_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="details must not repeat the key '//h'"):
        details.checked('{"//a:b@h":1,"//c:d@h":2}')


PIECES = st.sampled_from(
    ["//", "\\", "/", ":", "@", "%40", "\uff20", "a", '"', " ", "\n", "{", "}", ",", "\u20ac", "\x00"]
)
STRINGS = st.lists(PIECES, max_size=12).map("".join)
VALUES = st.recursive(STRINGS | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.just("a"), inner))


def cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return bare_text(value)
    if isinstance(value, dict):
        return {key: cleaned(member) for key, member in value.items()}
    return [cleaned(item) for item in value] if isinstance(value, list) else value


@given(VALUES, st.booleans())
def test_each_string_is_cleaned_by_itself(value: Any, escaped: bool) -> None:
    text = json.dumps({"a": value}, ensure_ascii=escaped)

    assert json.loads(details.checked(text)) == cleaned({"a": value})
