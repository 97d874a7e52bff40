"""Connections of a file, in four ways of naming their ends."""

from collections.abc import Mapping, Set
from typing import Any, Final, NamedTuple

from server.errors import InvalidArgument
from server.orchestrator.workflows.dialects.nodes import MAX_NAME_CHARACTERS, name_of, quoted, refusal
from switchyard.orchestrator.v1.graph_pb2 import Connection

FIELD: Final = "workflow_json.connections"
CONTROL_OUT: Final = "exec_out"
CONTROL_IN: Final = "exec_in"
# Of those that are wrong, so many are named.
NAMED: Final = 10


class End(NamedTuple):
    """One end of a connection; the port is None where the file leaves it out."""

    node: str
    port: str | None


class Side(NamedTuple):
    """What the ways call one end: two keys in each of two vocabularies, or one key with a pair."""

    words: str
    canonical: tuple[str, str]
    template: tuple[str, str]
    pair: str
    control: str


SOURCE: Final = Side("source", ("source_node", "source_port"), ("from_node", "from_port"), "out", CONTROL_OUT)
TARGET: Final = Side("target", ("target_node", "target_port"), ("to_node", "to_port"), "in", CONTROL_IN)


def connections_of(connections: object, node_ids: Set[str]) -> list[Connection]:
    """Return the connections of a file in its order; one that is there twice, once.

    Raises:
        InvalidArgument: one cannot be understood, or leads from or to a node that is not there.
    """
    if connections is None:
        return []
    if not isinstance(connections, list):
        raise InvalidArgument.field(FIELD, "must be a list")
    # A dict keeps the order and drops what is there again, in another form perhaps.
    ends = dict.fromkeys(_connection(value, position) for position, value in enumerate(connections, start=1))
    dangling = [pair for pair in ends if not (pair[0] in node_ids and pair[2] in node_ids)]
    if dangling:
        raise refusal(_dangling_sentence(dangling, node_ids), FIELD)
    return [
        Connection(source_node=source_node, source_port=source_port, target_node=target_node, target_port=target_port)
        for source_node, source_port, target_node, target_port in ends
    ]


def _connection(value: object, position: int) -> tuple[str, str, str, str]:
    who = f"Connection number {position}"
    if not isinstance(value, dict):
        raise refusal(f"{who} must be an object", FIELD)
    source, target = _end(value, SOURCE, who), _end(value, TARGET, who)
    source_port, target_port = _ports(source.port, target.port)
    if source_port is None or target_port is None:
        side = SOURCE if source_port is None else TARGET
        raise refusal(f"{who}, {quoted(source.node)} -> {quoted(target.node)}, must name its {side.words}_port", FIELD)
    return source.node, source_port, target.node, target_port


def _end(connection: Mapping[str, Any], side: Side, who: str) -> End:
    """Return the one end that `connection` has on `side`, in whichever way it says it."""
    found = {
        end
        for end in (
            _named(connection, side.canonical, who),
            _template(connection, side, who),
            _paired(connection, side, who),
        )
        if end is not None
    }
    if not found:
        raise refusal(f"{who} must have a {side.canonical[0]} that is the id of a node", FIELD)
    if len(found) > 1:
        raise refusal(f"{who} must have one {side.words}, and has several", FIELD)
    return found.pop()


def _named(connection: Mapping[str, Any], keys: tuple[str, str], who: str) -> End | None:
    node, port = (_name(connection, key, who) for key in keys)
    return None if node is None else End(node, port)


def _name(connection: Mapping[str, Any], key: str, who: str) -> str | None:
    value = connection.get(key)
    name = name_of(value)
    if value is not None and name is None:
        raise refusal(f"{who}: {key} must be a text of 1 to {MAX_NAME_CHARACTERS} characters", FIELD)
    return name


def _template(connection: Mapping[str, Any], side: Side, who: str) -> End | None:
    """Return the end in the words of templates, which call the ports of control just "out" and "in"."""
    end = _named(connection, side.template, who)
    if end is None or end.port != side.pair:
        return end
    other = connection.get("to_port") if side is SOURCE else CONTROL_IN
    return End(end.node, side.control) if other in (None, "in", CONTROL_IN) else end


def _paired(connection: Mapping[str, Any], side: Side, who: str) -> End | None:
    pair = connection.get(side.pair)
    if pair is None:
        return None
    names = [name_of(name) for name in pair] if isinstance(pair, list) and len(pair) == 2 else [None]
    if None in names:
        raise refusal(f"{who}: {side.pair} must be a list of a node's id and a port", FIELD)
    node, port = (str(name) for name in names)
    return End(node, port)


def _ports(source: str | None, target: str | None) -> tuple[str | None, str | None]:
    """Return both ports. One that is left out is that of control, if the other does not speak against it."""
    if source is None and target in (None, CONTROL_IN):
        source = CONTROL_OUT
    if target is None and source == CONTROL_OUT:
        target = CONTROL_IN
    return source, target


def _dangling_sentence(dangling: list[tuple[str, str, str, str]], node_ids: Set[str]) -> str:
    told = "; ".join(_told(connection, node_ids) for connection in dangling[:NAMED])
    more = f"; and {len(dangling) - NAMED} more" if len(dangling) > NAMED else ""
    return f"Connections must lead from a node to a node: {told}{more}"


def _told(connection: tuple[str, str, str, str], node_ids: Set[str]) -> str:
    source_node, source_port, target_node, target_port = connection
    missing = " and ".join(quoted(node) for node in dict.fromkeys((source_node, target_node)) if node not in node_ids)
    return f"{source_node}.{source_port} -> {target_node}.{target_port}, where there is no node {missing}"
