"""What we know of each published example in our own words: what it asks, with what, and what is answered.

A file of `facts/` has `stands_for`, what the literals of its document stand for, and `examples`: the key is the id of
a block without its document, the value is a `Fact`. `<name>` in texts is filled with the value of that name that the
world has when the example runs, and `"<int:name>"` with a number.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import yaml

from tests.end_to_end.published.reader import DOCUMENTS
from tests.end_to_end.published.shape import Shape

FOLDER: Final = Path(__file__).parent / "facts"
_NAME: Final = re.compile(r'"<int:(\w+)>"|<(\w+)>')


@dataclass(frozen=True)
class Call:
    """One request, and its answer.

    ask: method, path and query: "GET /api/sessions?page=2".
    body: what is sent as JSON; None is no body. form: fields, of which one that begins with "@" names a file.
    sends: headers that matter, by lower-case name; a credential that is not named must not be sent.
    listener: which of the two listeners is asked, "http" or "agent".
    answer: shape of the JSON that comes. begins: first line of a text that comes.
    """

    ask: str
    body: Any = None
    form: Mapping[str, str] | None = None
    sends: Mapping[str, str] | None = None
    listener: str = "http"
    status: int = 200
    answer: Shape = None
    begins: str | None = None

    @property
    def method(self) -> str:
        return self.ask.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.ask.partition(" ")[2]


@dataclass(frozen=True)
class Fact:
    """What is known of one example.

    runs: what carries it out, one of `runners.RUNNERS`; "nothing", and `because` says why.
    given: what must be there before, in this order. calls: what it asks, in this order.
    meanwhile: what comes to be once it listens.
    then: code for what the example leaves to its reader, which follows it: a call of the function it defines.
    prints: patterns of lines it shows. says: shape of a message it hears, or of the file it describes.
    stands_by: commands in it that are no business of ours and do nothing here.
    settings: what the server reads of the variables it sets. names: files or headers it names.
    """

    id: str
    runs: str
    because: str = ""
    given: Sequence[str] = ()
    calls: Sequence[Call] = ()
    meanwhile: Sequence[str] = ()
    then: str = ""
    prints: Sequence[str] = ()
    says: Shape = None
    stands_by: Sequence[str] = ()
    variables: Mapping[str, str] | None = None
    settings: Mapping[str, Any] | None = None
    names: Sequence[str] = ()

    @property
    def document(self) -> str:
        return self.id.partition("/")[0]


@dataclass(frozen=True)
class Facts:
    """All of one document."""

    document: str
    content: Mapping[str, Any]

    @cached_property
    def stands_for(self) -> Mapping[str, str]:
        """What its literals stand for: "env-abc123" to "<environment>". The longest must be replaced first."""
        found: dict[str, str] = self.content["stands_for"]
        return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))

    @cached_property
    def examples(self) -> Mapping[str, Fact]:
        """Each example by the id of its block."""
        found = {}
        for name, entry in self.content["examples"].items():
            calls = [Call(**call) for call in entry.get("calls", ())]
            example_id = f"{self.document}/{name}"
            found[example_id] = Fact(**{**entry, "id": example_id, "calls": calls})
        return found

    def with_names(self, printed: str) -> str:
        """Return a text of the document with names in the place of its literals."""
        for literal, name in self.stands_for.items():
            printed = printed.replace(literal, name)
        return printed


def read_facts() -> Mapping[str, Facts]:
    """Return the facts of all documents, by document."""
    return {name: Facts(name, yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))) for name in DOCUMENTS}


def filled(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of names; what is no name of theirs stays."""

    def value(name: re.Match[str]) -> str:
        return values.get(name[1] or name[2], name[0])

    return _NAME.sub(value, text)


def filled_json(content: Any, values: Mapping[str, str]) -> Any:
    """The same for every text in a JSON value."""
    return json.loads(filled(json.dumps(content), values))
