"""Which captions files are taken."""

import pytest

from server.bots import captions
from server.errors import InvalidArgument


@pytest.mark.parametrize(
    "text",
    [
        "caption\nhello\n",
        "caption,media\r\nhello,a.png\r\n",
        "caption\n",
        'caption\n"two\nlines"\n',
        "caption,media\nhello\n",
        "caption\nwith a line separator \u2028 inside\n",
        "\n\ncaption\n\nx\n",
    ],
)
def test_csv_with_a_header_is_taken(text: str) -> None:
    captions.check(text.encode())


def test_a_byte_order_mark_is_taken() -> None:
    captions.check("caption\nhello".encode("utf-8-sig"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"caption\n\xff\n",
        b"caption,\nx,y\n",
        b"a,a\n1,2\n",
        b"a\n1,2\n",
        b'a\n"open\n',
        b'a\n"x"y\n',
        b"a\nx\x00y\n",
        b"a\n" + b"x" * 200_000 + b"\n",
    ],
)
def test_anything_else_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        captions.check(data)

    assert refusal.value.violations[0].field == "file"
