"""Secrets of the store: nodes have them by name, and nobody is shown one."""

from typing import Any

import pytest

from tests.unit.workflow.drawing import Drawn, ListHost, Run, Workflow, run

SECRET = 'p"ä ss\\w/rd=1'
LONG = "x9" * 300


def run_with(secrets: dict[str, str], *nodes: Any, edges: str = "") -> Run:
    return run(Workflow(nodes, edges), host=ListHost(secrets=secrets))


def told(ended: Run) -> str:
    return f"{ended.host.lines}{ended.host.executions}{ended.end}{ended.error}{ended.host.places}"


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("Concatenate", {"a": "{{secrets.login}}", "b": ""}),
        ("Concatenate", {"a": "{{secrets['login']}}", "b": ""}),
        ("EvalExpression", {"expression": "secrets.login + ''"}),
        ("EvalExpression", {"expression": "{{secrets.login}}"}),
    ],
)
def test_a_node_is_given_a_secret_by_its_name(kind: str, config: dict[str, Any]) -> None:
    ended = run_with(
        {"login": "hunter22"},
        ("a", kind, config),
        ("b", "TextLength", {"text": "{{a.result}}"}),
        edges="a > b",
    )

    assert ended.outputs == {"a": {"result": "***"}, "b": {"length": 8}}


@pytest.mark.parametrize("written", ["{{secrets.nothing}}", "x {{secrets.nothing}}", "{{secrets['nothing'].a}}"])
def test_a_secret_that_does_not_exist_fails_the_node(written: str) -> None:
    ended = run_with({"login": "hunter22"}, ("log", "Log", {"message": written}))

    assert ended.error == "Node 'log': the secret 'nothing' does not exist"
    assert ended.end.error is not None
    assert not ended.end.error.retryable


@pytest.mark.parametrize("written", ["{{secrets}}", "all of {{secrets}}"])
def test_secrets_are_not_given_all_together(written: str) -> None:
    ended = run_with({"login": "hunter22"}, ("set", "SetVariable", {"variable_name": "x", "value": written}))

    assert "hunter22" not in told(ended)
    assert ended.variables.get("x") != {"login": "***"}


def test_no_variable_stands_in_for_the_store() -> None:
    ended = run(Workflow([("log", "Log", {"message": "{{secrets.a}}"})]), {"secrets": {"a": "mine"}})

    assert ended.error == "no variable can be called 'secrets': {{secrets.name}} is a secret"


@pytest.mark.parametrize(
    "nodes",
    [
        [("n", "Log", {"message": "a {{secrets.it}} b"})],
        [("n", "DictToJson", {"value": {"a": "{{secrets.it}}"}})],
        [("n", "CreateDict", {"key_1": "{{secrets.it}}", "value_1": 1})],
        [("n", "SetVariable", {"variable_name": "{{secrets.it}}", "value": 1})],
        [("n", "ThrowError", {"message": "no: {{secrets.it}}"})],
        [("n", "MathOperation", {"a": "{{secrets.it}}", "b": 1})],  # quoted in the sentence of the error
        [("n", "TextSplit", {"text": "{{secrets.it}}", "separator": "\n"})],
        [("n", "ListGetItem", {"list": ["{{secrets.it}}"]})],
        [("n", "JsonParse", {"json_string": "{{secrets.it}}"})],
        [("n", "Concatenate", {"a": "y" * 490, "b": "{{secrets.it}}"})],  # cut in its middle
    ],
    ids=lambda nodes: nodes[0][1],
)
@pytest.mark.parametrize("secret", [SECRET, LONG, "first line\nsecond line", "12345"])
def test_a_secret_is_shown_to_nobody(nodes: Any, secret: str) -> None:
    ended = run_with({"it": secret}, *nodes)

    shown = told(ended)
    for line in secret.split("\n"):
        assert line not in shown
        assert line[:20] not in shown
        assert repr(line)[1:-1] not in shown


def test_a_short_secret_is_masked_where_it_stands_alone() -> None:
    ended = run_with({"pin": "7"}, ("n", "Log", {"message": "pin 7 of 27 cats: {{secrets.pin}}"}))

    assert ended.said == ["pin *** of 27 cats: ***"]


def test_a_secret_that_a_node_reads_as_a_number_is_masked_too() -> None:
    ended = run_with({"pin": "4711"}, ("n", "MathOperation", {"a": "{{secrets.pin}}", "b": 0}))

    assert ended.outputs["n"] == {"result": "***"}


def test_many_values_that_sound_secret_cost_no_more_than_a_few() -> None:
    nodes: list[Drawn] = [
        ("for", "ForLoopStart", {"mode": "range", "end": 3000}),
        ("set", "SetVariable", {"variable_name": "token", "value": "token-{{item}}"}),
    ]
    ended = run(Workflow([("s", "Start", {}), *nodes], "s > for; for.body > set"))

    assert ended.variables == {"token": "***"}
