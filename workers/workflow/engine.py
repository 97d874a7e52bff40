"""Executes a graph from its beginning, or from where an earlier attempt has kept its state, to its end."""

import asyncio
import random
from collections.abc import Coroutine, Mapping
from typing import Any, TypeAlias

from switchyard.orchestrator.v1.graph_pb2 import Graph
from workers.workflow.checkpoint import Checkpoints, CheckpointUseless
from workers.workflow.errors import Stopped, Timeout, WorkflowError
from workers.workflow.execution import Execution
from workers.workflow.graph_index import GraphIndex
from workers.workflow.host import Host
from workers.workflow.limits import Limits
from workers.workflow.nodes import NODE_TYPES
from workers.workflow.registry import Registry
from workers.workflow.result import End, end_of
from workers.workflow.run import Run
from workers.workflow.way import go_all, go_on

# An execution, and what goes its ways.
Begun: TypeAlias = tuple[Execution, Coroutine[Any, Any, None]]


async def run_graph(
    graph: Graph,
    variables: Mapping[str, Any],
    host: Host,
    *,
    types: Registry = NODE_TYPES,
    limits: Limits | None = None,
    chance: random.Random | None = None,
) -> End:
    """Execute `graph` and tell how it ended; what goes wrong in the run is in the answer, not raised.

    `variables` are laid over those of the graph. Where the graph resumes and `host` has a checkpoint of it, the run
    goes on from there, with the variables it had.
    """
    run = Run(host, types, limits or Limits(), chance or random.Random())  # noqa: S311
    try:
        index = GraphIndex(graph, types)
        execution, ways = _resumed(run, index, graph) or _begun(run, index, graph, variables)
    except WorkflowError as refusal:
        return end_of(refusal, run.executions.count, {}, {}, run.redaction, run.limits)
    error = await _until_end_or_stop(execution, ways)
    run = execution.run
    await run.close(failed=error is not None)
    run.executions.flush()
    if error is None:
        host.progress(1.0, "done")
    scope = execution.scope
    return end_of(error, run.executions.count, scope.variables, execution.outputs(), run.redaction, run.limits)


def _begun(run: Run, index: GraphIndex, graph: Graph, variables: Mapping[str, Any]) -> Begun:
    """Return an execution at its beginning. Raises WorkflowError."""
    execution = Execution(run, index, run.host.secrets)
    execution.keeper = Checkpoints(graph) if index.resume else None
    execution.set_variables(variables)
    return execution, go_all(execution)


def _resumed(run: Run, index: GraphIndex, graph: Graph) -> Begun | None:
    """Return an execution where an earlier attempt has kept its state, None where there is no such state."""
    if not index.resume or not run.host.checkpoint:
        return None
    # Of its own, so that nothing is left of a state that turns out to be of no use.
    again = Run(run.host, run.types, run.limits, run.random)
    execution = Execution(again, index, run.host.secrets)
    execution.keeper = checkpoints = Checkpoints(graph)
    try:
        way, place = checkpoints.take_up(execution, run.host.checkpoint)
    except CheckpointUseless as useless:
        run.host.log("warning", f"The run begins anew: what an earlier attempt has kept is no use, {useless}.")
        return None
    run.host.resumed()
    run.host.log("info", f"The run goes on where an earlier attempt has left it, behind step {again.steps:,}.")
    return execution, go_on(execution, way, place)


async def _until_end_or_stop(execution: Execution, ways: Coroutine[Any, Any, None]) -> WorkflowError | None:
    cancelled = execution.run.host.cancelled
    work = asyncio.create_task(ways)
    stop = asyncio.create_task(cancelled.wait())
    try:
        if not cancelled.is_set():
            seconds = execution.index.timeout_seconds
            await asyncio.wait({work, stop}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        work.cancel()
        stop.cancel()
        await asyncio.wait({work, stop})
    if work.cancelled():
        if cancelled.is_set():
            return Stopped("the run was stopped")
        return Timeout(f"the run took more than {execution.index.timeout_seconds:g} seconds")
    error = work.exception()
    if error is not None and not isinstance(error, WorkflowError):
        raise error  # a fault of ours, not of the run
    return error
