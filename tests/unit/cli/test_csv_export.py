"""Tables that come as CSV."""

import pytest
from google.api.httpbody_pb2 import HttpBody

from server.cli.csv_export import show_csv
from server.cli.output import Output


def test_a_piece_may_end_within_a_character(capsys: pytest.CaptureFixture[str]) -> None:
    content = "name\nä€😀\n".encode()
    pieces = [HttpBody(content_type="text/csv"), *(HttpBody(data=bytes([byte])) for byte in content)]

    show_csv(Output(as_json=False), pieces)

    assert capsys.readouterr().out == "name\nä€😀\n"
