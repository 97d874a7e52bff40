"""Instants on a command line."""

from datetime import UTC, datetime, timedelta, timezone

from server.cli.instants import FORMATS, to_timestamp
from server.cli.plain import local_time, time_text


def read(text: str) -> datetime:
    """What typer makes of a word: the first of the formats that fits."""
    for form in FORMATS:
        try:
            return datetime.strptime(text, form)
        except ValueError:
            continue
    raise AssertionError(text)


def test_what_tables_and_json_show_is_read_as_the_same_instant() -> None:
    shown = to_timestamp(datetime(2026, 3, 1, 5, 0, 7, tzinfo=UTC))
    assert shown is not None

    assert to_timestamp(read(local_time(shown))) == shown
    assert to_timestamp(read(time_text(shown))) == shown


def test_an_instant_in_another_zone_stays_that_instant() -> None:
    there = datetime(2026, 3, 1, 6, 0, tzinfo=timezone(timedelta(hours=5, minutes=45)))

    assert to_timestamp(there) == to_timestamp(there.astimezone(UTC))


def test_a_day_begins_at_midnight_of_this_machine() -> None:
    shown = to_timestamp(read("2026-03-01"))

    assert shown is not None
    assert local_time(shown) == "2026-03-01 00:00:00"


def test_nothing_stays_nothing() -> None:
    assert to_timestamp(None) is None
