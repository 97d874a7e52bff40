"""Texts made up for regular expressions, which become examples in OpenAPI."""

import re

import pytest

from gateway.openapi.pattern_text import text_of_pattern


@pytest.mark.parametrize(
    "pattern",
    [
        "[a-z][a-z0-9_-]*",
        r"[^./\\\x00-\x1f\x7f][^/]*",
        r"\d{4}-\d{2}",
        "[0-9]{1,18}|[0-9A-Za-z-]{1,64}:(end|[0-9]{1,18})",
        "^(?:https?://[^/]+)?$",
        r"[\w-]+@[^@\s]+",
        "(?P<name>a{2,}?).",
        "",
    ],
)
def test_the_text_matches_its_pattern(pattern: str) -> None:
    text = text_of_pattern(pattern)

    assert text is not None
    assert re.fullmatch(pattern, text)


@pytest.mark.parametrize("pattern", ["(?=.*[0-9])[a-z0-9]+", r"(a)\1", "(", r"\p{Greek}"])
def test_there_is_no_text_where_the_simple_way_fails(pattern: str) -> None:
    assert text_of_pattern(pattern) is None


def test_an_optional_part_is_there_once() -> None:
    assert text_of_pattern("a(b)?c*") == "abc"
