"""What a run of a workflow needs from whoever runs it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from switchyard.orchestrator.v1.graph_pb2 import Graph
from workers.flow import host as flow


class Subworkflow(NamedTuple):
    """Another workflow, to be executed within a run."""

    workflow_id: str
    graph: Graph
    secrets: Mapping[str, str]


class Host(flow.Host, Protocol):
    """The world outside a run: all that a bot has, and what only workflows need. `folder` is the job's own."""

    @property
    def secrets(self) -> Mapping[str, str]:
        """Secrets the graph refers to, by name; those that do not exist are missing."""

    @property
    def checkpoint(self) -> bytes:
        """What an earlier attempt has kept last; empty when the run begins anew."""

    def now(self) -> datetime:
        """Return the time, aware, UTC."""

    def executed(self, executions: Sequence[Mapping[str, Any]]) -> None:
        """Keep what was executed since the last call: fields of `NodeExecution` by name, in order."""

    def resumed(self) -> None:
        """Take what was executed up to `checkpoint` for a part of this run, which goes on from there."""

    async def keep(self, checkpoint: bytes) -> None:
        """Return when `checkpoint` is kept for a next attempt of the job, and all that was executed up to now.

        Raises:
            NodeFailed: it cannot be kept.
        """

    async def workflow(self, name: str) -> Subworkflow:
        """Return the workflow with this id or name.

        Raises:
            NodeFailed: there is none, or several.
        """
