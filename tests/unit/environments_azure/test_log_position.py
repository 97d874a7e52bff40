"""Which lines of a log are new to somebody who has seen some."""

from collections.abc import Sequence

from workers.environments.azure.log_position import LogPosition, text_of


def printed(*numbers: int, text: str = "") -> Sequence[str]:
    return [f"2026-01-01T00:00:00.{number:09d}Z {text or number}" for number in numbers]


def test_what_was_seen_is_not_new_and_what_came_after_is() -> None:
    position = LogPosition(printed(1, 2, 3))

    assert position.new_lines(printed(2, 3, 4, 5)) == printed(4, 5)
    assert position.new_lines(printed(2, 3, 4, 5)) == []


def test_an_answer_that_reaches_further_back_is_no_reason_to_repeat_anything() -> None:
    position = LogPosition(printed(5))

    assert position.new_lines(printed(*range(1, 8))) == printed(6, 7)


def test_equal_texts_are_different_lines() -> None:
    position = LogPosition(printed(1, 2, text="again"))

    assert position.new_lines(printed(1, 2, 3, text="again")) == printed(3, text="again")


def test_lines_of_one_moment_that_are_equal_are_told_apart_by_how_many_there_are() -> None:
    position = LogPosition(printed(1, 2, 2))

    assert position.new_lines(printed(1, 2, 2, 2)) == printed(2)


def test_an_answer_that_does_not_reach_back_is_known_as_such() -> None:
    position = LogPosition(printed(1, 2))

    assert position.is_in(printed(2, 3))
    assert not position.is_in(printed(3, 4))
    assert LogPosition().is_in(printed(3, 4))


def test_a_process_that_follows_another_begins_a_log_of_its_own() -> None:
    position = LogPosition(printed(1, 2))

    assert position.new_lines(printed(7, 8)) == printed(7, 8)


def test_old_lines_do_not_come_back_when_the_last_one_that_was_seen_is_gone() -> None:
    position = LogPosition(printed(1, 5))

    assert position.new_lines(printed(3, 4, 6)) == printed(6)


def test_an_empty_log_forgets_nothing() -> None:
    position = LogPosition(printed(1, 2))

    assert position.new_lines([]) == []
    assert position.new_lines(printed(1, 2, 3)) == printed(3)


def test_the_time_is_no_part_of_the_line() -> None:
    assert text_of("2026-01-01T00:00:00.000000001Z a b\r") == "a b"
    assert text_of("2026-01-01T00:00:00.000000001Z ") == ""
