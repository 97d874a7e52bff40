"""The lines of a command in all that a terminal shows."""

import pytest

from workers.environments.typed_command import MarkedOutput

MARK = "0123456789abcdef"


def taken(shown: str, size: int) -> tuple[list[str], MarkedOutput]:
    lines: list[str] = []
    marked = MarkedOutput(MARK, lines.append)
    for start in range(0, len(shown), size):
        if marked.take(shown[start : start + size]):
            break
    return lines, marked


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_prompts_and_echoes_are_no_output_however_it_comes(size: int) -> None:
    shown = f"# stty -echo\r\n# # printf 0123 456789abcdef\r\n\r\n{MARK}\r\nout\r\n\r\nlast\r\n\r\n{MARK} 7\r\nexit\r\n"

    lines, marked = taken(shown, size)

    assert lines == ["out", "", "last"]
    assert marked.exit_code == 7


@pytest.mark.parametrize(
    ("printed", "lines"),
    [("", []), ("a", ["a"]), ("a\n", ["a"]), ("a\n\n", ["a", ""]), ("\n", [""]), ("\na", ["", "a"])],
)
def test_the_line_that_begins_a_mark_is_none_of_the_command(printed: str, lines: list[str]) -> None:
    assert taken(f"\n{MARK}\n{printed}\n{MARK} 0\n", 1_000)[0] == lines


def test_what_has_not_begun_has_no_output_and_no_exit_code() -> None:
    lines, marked = taken("# sh: not found\n", 1_000)

    assert (lines, marked.begun, marked.exit_code) == ([], False, None)


def test_a_line_is_handed_over_as_soon_as_it_is_ended() -> None:
    lines: list[str] = []
    marked = MarkedOutput(MARK, lines.append)

    marked.take(f"\n{MARK}\nfirst\nsec")

    assert lines == ["first"]


def test_a_line_without_an_end_is_handed_over_in_pieces() -> None:
    lines: list[str] = []
    marked = MarkedOutput(MARK, lines.append)

    marked.take(f"\n{MARK}\n{'x' * 70_000}")
    ended = marked.take(f"yz\n\n{MARK} 0\n")

    assert ended
    assert lines == ["x" * 70_000, "yz"]
