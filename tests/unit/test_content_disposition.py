"""The header that names a download."""

import pytest

from server.content_disposition import attachment


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("run.log", 'attachment; filename="run.log"'),
        ("a b.png", 'attachment; filename="a b.png"'),
        ("é.png", "attachment; filename=\"_.png\"; filename*=UTF-8''%C3%A9.png"),
        ('a".png', "attachment; filename=\"a_.png\"; filename*=UTF-8''a%22.png"),
        ("a\r\nX: y", "attachment; filename=\"a__X: y\"; filename*=UTF-8''a%0D%0AX%3A%20y"),
        ("100%.png", "attachment; filename=\"100_.png\"; filename*=UTF-8''100%25.png"),
    ],
)
def test_a_name_cannot_leave_its_header(name: str, header: str) -> None:
    assert attachment(name) == header
