"""The examples in the client's page and docstrings run, against a running system, and give what they say."""

import doctest
import importlib
import os
from pathlib import Path

import pytest

import switchyard_client
from switchyard_client.settings import DEFAULT_ADDRESS
from tests.end_to_end.system import ROOT
from tests.integration.client.conftest import PASSWORD

README = ROOT / "clients" / "python" / "README.md"
MODULES = ("aio.client", "sync.client", "webhook", "words")


@pytest.fixture(autouse=True)
def surroundings(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what the examples find in the environment."""
    monkeypatch.setenv("SWITCHYARD_SERVER", address)
    monkeypatch.setenv("ADMIN_PASSWORD", PASSWORD)


def failures(text: str, names: dict[str, object], place: Path) -> str:
    """Run the examples of a text in one go, and return what went otherwise."""
    said: list[str] = []
    test = doctest.DocTestParser().get_doctest(text, names, place.name, str(place), 0)
    assert test.examples, place
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    return "".join(said)


def test_the_examples_of_the_page_give_what_it_says() -> None:
    text = README.read_text().replace(DEFAULT_ADDRESS, os.environ["SWITCHYARD_SERVER"])

    assert failures(text, {}, README) == ""


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_give_what_they_say(name: str) -> None:
    module = importlib.import_module(f"switchyard_client.{name}")
    names = vars(switchyard_client) | vars(module)
    tests = [test for test in doctest.DocTestFinder().find(module, extraglobs=names) if test.examples]
    said: list[str] = []

    for test in tests:
        doctest.DocTestRunner(verbose=False).run(test, out=said.append)

    assert tests
    assert "".join(said) == ""
