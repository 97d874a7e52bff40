"""A canonical graph, checked and indexed: nodes by id, where control goes, where values come from. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from switchyard.orchestrator.v1.graph_pb2 import Connection, Graph
from workers.flow.arguments import nearest
from workers.workflow.bindings import Binding, When
from workers.workflow.errors import GraphInvalid
from workers.workflow.registry import EXEC_IN, EXEC_OUT, NodeType, Registry

# Under one of these a node names the variable that its first output is kept in.
_KEPT_IN: Final = ("output_var", "output_variable", "result_variable")

# Source: the comment of `Settings.timeout`.
DEFAULT_TIMEOUT_SECONDS: Final = 3600.0

# Under this the end of a loop names its start, and by this port a loop is left when it is done.
PAIRED_START: Final = "paired_start_id"
COMPLETED: Final = "completed"


class IndexedNode:
    """One node of a graph that is executed."""

    __slots__ = (
        "_binding",
        "acts",
        "config",
        "connected",
        "disabled",
        "edges",
        "id",
        "kept_in",
        "kind",
        "path",
        "type_name",
        "waits",
    )

    def __init__(
        self, node_id: str, type_name: str, kind: NodeType | None, config: Mapping[str, Any], prefix: str = ""
    ) -> None:
        """`kind` is None for a disabled node of a type that is not known; `prefix` stands before its id in its path."""
        self.id = node_id
        # What people are told of it: its id, behind those of the nodes that execute its graph.
        self.path = prefix + node_id
        self.type_name = type_name
        self.kind = kind
        # Whether it may take its time.
        self.waits = kind is not None and kind.waits
        # Whether it may change something outside of the run.
        self.acts = self.waits or (kind is not None and kind.acts)
        self.config = config
        # Name of the variable that its first output is kept in, empty for none.
        self.kept_in = _kept_in(config)
        self.disabled = False
        # Port -> ids of the nodes that control goes to, in the order of the file.
        self.edges: dict[str, tuple[str, ...]] = {}
        # Input -> the outputs of nodes that it may come from.
        self.connected: dict[str, list[tuple[str, str]]] = {}
        self._binding: Binding | None = None

    def connect(self, name: str, source: tuple[str, str]) -> None:
        """Let input `name` come from an output of a node."""
        self.connected.setdefault(name, []).append(source)

    def binding(self, kind: NodeType, when: When) -> Binding:
        """Return what gives this node its inputs."""
        if self._binding is None:
            self._binding = Binding(kind, self.config, self.connected, when)
        return self._binding

    def first_connected(self, ports: Sequence[str]) -> str | None:
        """Return the first of `ports` that leads anywhere, None when none does."""
        return next((port for port in ports if port in self.edges), None)


class GraphIndex:
    """A graph that can be executed. `prefix` stands before the ids of its nodes in whatever people are told.

    Raises:
        GraphInvalid: a node is of no known type, a connection leaves or enters by a port that is not there, or there
            is no node to begin with. The sentence names it.
    """

    def __init__(self, graph: Graph, types: Registry, prefix: str = "") -> None:
        self.nodes: dict[str, IndexedNode] = {}
        for node in graph.nodes:
            indexed = self.nodes[node.id] = IndexedNode(
                node.id, node.type, types.find(node.type), _object(node.config, prefix + node.id), prefix
            )
            indexed.disabled = node.disabled
            if indexed.kind is None and not node.disabled:
                raise _unknown(indexed, types)
        entered: set[str] = set()
        for connection in graph.connections:
            self._connect(connection, entered)
        lead_on(self.nodes)
        self.roots = self._roots(entered)
        if graph.nodes and not self.roots:
            raise GraphInvalid("every node is led to by another one; there is none to begin with")
        _check_sources(self.nodes, self.roots)
        self.variables: dict[str, Any] = _object(graph.variables, "")
        settings = graph.settings
        self.stop_on_error = settings.stop_on_error if settings.HasField("stop_on_error") else True
        self.retry_count = max(0, min(10, settings.retry_count))
        self.timeout_seconds: float = settings.timeout.ToTimedelta().total_seconds() or DEFAULT_TIMEOUT_SECONDS
        self.resume = settings.resume

    def _connect(self, connection: Connection, entered: set[str]) -> None:
        source, target = self._end(connection.source_node), self._end(connection.target_node)
        port = _exec_port(source, connection)
        if port is not None:
            if not _enters(target, connection.target_port):
                raise _dangling(connection, target, "control cannot enter by", connection.target_port)
            source.edges[port] = (*source.edges.get(port, ()), target.id)
            entered.add(target.id)
            return
        if _enters(target, connection.target_port):
            raise _dangling(connection, source, "control cannot leave by", connection.source_port)
        if source.kind is not None and not source.kind.has_output(connection.source_port):
            raise _dangling(connection, source, "there is no output", connection.source_port)
        if target.kind is not None:
            name = target.kind.input_name(connection.target_port)
            if name is None:
                raise _dangling(connection, target, "there is no input", connection.target_port)
            target.connect(name, (source.id, connection.source_port))

    def _end(self, node_id: str) -> IndexedNode:
        node = self.nodes.get(node_id)
        if node is None:
            raise GraphInvalid(f"a connection leads from or to {node_id!r}, which is not there", node_id=node_id)
        return node

    def _roots(self, entered: set[str]) -> tuple[str, ...]:
        """Return where to begin: at start nodes, else at triggers, else wherever nothing leads to."""
        for role in ("start", "trigger"):
            if roots := tuple(node.id for node in self.nodes.values() if node.kind and node.kind.role == role):
                return roots
        return tuple(
            node.id
            for node in self.nodes.values()
            if node.id not in entered and not (node.kind and node.kind.role == "part")
        )


def _check_sources(nodes: Mapping[str, IndexedNode], roots: Sequence[str]) -> None:
    """Raise GraphInvalid for a node that control never comes to, though another one waits for what it gives out."""
    parts = [node.id for node in nodes.values() if node.kind is not None and node.kind.role == "part"]
    reached = _reached(nodes, [*roots, *parts])
    for node_id in reached:
        for name, sources in nodes[node_id].connected.items():
            if not any(source in reached for source, _ in sources):
                source = nodes[sources[0][0]]
                raise GraphInvalid(
                    f"control never comes to it, and {nodes[node_id].path!r} takes its {name!r} from it",
                    node_id=source.path,
                )


def _reached(nodes: Mapping[str, IndexedNode], starts: Sequence[str]) -> dict[str, None]:
    reached = dict.fromkeys(starts)
    waiting = list(starts)
    while waiting:
        for targets in nodes[waiting.pop()].edges.values():
            for target in targets:
                if target not in reached:
                    reached[target] = None
                    waiting.append(target)
    return reached


def _kept_in(config: Mapping[str, Any]) -> str:
    for key in _KEPT_IN:
        if key in config and isinstance(config[key], str):
            return str(config[key])
    return ""


def lead_on(nodes: Mapping[str, IndexedNode]) -> None:
    """Let control that leaves the end of a loop lead to what follows the loop, where the loop says nothing else.

    Authors draw both: from the start of a loop by "completed", or from its end.
    """
    for end in nodes.values():
        start = nodes.get(str(end.config.get(PAIRED_START, "")))
        if start is not None and start.kind is not None and COMPLETED in start.kind.exec_ports:
            targets = tuple(target for target in end.edges.pop(EXEC_OUT, ()) if target != start.id)
            if targets:
                start.edges.setdefault(COMPLETED, targets)


def _exec_port(source: IndexedNode, connection: Connection) -> str | None:
    """Return the port of control by which a connection leaves, None when it carries a value."""
    if source.kind is None:  # disabled and unknown: its one way is what enters control elsewhere
        return EXEC_OUT if connection.target_port == EXEC_IN else None
    return source.kind.exec_port(connection.source_port)


def _enters(target: IndexedNode, port: str) -> bool:
    return port == EXEC_IN if target.kind is None else target.kind.is_exec_input(port)


def _unknown(node: IndexedNode, types: Registry) -> GraphInvalid:
    reason = types.refused.get(node.type_name)
    if reason is not None:
        sentence = f"its type {node.type_name} is refused: {reason}"
    else:
        sentence = f"there is no type {node.type_name!r}{nearest(node.type_name, sorted(types))}"
    return GraphInvalid(sentence, node_id=node.path)


def _dangling(connection: Connection, node: IndexedNode, what: str, port: str) -> GraphInvalid:
    way = f"{connection.source_node}.{connection.source_port} -> {connection.target_node}.{connection.target_port}"
    return GraphInvalid(f"{what} {port!r} of a {node.type_name} ({way})", node_id=node.path)


def _object(text: str, node_id: str) -> dict[str, Any]:
    if not text:
        return {}
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise GraphInvalid("its configuration is not JSON", node_id=node_id) from error
    if not isinstance(value, dict):
        raise GraphInvalid("its configuration is not an object", node_id=node_id)
    return value
