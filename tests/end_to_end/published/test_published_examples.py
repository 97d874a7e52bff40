"""Every example of the five published documents is executed and gets what it is promised.

As printed, where the documents lie in a folder `api` beside the project; from our own facts of them in any case.
"""

from collections.abc import Iterator

import pytest

from tests.end_to_end.published.exchanges import compare
from tests.end_to_end.published.facts import Fact, read_facts
from tests.end_to_end.published.given import GIVEN
from tests.end_to_end.published.reader import folder_of_documents, read_documents
from tests.end_to_end.published.runners import RUNNERS
from tests.end_to_end.published.world import World

FACTS = read_facts()
PRINTED = {block.id: FACTS[block.document].with_names(block.text) for block in read_documents(folder_of_documents())}


def ways() -> Iterator[object]:
    """Each example that runs: as printed, else from facts. Where both can be, one of a kind in a document is both.

    Whatever runs as printed is compared with its facts too, so these cannot go wrong unseen.
    """
    seen = set()
    for fact in (fact for facts in FACTS.values() for fact in facts.examples.values() if fact.runs != "nothing"):
        text = PRINTED.get(fact.id)
        kind = (fact.document, fact.runs)
        if text is not None:
            yield pytest.param(fact, text, id=f"{fact.id} as printed")
        if text is None or (kind not in seen and fact.calls):
            yield pytest.param(fact, None, id=f"{fact.id} from facts")
        seen.add(kind)


@pytest.mark.parametrize(("fact", "text"), list(ways()))
def test_an_example_does_what_its_document_promises(world: World, fact: Fact, text: str | None) -> None:
    for name in fact.given:
        GIVEN[name](world)
    world.begin()

    RUNNERS[fact.runs](world, fact, text)

    compare(world, fact)
