"""The two formats of a workflow: that of ComfyUI's page ("ui") and that of its API ("api"). Pure.

Source: https://docs.comfy.org/specs/workflow_json (ui); `validate_prompt` of ComfyUI's execution.py (api).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import orjson

from workers.comfy.errors import Invalid

Format: TypeAlias = Literal["ui", "api"]
# In the format of the API: nodes by id, each with `class_type`, `inputs` and perhaps `_meta.title`.
Graph: TypeAlias = dict[str, dict[str, Any]]

# Characters of a title, or of anything else from a workflow, in a sentence.
_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow that can be opened."""

    format: Format
    text: str  # JSON
    node_count: int  # those at the top, without the insides of subgraphs
    # Names of nodes, as in sentences, by the types that ComfyUI must know.
    nodes_by_type: Mapping[str, Sequence[str]]


def read(text: str) -> Workflow:
    """Return the workflow that `text` holds.

    Raises:
        Invalid: it is no JSON, or no workflow in either format.
    """
    value = _object(text)
    nodes = value.get("nodes")
    if isinstance(nodes, list):
        return Workflow("ui", text, len(nodes), _by_type(_ui_nodes(value, nodes)))
    if value and all(_is_api_node(node) for node in value.values()):
        return Workflow("api", text, len(value), _by_type(_api_nodes(value)))
    raise Invalid(
        "the workflow is in no format that ComfyUI knows: neither `nodes` in a list, nor nodes by id with `class_type`"
        " and `inputs`"
    )


def read_graph(text: str) -> Graph:
    """Return the nodes of a workflow that is in the format of the API, as `read` or ComfyUI's page has said."""
    graph: Graph = orjson.loads(text)
    return graph


def missing_types(workflow: Workflow, known: Iterable[str]) -> str:
    """Return a sentence that names the nodes whose types are not `known`; empty when all are."""
    unknown = sorted(set(workflow.nodes_by_type).difference(known))
    if not unknown:
        return ""
    named = "; ".join(f"{_cut(name)} ({', '.join(workflow.nodes_by_type[name][:3])})" for name in unknown[:20])
    more = f" and {len(unknown) - 20} more" if len(unknown) > 20 else ""
    return f"ComfyUI does not have these node types: {named}{more}"


def node_name(node_id: object, class_type: object, title: object = None) -> str:
    """Return what a node is called in sentences: `node 3 (KSampler, "My sampler")`."""
    shown = f', "{_cut(title)}"' if isinstance(title, str) and title and title != class_type else ""
    return f"node {_cut(node_id)} ({_cut(class_type)}{shown})"


def name_in(graph: Graph, node_id: str) -> str:
    """Return what a node of `graph` is called in sentences; one that is not in it only has its id."""
    node = graph.get(node_id)
    if node is None:
        return f"node {_cut(node_id)}"
    return node_name(node_id, node.get("class_type", "?"), title_of(node))


def title_of(node: Mapping[str, Any]) -> str | None:
    """Return the title of a node in the format of the API, None when it has none."""
    meta = node.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    return title if isinstance(title, str) else None


def _object(text: str) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"the workflow is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Invalid("the workflow must be a JSON object")
    return value


def _is_api_node(node: object) -> bool:
    return isinstance(node, dict) and isinstance(node.get("class_type"), str) and isinstance(node.get("inputs"), dict)


def _api_nodes(graph: Graph) -> Iterator[tuple[str, str]]:
    for node_id, node in graph.items():
        yield node["class_type"], node_name(node_id, node["class_type"], title_of(node))


def _ui_nodes(workflow: Mapping[str, Any], top: Sequence[object]) -> Iterator[tuple[str, str]]:
    """Yield type and name of each node that is ComfyUI's to know: not those that the workflow brings itself."""
    definitions = workflow.get("definitions")
    subgraphs = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    inner = [subgraph for subgraph in subgraphs if isinstance(subgraph, dict)] if isinstance(subgraphs, list) else []
    own = {subgraph.get("id") for subgraph in inner} | _group_types(workflow)
    for nodes in (top, *(subgraph.get("nodes") for subgraph in inner)):
        for node in nodes if isinstance(nodes, list) else ():
            if not isinstance(node, dict) or not isinstance(node.get("type"), str):
                raise Invalid("each of the workflow's `nodes` must be an object with a `type`")
            if node["type"] not in own:
                yield node["type"], node_name(node.get("id", "?"), node["type"], node.get("title"))


def _group_types(workflow: Mapping[str, Any]) -> set[object]:
    """Return the types of group nodes, which older pages keep in the workflow."""
    extra = workflow.get("extra")
    groups = extra.get("groupNodes") if isinstance(extra, dict) else None
    return {f"workflow{sign}{name}" for name in groups for sign in "/>"} if isinstance(groups, dict) else set()


def _by_type(nodes: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for node_type, name in nodes:
        found[node_type].append(name)
    return dict(found)


def _cut(value: object) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
