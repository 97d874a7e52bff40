"""Where the types of nodes are kept that workers know, and what they say of a graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from server.database.point_read import PointRead
from server.database.text import storable
from server.errors import InvalidArgument, Unavailable, Violation
from server.orchestrator.tables import NODE_TYPES
from switchyard.orchestrator.v1.graph_pb2 import Graph
from switchyard.orchestrator.v1.node_type_service_pb2 import NodeType, PublishNodeTypesRequest

_COLUMNS: Final[Mapping[str, Any]] = {
    "version": sa.bindparam("of_version"),
    "published": sa.bindparam("new_published"),
    "publish_time": sa.bindparam("now"),
}
_CHANGES: Final = {name: value for name, value in _COLUMNS.items() if name != "version"}
_PUBLISH: Final = {
    "sqlite": sqlite.insert(NODE_TYPES)
    .values(_COLUMNS)
    .on_conflict_do_update(index_elements=["version"], set_=_CHANGES),
    "postgresql": postgresql.insert(NODE_TYPES)
    .values(_COLUMNS)
    .on_conflict_do_update(index_elements=["version"], set_=_CHANGES),
}
_VERSIONS: Final[sa.ColumnElement[Any]] = sa.func.count()
_STAMP: Final = PointRead(sa.select(_VERSIONS, sa.func.max(NODE_TYPES.c.publish_time)))
_NEWEST_LAST: Final = sa.select(NODE_TYPES.c.published).order_by(NODE_TYPES.c.publish_time, NODE_TYPES.c.version)


@dataclass(frozen=True, slots=True)
class Catalog:
    """All types that workers of any version know, by name; `names` holds their aliases too.

    `refused` gives the reason for each name that workers refuse on purpose.
    """

    types: Mapping[str, NodeType]
    names: frozenset[str]
    refused: Mapping[str, str]

    def check(self, graph: Graph) -> None:
        """Refuse a graph with nodes that no worker could execute.

        Raises:
            Unavailable: no worker has told yet what it knows.
            InvalidArgument: the sentence names each type that is not known, a node of it, and why it is refused.
        """
        if not self.names:
            raise Unavailable("No worker has said yet which node types it knows; try again when one has started")
        unknown: dict[str, str] = {}
        for node in graph.nodes:
            if node.type not in self.names:
                unknown.setdefault(node.type, node.id)
        if unknown:
            told = "; ".join(self._told(node_type, node_id) for node_type, node_id in unknown.items())
            sentence = f"Unknown node types: {told}"
            raise InvalidArgument(sentence, violations=[Violation("workflow_json.nodes", sentence)])

    def _told(self, node_type: str, node_id: str) -> str:
        reason = self.refused.get(node_type)
        return f"{node_type} (node {node_id!r})" + (f" is refused: {reason}" if reason else "")


class NodeTypeStore:
    """Keeps what workers publish. What was read is used again until one publishes."""

    def __init__(self) -> None:
        self._stamp: tuple[Any, ...] = ()
        self._catalog = Catalog({}, frozenset(), {})

    def publish(self, connection: sa.Connection, request: PublishNodeTypesRequest, *, now: int) -> None:
        """Store what a worker tells, in place of what one of the same version told before."""
        values = {"of_version": storable(request.version), "new_published": request.SerializeToString(), "now": now}
        connection.execute(_PUBLISH[connection.dialect.name], values)

    def catalog(self, connection: sa.Connection) -> Catalog:
        """Return what the workers know."""
        stamp = tuple(_STAMP.first(connection) or ())
        if stamp != self._stamp:
            self._catalog = _catalog(connection)
            self._stamp = stamp
        return self._catalog


def _catalog(connection: sa.Connection) -> Catalog:
    types: dict[str, NodeType] = {}
    refused: dict[str, str] = {}
    for data in connection.execute(_NEWEST_LAST).scalars():
        published = PublishNodeTypesRequest.FromString(data)
        types.update({node_type.name: node_type for node_type in published.node_types})
        refused.update(published.refused)
    names = frozenset(types).union(*(node_type.aliases for node_type in types.values()))
    return Catalog(dict(sorted(types.items())), names, refused)
