"""A graph that a node executes: within the same run, its limits and its list of executions."""

import asyncio
from collections.abc import Mapping
from typing import Any

from switchyard.orchestrator.v1.graph_pb2 import Graph
from workers.workflow.errors import NodeFailed
from workers.workflow.execution import Execution
from workers.workflow.graph_index import GraphIndex
from workers.workflow.step import Step
from workers.workflow.way import go_all


async def execute_within(
    step: Step, graph: Graph, variables: Mapping[str, Any], secrets: Mapping[str, str]
) -> Execution:
    """Execute `graph` for the node of `step` and return its execution, which is done.

    It sees `secrets` and its own variables, `variables` laid over those of the graph, and nothing of what is around it.

    Raises:
        WorkflowError: it ended early; the path of the node to blame begins with the node of `step`.
    """
    outer = step.execution
    index = GraphIndex(graph, outer.run.types, f"{step.node.path}/")
    execution = Execution(outer.run, index, secrets, outer)
    try:
        execution.set_variables(variables)
        async with asyncio.timeout(index.timeout_seconds) as allowed:
            await go_all(execution)
    except TimeoutError as error:
        if not allowed.expired():
            raise
        raise NodeFailed(f"it took more than {index.timeout_seconds:g} seconds", error_type="Timeout") from error
    finally:
        execution.forget()
    return execution
