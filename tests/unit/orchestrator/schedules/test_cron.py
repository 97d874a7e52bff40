"""Which cron expressions are taken. Source where none is named: crontab(5) of Debian."""

import pytest

from server.errors import InvalidArgument
from server.orchestrator.schedules.cron import MACROS, parse


@pytest.mark.parametrize(
    "expression",
    [
        "* * * * *",
        "0 9 * * 1-5",
        "0 9 * * MON-FRI",
        "0 9 1 jan,Jul sun",
        "*/15 0-23/2 1,15 * 0,7",
        "  0\t9  *  *  1  ",
        "0 0 29 2 *",
        # Either day will do when neither field begins with a star, so this fires on Mondays.
        "0 0 30 2 1",
        # The last day, the last weekday, the second Monday, the last Friday.
        "0 0 L * *",
        "0 0 LW * *",
        "0 0 * * MON#2",
        "0 0 * * 5L",
        *MACROS,
        "@Daily",
    ],
)
def test_an_expression_of_five_fields_or_a_macro_is_taken(expression: str) -> None:
    assert len(parse(expression).fields.split(" ")) == 5


def test_a_range_of_one_number_stays_one_whatever_its_step() -> None:
    # 5/10 goes on to the end of the hour, 5-5/10 does not.
    assert parse("5-05/10 0-0/2,7/8 * * MON-MON/3").fields == "5 0,7/8 * * MON"


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "it must have five fields (minute, hour, day, month, day of week), and has 0"),
        ("* * * *", "and has 4"),
        # The sixth would be seconds.
        ("0 * * * * *", "and has 6"),
        ("0 0 * * 8", "bad day-of-week"),
        ("*/0 * * * *", "bad minute"),
        ("60 * * * *", "bad minute"),
        ("5-5/0 * * * *", "bad minute"),
        ("5-5/2/3 * * * *", "bad minute"),
        ("0 0 L-L/2 * *", "bad day-of-month"),
        ("-1 * * * *", "bad minute"),
        ("* 24 * * *", "bad hour"),
        ("* * 0 * *", "bad day-of-month"),
        ("* * 32 * *", "bad day-of-month"),
        ("* * * 13 *", "bad month"),
        ("* * * 0 *", "bad month"),
        ("5-1 * * * *", "bad minute"),
        ("1,,2 * * * *", "bad minute"),
        ("1.5 * * * *", "bad minute"),
        ("? * * * *", "bad minute"),
        ("* * * * MONDAY", "bad day-of-week"),
        ("* * * MON *", "bad month"),
        ("\x00 * * * *", "bad minute"),
        ("9" * 200 + " * * * *", "bad minute"),
        # Dates that no calendar has.
        ("0 0 30 2 *", "bad day-of-month"),
        ("0 0 31 4,6,9,11 *", "bad day-of-month"),
        # Day 1 or 31 in February that is a fifth Sunday.
        ("0 0 */30 2 0#5", "there is no such date"),
        ("@reboot", "'@reboot' is none of @yearly"),
        ("@every 5m", "and has 2"),
        ("@", "'@' is none of"),
        # As a capital this is an I.
        ("* * * * fr\u0131", "its letters must be ASCII"),
        ("\u0663 * * * *", "its letters must be ASCII"),
    ],
)
def test_anything_else_is_refused_with_the_reason(expression: str, reason: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        parse(expression)

    assert refusal.value.message.startswith("Invalid cron expression: ")
    assert reason in refusal.value.message
    assert [violation.field for violation in refusal.value.violations] == ["cron_expression"]
