"""References are looked up, never evaluated."""

import pytest

from workers.flow.errors import ConfigInvalid, StepFailed
from workers.flow.template import as_text, check, render

VARIABLES: dict[str, object] = {
    "params": {"url": "http://a/", "count": 3, "on": True, "none": None, "key-1": "dash", "{{x}}": "odd"},
    "row": {"caption": "{{params.url}} stays", "my column": "with blank", "": "nameless"},
    "a": {"b": [{"c": "deep"}, [1, 2]]},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("", ""),
        ("{{params.url}}", "http://a/"),
        ("{{ params.url }}", "http://a/"),
        ("{{params.url}}post", "http://a/post"),
        ("{{params.count}}", 3),  # exactly one reference keeps its type
        (" {{params.count}}", " 3"),
        ("{{params.count}}{{params.count}}", "33"),
        ("{{params.on}}", True),
        ("is {{params.on}}", "is true"),
        ("{{params.none}}", None),
        ("[{{params.none}}]", "[]"),
        ("{{params.key-1}}", "dash"),
        ("{{a.b[0].c}}", "deep"),
        ("{{a.b[1][1]}}", 2),
        ("{{a.b[1]}}", [1, 2]),
        ("list {{a.b[1]}}", "list [1, 2]"),
        ('{{row["my column"]}}', "with blank"),
        ("{{row['my column']}}", "with blank"),
        ('{{row[""]}}', "nameless"),
        ("{{row.caption}}", "{{params.url}} stays"),  # what is put in is not looked at again
        ("> {{row.caption}}", "> {{params.url}} stays"),
        ("}} {", "}} {"),
        ("{ {params.url} }", "{ {params.url} }"),
    ],
)
def test_references_become_values(text: str, value: object) -> None:
    assert render(text, VARIABLES) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{{parms.url}}", "{{parms.url}}: nothing is called 'parms' here"),
        ("{{params.uri}}", "{{params.uri}}: params has no 'uri', only 'url', 'count', 'on', 'none', 'key-1', '{{x}}'"),
        ("{{params.url.host}}", "{{params.url.host}}: params.url has no 'host'"),
        ("{{a.b[2]}}", "{{a.b[2]}}: a.b has no item 2"),
        ("{{a.b.c}}", "{{a.b.c}}: a.b has no 'c'"),
        ("{{params[0]}}", "params has no item 0"),
        ("{{params.url[0]}}", "params.url has no item 0"),  # no letters of a text
        # Attributes are not keys.
        ("{{params.__class__}}", "params has no '__class__'"),
        ("{{params.__class__.__mro__}}", "params has no '__class__'"),
        ("{{params.url.__class__}}", "params.url has no '__class__'"),
        ("{{params.items}}", "params has no 'items'"),
        ("{{a.b.append}}", "a.b has no 'append'"),
        ("{{__builtins__}}", "nothing is called '__builtins__' here"),
        ("{{self}}", "nothing is called 'self' here"),
    ],
)
def test_an_unknown_name_is_an_error_that_names_it(text: str, reason: str) -> None:
    with pytest.raises(StepFailed) as failure:
        render(text, VARIABLES)

    assert reason in str(failure.value)


@pytest.mark.parametrize(
    "text",
    [
        "{{",
        "{{params.url",
        "{{}}",
        "{{ }}",
        "{{params.}}",
        "{{.params}}",
        "{{params url}}",
        "{{params.url|upper}}",
        "{{params.url()}}",
        "{{1+1}}",
        "{{params['url}}",
        "{{a.b[-1]}}",
        "{{a.b[0:1]}}",
        "{{a.b[x]}}",
        "{{a.b[99999999999]}}",
        "{{ {{params.url}} }}",
        "{{% for x in y %}}",
        "{{''.__class__}}",
        "{{params.url}} and {{",
    ],
)
def test_anything_but_a_name_between_the_braces_is_refused(text: str) -> None:
    with pytest.raises(ConfigInvalid):
        check({"a": [text]})


def test_references_are_found_and_replaced_at_any_depth_of_values_but_not_in_keys() -> None:
    raw = {"{{x}}": [{"y": "{{params.count}}"}, 1, None]}

    assert check(raw)
    assert render(raw, VARIABLES) == {"{{x}}": [{"y": 3}, 1, None]}


def test_a_mistake_behind_the_first_reference_is_found() -> None:
    with pytest.raises(ConfigInvalid):
        check(["{{params.url}}", "{{"])


def test_a_text_cannot_be_made_to_grow_without_end() -> None:
    with pytest.raises(StepFailed, match="longer than"):
        render("{{big}}{{big}}", {"big": "x" * 600_000})


@pytest.mark.parametrize(("value", "text"), [(1.5, "1.5"), (False, "false"), ({"ä": 1}, '{"ä": 1}')])
def test_values_inside_a_text_are_written_as_json(value: object, text: str) -> None:
    assert as_text(value) == text
