"""The facts are of the examples that the documents print, of each of them and of no other."""

import re

import pytest

from tests.end_to_end.published.facts import Fact, filled, filled_json, read_facts
from tests.end_to_end.published.given import GIVEN
from tests.end_to_end.published.reader import folder_of_documents, read_documents
from tests.end_to_end.published.runners import RUNNERS

FACTS = [fact for facts in read_facts().values() for fact in facts.examples.values()]
BLOCKS = read_documents(folder_of_documents())
with_documents = pytest.mark.skipif(not BLOCKS, reason="the documents are not beside the project")

# Which kinds of examples a language can have, "nothing" aside.
KINDS = {
    "bash": {"curl", "settings"},
    "python": {"python"},
    "javascript": {"javascript"},
    "json": {"a call answered so", "a call with this body", "a socket"},
    "yaml": {"a configuration"},
    "": {"a call with these headers", "a call answered with these headers", "a stream", "files"},
}


@with_documents
def test_every_example_of_the_documents_has_its_fact() -> None:
    known = {fact.id for fact in FACTS}

    assert [block.id for block in BLOCKS if block.id not in known] == []


@with_documents
def test_every_fact_is_of_an_example_of_the_documents() -> None:
    printed = {block.id for block in BLOCKS}

    assert [fact.id for fact in FACTS if fact.id not in printed] == []


@with_documents
def test_every_example_is_run_by_what_its_language_needs() -> None:
    runs = {fact.id: fact.runs for fact in FACTS}

    for block in BLOCKS:
        assert runs[block.id] in KINDS.get(block.language, set()) | {"nothing"}, block.id


@with_documents
def test_nothing_that_asks_us_is_passed_over() -> None:
    passed_over = {fact.id for fact in FACTS if fact.runs == "nothing"}
    asks = re.compile(r"^\s*curl |^import |^from |new (EventSource|WebSocket)|fetch\(", re.MULTILINE)

    assert [block.id for block in BLOCKS if block.id in passed_over and asks.search(block.text)] == []


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.id)
def test_a_fact_says_all_that_its_runner_needs(fact: Fact) -> None:
    assert (fact.runs in RUNNERS) != (fact.runs == "nothing" and bool(fact.because))
    assert [name for name in [*fact.given, *fact.meanwhile] if name not in GIVEN] == []
    if fact.runs == "a call answered so":
        assert fact.calls[-1].answer is not None
    if fact.meanwhile:
        assert fact.says is not None


def test_names_are_filled_as_texts_and_as_numbers() -> None:
    values = {"port": "9999", "who": 'a "b"'}

    assert filled("<who> <nobody> <port>", values) == 'a "b" <nobody> 9999'
    assert filled_json({"port": "<int:port>", "text": "<port>"}, values) == {"port": 9999, "text": "9999"}
