"""Workflows as tests draw them, in every dialect, and a host that keeps what it is told."""

import asyncio
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from server.orchestrator.workflows.dialects.canonical import canonical_graph
from switchyard.orchestrator.v1.graph_pb2 import Graph
from workers.flow.errors import AddressRefused
from workers.flow.host import ArtifactKind, Level
from workers.workflow import Registry, run_graph
from workers.workflow.errors import NodeFailed
from workers.workflow.host import Subworkflow
from workers.workflow.limits import Limits
from workers.workflow.nodes import NODE_TYPES
from workers.workflow.result import End

NOON: Final = datetime(2026, 1, 15, 12, 0, 5, tzinfo=UTC)

# A node: its id, its type without "Node", its configuration.
Drawn = tuple[str, str, Mapping[str, Any]]


@dataclass
class Workflow:
    """Nodes, and edges such as "a > b", "choice.true > c" or "a.result > b.value"."""

    nodes: Sequence[Drawn]
    edges: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)

    def connections(self) -> list[tuple[str, str, str, str]]:
        """Return the ends of each edge: node and port, node and port."""
        found = []
        for edge in filter(None, (line.strip() for line in self.edges.replace("\n", ";").split(";"))):
            ends = [end.strip() for end in edge.split(">")]
            for place, (source, target) in enumerate(pairwise(ends)):
                source_node, _, source_port = source.partition(".")
                target_node, _, target_port = target.partition(".")
                # The port of one in the middle is that by which it is entered.
                left_by = source_port if place == 0 else ""
                found.append((source_node, left_by or "exec_out", target_node, target_port or "exec_in"))
        return found


def as_dict(workflow: Workflow) -> dict[str, Any]:
    """Write it with nodes by id."""
    return {
        "nodes": {
            node_id: {"node_id": node_id, "node_type": f"{kind}Node", "config": config, "position": [0, 0]}
            for node_id, kind, config in workflow.nodes
        },
        "connections": [
            {"source_node": a, "source_port": b, "target_node": c, "target_port": d}
            for a, b, c, d in workflow.connections()
        ],
        "variables": workflow.variables,
        "settings": workflow.settings,
    }


def as_list(workflow: Workflow) -> dict[str, Any]:
    """Write it with nodes in a list and connections as pairs."""
    return {
        "nodes": [
            {"id": node_id, "type": f"{kind}Node", "properties": config} for node_id, kind, config in workflow.nodes
        ],
        "connections": [{"out": [a, b], "in": [c, d]} for a, b, c, d in workflow.connections()],
        "variables": {name: {"name": name, "value": value} for name, value in workflow.variables.items()},
        "settings": workflow.settings,
    }


def as_template(workflow: Workflow) -> dict[str, Any]:
    """Write it as a template does."""
    return {
        "id": "a-template",
        "base_workflow": {
            **as_dict(workflow),
            "connections": [
                {"from_node": a, "from_port": b, "to_node": c, "to_port": d} for a, b, c, d in workflow.connections()
            ],
        },
    }


DIALECTS: Final = {"dict": as_dict, "list": as_list, "template": as_template}


class ListHost:
    """A `workers.workflow.Host` that keeps what it is told; the addresses of `network` alone may be called."""

    params: Mapping[str, object] = {}
    chromium_path: str | None = None

    def __init__(
        self,
        folder: Path = Path("/nonexistent"),
        *,
        secrets: Mapping[str, str] | None = None,
        workflows: Mapping[str, Graph] | None = None,
        checkpoint: bytes = b"",
        network: Sequence[str] = (),
    ) -> None:
        self.folder = folder
        self.secrets = secrets or {}
        self.workflows = workflows or {}
        self.checkpoint = checkpoint
        self.network = network
        self.kept: list[bytes] = []
        self.went_on = False
        self.artifacts: list[tuple[ArtifactKind, Path]] = []
        self.events: list[tuple[str, Mapping[str, object]]] = []
        self.cancelled = asyncio.Event()
        self.lines: list[tuple[Level, str]] = []
        self.executions: list[Mapping[str, Any]] = []
        self.places: list[tuple[float | None, str]] = []

    def now(self) -> datetime:
        return NOON

    def log(self, level: Level, message: str) -> None:
        self.lines.append((level, message))

    def progress(self, fraction: float | None, message: str) -> None:
        self.places.append((fraction, message))

    def executed(self, executions: Sequence[Mapping[str, Any]]) -> None:
        self.executions += executions

    def artifact(self, kind: ArtifactKind, path: Path) -> None:
        self.artifacts.append((kind, path))

    def browser_event(self, event_type: str, details: Mapping[str, object]) -> None:
        self.events.append((event_type, details))

    async def allow_url(self, url: str) -> Sequence[str]:
        address = urlsplit(url).hostname or ""
        if address not in self.network:
            raise AddressRefused(f"url must not lead to {address}, an address that may not be called")
        return [address]

    def resumed(self) -> None:
        self.went_on = True

    async def keep(self, checkpoint: bytes) -> None:
        self.kept.append(checkpoint)

    async def workflow(self, name: str) -> Subworkflow:
        if name not in self.workflows:
            raise NodeFailed(f"there is no workflow {name!r}")
        return Subworkflow(name, self.workflows[name], self.secrets)


@dataclass
class Run:
    """A run that has ended."""

    end: End
    host: ListHost

    @property
    def error(self) -> str:
        """The sentence of the error, empty for a success."""
        return "" if self.end.error is None else str(self.end.error)

    @property
    def error_type(self) -> str:
        return "" if self.end.error is None else self.end.error.error_type

    @property
    def variables(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.end.variables)
        return found

    @property
    def outputs(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.end.outputs)
        return found

    @property
    def said(self) -> list[str]:
        """What nodes wrote into the log."""
        return [line for level, line in self.host.lines if level == "info"]

    @property
    def warned(self) -> list[str]:
        return [line for level, line in self.host.lines if level in ("warning", "error")]

    @property
    def visited(self) -> list[str]:
        return [str(execution["node_id"]) for execution in self.host.executions]


def run(
    workflow: Workflow | Graph,
    variables: Mapping[str, Any] | None = None,
    *,
    types: Registry = NODE_TYPES,
    limits: Limits | None = None,
    host: ListHost | None = None,
) -> Run:
    """Run a workflow to its end."""
    graph = workflow if isinstance(workflow, Graph) else canonical_graph(as_dict(workflow))
    host = host or ListHost()

    async def work() -> Run:
        chance = random.Random(1)
        return Run(await run_graph(graph, variables or {}, host, types=types, limits=limits, chance=chance), host)

    return asyncio.run(work())
