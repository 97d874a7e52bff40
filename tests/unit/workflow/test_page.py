"""docs/how_to/workflows.md says what the registry says."""

import json
import re
from pathlib import Path
from typing import Final

from server.orchestrator.workflows.dialects.canonical import canonical_graph
from workers.workflow.graph_index import GraphIndex
from workers.workflow.nodes import NODE_TYPES

PAGE: Final = (Path(__file__).parents[3] / "docs" / "how_to" / "workflows.md").read_text()


def test_the_page_lists_every_type_of_node_and_no_other() -> None:
    rows = re.findall(r"^\| (\w+) \| (.+) \|$", PAGE.partition("## Nodes\n")[2], re.MULTILINE)

    listed = {(category, f"{name}Node") for category, names in rows for name in names.split(", ")}

    assert listed == {(node_type.category, node_type.name) for node_type in NODE_TYPES.values()}


def test_the_workflow_on_the_page_can_be_executed() -> None:
    example = PAGE.partition("```json\n")[2].partition("```")[0]

    index = GraphIndex(canonical_graph(json.loads(example)), NODE_TYPES)

    assert list(index.nodes) == ["start", "ask", "each", "say"]
