"""Details of events: what a Struct becomes as text, and back."""

import json
import math
from typing import Any

import pytest
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from hypothesis import given
from hypothesis import strategies as st

from server.errors import InvalidArgument, TooLarge
from server.telemetry.events import details
from switchyard.telemetry.v1.event_service_pb2 import ListEventsResponse
from switchyard.telemetry.v1.live_service_pb2 import WatchResponse

# Minus zero is written as zero.
NUMBERS = st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0)


def struct(values: dict[str, Any]) -> Struct:
    made = Struct()
    made.update(values)
    return made


def shown(text: str) -> Struct:
    message = Struct()
    details.fill(message, text)
    return message


def text(values: dict[str, Any]) -> str:
    return details.from_message(struct(values)).text


def nested(levels: int) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for _ in range(levels - 1):
        values = {"a": values}
    return values


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (1500.0, "1500"),
        (0.0, "0"),
        (-3.0, "-3"),
        (2.5, "2.5"),
        (2.0**53, "9007199254740992"),
        (-(2.0**53), "-9007199254740992"),
        # Behind 2**53 it is not known which whole number was meant.
        (2.0**53 + 2, "9007199254740994.0"),
        (1e300, "1e+300"),
    ],
)
def test_whole_numbers_are_written_without_a_fraction(number: float, written: str) -> None:
    assert text({"n": number}) == f'{{"n":{written}}}'


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"a": None},
        {"a": {}, "b": [], "c": [{}, []]},
        {"a": True, "b": False, "c": "", "d": "ü \U0001f600 \x00 \u2028"},
        {"a": {"b": [1, 2.5, None, "x", {"c": [[1]]}]}},
        {"": 1},
    ],
)
def test_what_is_stored_comes_back(values: dict[str, Any]) -> None:
    stored = details.from_message(struct(values))

    assert json.loads(stored.text) == values
    assert shown(stored.text) == struct(values)


@given(
    st.recursive(
        st.none() | st.booleans() | NUMBERS | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
        max_leaves=12,
    )
)
def test_any_value_comes_back(value: Any) -> None:
    given_details = struct({"a": value})

    assert shown(details.from_message(given_details).text) == given_details


def test_a_value_of_no_kind_is_null() -> None:
    empty = Struct(fields={"a": Value(), "b": Value(list_value=ListValue(values=[Value()]))})

    assert json.loads(details.from_message(empty).text) == {"a": None, "b": [None]}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_does_not_know_are_refused(number: float) -> None:
    with pytest.raises(InvalidArgument, match="details must hold no number that is infinite or NaN"):
        text({"a": {"b": [number]}})


def test_details_have_at_most_64_kib_of_utf_8() -> None:
    frame = len(text({"a": ""}))

    assert len(text({"a": "ü" * ((65_536 - frame) // 2)}).encode()) == 65_536
    with pytest.raises(TooLarge, match="details must have at most 64 KiB as JSON"):
        text({"a": "ü" * ((65_536 - frame) // 2) + "x"})


def test_numbers_that_are_short_as_text_are_measured_as_text() -> None:
    most = (65_536 - len('{"a":[]}')) // 2

    assert len(text({"a": [1] * most})) == 65_535
    with pytest.raises(TooLarge):
        text({"a": [1] * (most + 1)})


def test_details_of_many_megabytes_are_refused() -> None:
    with pytest.raises(TooLarge):
        text({"a": "x" * 10_000_000})


def test_the_deepest_details_can_be_sent_in_every_answer() -> None:
    deepest = shown(text(nested(details.DEEPEST)))
    page = ListEventsResponse(events=[{"details": deepest}])  # type: ignore[list-item]
    message = WatchResponse()
    message.data.update({"details": nested(details.DEEPEST)})

    assert ListEventsResponse.FromString(page.SerializeToString()) == page
    assert WatchResponse.FromString(message.SerializeToString()) == message


@pytest.mark.parametrize("deep", [{"a": [[]]}, {"a": [{}]}, {"a": {"b": []}}])
def test_details_that_are_nested_deeper_are_refused(deep: dict[str, Any]) -> None:
    inner: Any = deep
    for _ in range(details.DEEPEST - 2):
        inner = {"a": inner}

    with pytest.raises(InvalidArgument, match="details must not be nested more than 32 levels deep"):
        text(inner)


@pytest.mark.parametrize(
    ("value", "micros"),
    [
        (1500, 1_500_000),
        (0, 0),
        (0.25, 250),
        (86_400_000, 86_400_000_000),
        # What is no time a page could take is kept and not counted.
        (86_400_001, None),
        (-1, None),
        ("1500", None),
        (True, None),
        (None, None),
        ([1500], None),
    ],
)
def test_a_load_time_is_a_number_of_milliseconds_up_to_a_day(value: Any, micros: int | None) -> None:
    assert details.from_message(struct({"load_time_ms": value})).load_time_micros == micros


def test_only_the_load_time_at_the_top_counts() -> None:
    assert details.from_message(struct({"a": {"load_time_ms": 5}})).load_time_micros is None
