"""The grammar of path templates; source: comments in google/api/http.proto."""

import pytest

from gateway.routing.path_template import TemplateInvalid, Variable, parse_template


def test_a_variable_without_pattern_is_one_segment() -> None:
    template = parse_template("/v1/shelves/{shelf_id}")

    assert template.segments == ("v1", "shelves", "*")
    assert template.variables == (Variable("shelf_id", 2, 3, single=True),)


def test_the_pattern_of_a_variable_is_unfolded_into_the_path() -> None:
    template = parse_template("/v1/{book.name=shelves/*/books/**}:open")

    assert template.segments == ("v1", "shelves", "*", "books", "**")
    assert template.verb == "open"
    assert template.variables == (Variable("book.name", 1, None, single=False),)


def test_a_colon_inside_a_variable_is_no_verb() -> None:
    with pytest.raises(TemplateInvalid):
        parse_template("/v1/{a=b:c}")


def test_several_variables_keep_their_places() -> None:
    template = parse_template("/v1/{a=x/*}/{b}/c")

    assert template.variables == (Variable("a", 1, 3, single=False), Variable("b", 3, 4, single=True))


def test_the_root_has_no_segments() -> None:
    assert parse_template("/").segments == ()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "v1/x",  # no slash at the start
        "/v1//x",  # an empty segment
        "/v1/",  # the same at the end
        "/v1/**/x",  # ** is last but for a verb
        "/v1/{a=**}/{b}",
        "/v1/{a}/{a}",  # one field twice
        "/v1/{a",
        "/v1/a}",
        "/v1/{a}b",
        "/v1/{a={b}}",  # variables do not nest
        "/v1/{}",
        "/v1/{1a}",
        "/v1/{a.}",
        "/v1/x:",
        "/v1/x y",
        "/v1/***",
        "/v1/a*",
    ],
)
def test_what_the_grammar_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(TemplateInvalid):
        parse_template(text)
