"""The steps of bots as a page: each node with its arguments, as its declaration has them."""

from collections.abc import Iterator
from dataclasses import MISSING, fields
from typing import Any, get_type_hints

from workers.flow.nodes import NODE_TYPES
from workers.flow.registry import NodeType


def steps() -> str:
    """Return the page."""
    lines = [
        "# Steps of bots",
        "",
        "A step is a map with one key, the node, and its arguments. The value of an argument called *main* may stand",
        "alone: `- goto: https://example.com`. Times are in seconds.",
    ]
    for name in sorted(NODE_TYPES):
        lines += _node(NODE_TYPES[name])
    return "\n".join(lines) + "\n"


def _node(node: NodeType[Any]) -> Iterator[str]:
    yield from ("", f"## {node.name}", "", (node.run.__doc__ or "").strip())
    if node.blocks:
        yield from ("", f"Blocks of steps: {', '.join(f'`{block}`' for block in node.blocks)}.")
    hints = get_type_hints(node.arguments)
    if declared := fields(node.arguments):
        yield from ("", "| argument | type | when absent | range |", "| --- | --- | --- | --- |")
    for field in declared:
        said = field.metadata
        name = f"`{said['name'] or field.name}`" + (" (main)" if said["main"] else "")
        absent = "needed" if field.default is MISSING else f"`{field.default!r}`"
        bounds = " to ".join(str(said[end]) for end in ("minimum", "maximum") if said[end] is not None)
        yield f"| {name} | {_words(hints[field.name])} | {absent} | {bounds} |"


def _words(hint: object) -> str:
    return (
        str(getattr(hint, "__name__", hint) if isinstance(hint, type) else hint)
        .replace("typing.", "")
        .replace("|", "or")
    )
