"""The state of a run as it is kept for a next attempt of its job: what it was, and how it goes on from it.

A state belongs to one graph; what was kept of another one, or cannot be read, is no use. Nothing is kept within
branches that are gone at the same time, nor within graphs that a node executes: the next attempt begins with their
node.
"""

import hashlib
from typing import Any, Final

import orjson

from switchyard.orchestrator.v1.graph_pb2 import Graph
from workers.workflow.errors import NodeFailed, WorkflowError
from workers.workflow.execution import Execution, WayState
from workers.workflow.way import Way

# Another one for each change of what is kept.
_FORMAT: Final = 1


class CheckpointUseless(Exception):
    """What an earlier attempt has kept is of another graph or of another engine."""


class Checkpoints:
    """Keeps the state of a run with its host, and takes up what an earlier attempt has kept there."""

    def __init__(self, graph: Graph) -> None:
        self._graph = hashlib.sha256(graph.SerializeToString(deterministic=True)).hexdigest()
        self._warned = False

    async def keep(self, execution: Execution, place: WayState) -> None:
        """Return when the state is kept; one that cannot be is a warning, and the one before stays."""
        run = execution.run
        run.executions.flush()
        try:
            await run.host.keep(self._written(execution, place))
        except NodeFailed as failure:
            if not self._warned:
                self._warned = True
                run.host.log("warning", f"The state of the run cannot be kept for a next attempt: {failure.reason}.")

    def take_up(self, execution: Execution, kept: bytes) -> tuple[Way, WayState]:
        """Give an execution the state that was kept, and return the way that it was on, and where.

        Raises:
            CheckpointUseless: it cannot be used; begin with another execution.
        """
        try:
            state = orjson.loads(kept)
            if (state["format"], state["graph"]) != (_FORMAT, self._graph):
                raise CheckpointUseless("it was kept of another version of the workflow")
            place = _taken_up(execution, state)
            way = Way(execution, execution.scope)
            way.reopen(place.blocks)
            return way, place
        except (ArithmeticError, LookupError, TypeError, ValueError, WorkflowError) as error:
            raise CheckpointUseless("it cannot be read") from error

    def _written(self, execution: Execution, place: WayState) -> bytes:
        """Return the state. Raises NodeFailed."""
        run, scope = execution.run, execution.scope
        state = {
            "format": _FORMAT,
            "graph": self._graph,
            "root": execution.root,
            "place": list(place),
            "steps": run.steps,
            "last": execution.last,
            "variables": scope.variables,
            "outputs": scope.outputs,
            "executions": run.executions.counts(),
            "secrets": run.redaction.secrets(),
        }
        try:
            written = orjson.dumps(state)
        except TypeError as error:
            raise NodeFailed(f"JSON cannot say it ({error})") from error
        if len(written) > run.limits.checkpoint_bytes:
            raise NodeFailed(f"it is larger than {run.limits.checkpoint_bytes:,} bytes")
        return written


def _taken_up(execution: Execution, state: Any) -> WayState:
    run = execution.run
    run.redaction.add(state["secrets"])
    for name, value in state["variables"].items():
        execution.set_variable(name, value)
    execution.put_back(state["outputs"])
    execution.last.update(state["last"])
    execution.root = state["root"]
    run.steps = state["steps"]
    run.executions.go_on(state["executions"])
    return WayState(*state["place"])
