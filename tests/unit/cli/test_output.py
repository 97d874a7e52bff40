"""What is printed where there is no terminal."""

import pytest

from server.cli.output import Output


def test_a_row_is_one_line_however_long_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    row = ["x" * 300, "y" * 300]

    Output(as_json=False).table(None, ("A", "B"), [row], empty="")

    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [["A", "B"], row]
