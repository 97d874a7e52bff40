"""What is to be executed: versions of workflows, which never change, so those that were read last are kept."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from server.database.database import Database
from server.orchestrator.secrets.references import secrets_of
from server.orchestrator.workflows import workflow_store
from switchyard.orchestrator.v1.graph_pb2 import Graph

# Of all that is kept together, in characters of files and bytes of graphs.
KEPT_SIZE: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Version:
    """A version of a workflow: the file as it was sent, its graph, and the secrets that refers to, by name."""

    workflow_json: str
    graph: Graph
    secret_names: frozenset[str]
    size: int


class Versions:
    """Reads versions of workflows."""

    def __init__(self, database: Database, *, kept_size: int = KEPT_SIZE) -> None:
        self._database = database
        self._kept_size = kept_size
        self._kept: OrderedDict[tuple[str, int], Version] = OrderedDict()
        self._size = 0

    async def get(self, workflow_id: str, version: int) -> Version:
        """Return a version of a workflow, also of one that was deleted.

        Raises:
            NotFound: there is none.
        """
        key = (workflow_id, version)
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        row = await self._database.scan(lambda connection: workflow_store.read_version(connection, *key))
        graph = Graph.FromString(row.graph)
        read = Version(row.workflow_json, graph, secrets_of(graph), len(row.workflow_json) + len(row.graph))
        self._keep(key, read)
        return read

    def _keep(self, key: tuple[str, int], version: Version) -> None:
        if version.size > self._kept_size // 4:
            # It would drive out all others.
            return
        replaced = self._kept.pop(key, None)
        self._kept[key] = version
        self._size += version.size - (0 if replaced is None else replaced.size)
        while self._size > self._kept_size:
            _, oldest = self._kept.popitem(last=False)
            self._size -= oldest.size
