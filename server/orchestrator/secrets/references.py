"""Which secrets a graph refers to. Pure.

A secret is written as a name within `secrets`, in a reference or in an expression: `{{secrets.name}}`,
`${secrets.name}`, `secrets.name == "x"`, `secrets["name"]`. A text that only looks so costs nothing but that a run gets
a secret of its own tenant it does not use; a secret that is overlooked would fail a node.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from switchyard.orchestrator.v1.graph_pb2 import Graph

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]{0,63}(?![A-Za-z0-9_])"
_WRITTEN: Final = re.compile(
    rf"(?<![\w.$])secrets\s*(?:\.\s*({_NAME})|\[\s*(?:\"({_NAME})\"|'({_NAME})')\s*\])", re.ASCII
)


def secrets_of(graph: Graph) -> frozenset[str]:
    """Return the names of the secrets that configurations and variables of `graph` refer to, wherever they stand."""
    texts = [graph.variables, *(node.config for node in graph.nodes)]
    # Few texts speak of secrets at all, and the rest need not be read as JSON.
    return frozenset(name for text in texts if "secrets" in text for name in _names_in(json.loads(text)))


def _names_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        for match in _WRITTEN.finditer(value):
            yield next(name for name in match.groups() if name is not None)
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _names_in(inner)
