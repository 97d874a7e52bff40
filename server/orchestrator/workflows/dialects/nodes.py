"""Nodes of a file: an object by id, or a list; `node_id` or `id`, `node_type` or `type`, `config` or `properties`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from server.errors import InvalidArgument, Violation
from server.json_text import spell
from switchyard.orchestrator.v1.graph_pb2 import Node

FIELD: Final = "workflow_json.nodes"
MAX_NODES: Final = 1000
# Source: the comment of `Node.id`.
MAX_NAME_CHARACTERS: Final = 256

# Marks a node that is passed through; editors keep it among its settings, or beside them.
DISABLED: Final = "_disabled"


def nodes_of(nodes: object) -> list[Node]:
    """Return the nodes of a file in its order.

    Raises:
        InvalidArgument: there are too many, or one cannot be understood.
    """
    if not isinstance(nodes, dict | list):
        raise InvalidArgument.field(FIELD, "must be a dict or list")
    if len(nodes) > MAX_NODES:
        raise _too_many(len(nodes))
    by_id = _by_key(nodes) if isinstance(nodes, dict) else _in_list(nodes)
    return [_node(node_id, body) for node_id, body in by_id]


def name_of(value: object) -> str | None:
    """Return the id or the name of a port that `value` is; some editors write numbers. None when it is none."""
    if type(value) is int:
        return str(value)
    return value if isinstance(value, str) and 0 < len(value) <= MAX_NAME_CHARACTERS else None


def refusal(sentence: str, field: str = FIELD) -> InvalidArgument:
    """Return the refusal of a file; `sentence` is whole and names the part that is to blame."""
    return InvalidArgument(sentence, violations=[Violation(field, sentence)])


def quoted(name: object) -> str:
    """Return `name` as a sentence quotes it, cut where it is long."""
    text = str(name)
    return repr(text if len(text) <= MAX_NAME_CHARACTERS else f"{text[:MAX_NAME_CHARACTERS]}...")


def _too_many(count: int) -> InvalidArgument:
    return InvalidArgument(
        f"Workflow exceeds maximum node count ({count} > {MAX_NODES})",
        violations=[Violation(FIELD, f"must have at most {MAX_NODES:,} items")],
    )


def _by_key(nodes: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for key, body in nodes.items():
        if name_of(key) is None:
            raise refusal(f"Node {quoted(key)} must have an id of 1 to {MAX_NAME_CHARACTERS} characters")
        body = _object(body, f"Node {quoted(key)}")
        inside = _one_of(body, ("node_id", "id"), f"Node {quoted(key)}")
        if inside is not None and str(inside) != key:
            raise refusal(f"Node {quoted(key)} must not have another id inside: {quoted(inside)}")
        yield key, body


def _in_list(nodes: Sequence[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    seen: set[str] = set()
    for position, body in enumerate(nodes, start=1):
        body = _object(body, f"Node number {position}")
        node_id = name_of(_one_of(body, ("node_id", "id"), f"Node number {position}"))
        if node_id is None:
            raise refusal(
                f"Node number {position} must have an id of 1 to {MAX_NAME_CHARACTERS} characters, as node_id or id"
            )
        if node_id in seen:
            raise refusal(f"Node {quoted(node_id)} must not appear twice: ids are unique")
        seen.add(node_id)
        yield node_id, body


def _node(node_id: str, body: Mapping[str, Any]) -> Node:
    who = f"Node {quoted(node_id)}"
    node_type = _one_of(body, ("node_type", "type"), who)
    if not isinstance(node_type, str) or not 0 < len(node_type) <= MAX_NAME_CHARACTERS:
        raise refusal(f"{who} must have a type of 1 to {MAX_NAME_CHARACTERS} characters, as node_type or type")
    config = _config(body, who)
    disabled = _disabled(config.get(DISABLED), who) or _disabled(body.get(DISABLED), who)
    config = {name: value for name, value in config.items() if name != DISABLED}
    return Node(id=node_id, type=node_type, config=spell(config), disabled=disabled)


def _config(body: Mapping[str, Any], who: str) -> Mapping[str, Any]:
    """Return the settings of a node; those under both names together, as long as they do not contradict."""
    config, properties = (
        _object({} if body.get(name) is None else body[name], f"{who}: {name}") for name in ("config", "properties")
    )
    for name in config.keys() & properties.keys():
        if config[name] != properties[name]:
            raise refusal(f"{who} must not have {quoted(name)} in both config and properties, with two values")
    return {**config, **properties}


def _disabled(value: object, who: str) -> bool:
    if value is not None and not isinstance(value, bool):
        raise refusal(f"{who}: {DISABLED} must be true or false")
    return bool(value)


def _object(value: object, who: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise refusal(f"{who} must be an object")
    return value


def _one_of(body: Mapping[str, Any], names: tuple[str, str], who: str) -> object:
    """Return what `body` has under one of two names, None when under neither."""
    first, second = (body.get(name) for name in names)
    if first is not None and second is not None and str(first) != str(second):
        raise refusal(f"{who} must not have both {names[0]} {quoted(first)} and {names[1]} {quoted(second)}")
    return second if first is None else first
