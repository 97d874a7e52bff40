"""What the run process of a workflow executes: the graph that the worker has laid into the folder."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from switchyard.orchestrator.v1.graph_pb2 import Graph
from workers.flow.outcome import Outcome
from workers.runner.messages import CHECKPOINT, CHECKPOINT_FILE, GRAPH_FILE, WORKFLOW
from workers.runner.run_process import QuestionRefused, RunHost
from workers.workflow import run_graph
from workers.workflow.errors import NodeFailed, Stopped
from workers.workflow.host import Subworkflow
from workers.workflow.nodes import NODE_TYPES, http_exchange
from workers.workflow.result import End

# Imported here though nothing of it is used here: the zygote does it once, and no run has to wait for its connections.
__all__ = ["http_exchange", "run_workflow"]

# Entry points are looked for once, by the zygote, for all runs.
_TYPES: Final = NODE_TYPES.with_installed()


async def run_workflow(host: RunHost) -> Outcome:
    """Run the graph in the folder of `host`; `params` are its variables."""
    graph = Graph.FromString(_taken(host.folder / GRAPH_FILE))
    end = await run_graph(graph, host.params, _WorkflowHost(host), types=_TYPES)
    host.tell("values", [end.variables, end.outputs])
    if end.error is not None and not isinstance(end.error, Stopped):
        host.log("error", f"{end.error.error_type}: {end.error}")
    return _outcome(end)


def _outcome(end: End) -> Outcome:
    error = end.error
    if error is None:
        return Outcome("succeeded", end.steps, {})
    return Outcome(
        state="cancelled" if isinstance(error, Stopped) else "failed",
        steps_finished=end.steps,
        outputs={},
        error_type=error.error_type,
        error_message=str(error),
        node_id=error.node_id,
        retryable=error.retryable,
    )


class _WorkflowHost:
    """The `workers.workflow.Host` of one run."""

    def __init__(self, host: RunHost) -> None:
        self._host = host
        self.folder = host.folder
        self.params = host.params
        self.chromium_path = host.chromium_path
        self.cancelled = host.cancelled
        self.secrets: Mapping[str, str] = host.job["secrets"]
        self.checkpoint = _taken(host.folder / CHECKPOINT_FILE)
        self.log = host.log
        self.progress = host.progress
        self.artifact = host.artifact
        self.browser_event = host.browser_event
        self.allow_url = host.allow_url

    def now(self) -> datetime:
        return datetime.now(UTC)

    def executed(self, executions: Sequence[Mapping[str, Any]]) -> None:
        self._host.tell("executed", executions)

    def resumed(self) -> None:
        self._host.tell("resumed", None)

    async def keep(self, checkpoint: bytes) -> None:
        await asyncio.to_thread((self.folder / CHECKPOINT_FILE).write_bytes, checkpoint)
        await self._ask(CHECKPOINT, None)

    async def workflow(self, name: str) -> Subworkflow:
        workflow_id, graph, secrets = await self._ask(WORKFLOW, name)
        return Subworkflow(workflow_id, Graph.FromString(base64.b64decode(graph)), secrets)

    async def _ask(self, name: str, value: object) -> Any:
        try:
            return await self._host.ask(name, value)
        except QuestionRefused as refusal:
            raise NodeFailed(str(refusal)) from refusal


def _taken(path: Path) -> bytes:
    """Return what lies at `path`, and take it away: it is none of the workflow's business."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    finally:
        path.unlink(missing_ok=True)
