"""Which secrets a graph refers to."""

import json
from typing import Any

import pytest

from server.orchestrator.secrets.references import secrets_of
from switchyard.orchestrator.v1.graph_pb2 import Graph, Node


def names_in(config: Any, variables: Any = None) -> set[str]:
    node = Node(id="n", type="LogNode", config=json.dumps(config))
    return set(secrets_of(Graph(nodes=[node], variables="" if variables is None else json.dumps(variables))))


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("{{secrets.mail}}", {"mail"}),
        ("{{ secrets.mail }}", {"mail"}),
        ("${secrets.mail}", {"mail"}),
        ('{{secrets["mail"]}}', {"mail"}),
        ("{{secrets['mail']}}", {"mail"}),
        ("Bearer {{secrets.a}}:{{secrets.b}}", {"a", "b"}),
        ("secrets.mail == 'x' and len(secrets.other) > 3", {"mail", "other"}),
        ("not secrets . mail", {"mail"}),
        # What is within the value is the affair of the run.
        ("{{secrets.mail.user}}", {"mail"}),
        ("{{secrets._1}}", {"_1"}),
        (f"{{{{secrets.{'x' * 64}}}}}", {"x" * 64}),
    ],
)
def test_a_secret_is_found_however_it_is_written(written: str, names: set[str]) -> None:
    assert names_in({"text": written}) == names


@pytest.mark.parametrize(
    "written",
    [
        "{{mysecrets.mail}}",
        "{{variables.secrets.mail}}",
        "{{secrets}}",
        "{{secrets.1st}}",
        "{{secrets[0]}}",
        "secrets",
        "secrets are kept. mail them",
        f"{{{{secrets.{'x' * 65}}}}}",
    ],
)
def test_what_only_looks_like_one_is_none(written: str) -> None:
    assert names_in({"text": written}) == set()


def test_secrets_are_found_in_nested_values_and_in_variables() -> None:
    config = {"headers": [{"authorization": ["Bearer {{secrets.deep}}"]}]}

    assert names_in(config, {"start": {"with": "{{secrets.variable}}"}}) == {"deep", "variable"}


def test_a_graph_without_secrets_names_none() -> None:
    assert secrets_of(Graph(nodes=[Node(id="n", type="LogNode")])) == frozenset()
    assert names_in({"message": 'a "quoted" text', "{{secrets.key}}": 1}) == set()
