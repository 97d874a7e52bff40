"""What the workflow engine costs by itself: per node, to load a graph, and in memory over many turns.

The best of several repeats. Time is that of the processor, so that what else the machine does counts less.
"""

import asyncio
import gc
import json
import time
import tracemalloc
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.result import Row
from switchyard.orchestrator.v1.graph_pb2 import Graph, Node
from workers.flow.host import ArtifactKind, Level
from workers.workflow import run_graph
from workers.workflow.graph_index import GraphIndex
from workers.workflow.host import Subworkflow
from workers.workflow.nodes import NODE_TYPES

REPEATS: Final = 7
EXECUTIONS: Final = 10_000
NODES: Final = 1_000
TURNS: Final = 100_000


NODE_MICROS: Final = 50.0
LOAD_MS: Final = 20.0
# A loop is flat if it holds no more than this times what one of a twentieth of its turns holds.
FLAT: Final = 1.5


def run() -> list[Row]:
    """Measure a long loop, a long chain, and what two loops hold."""
    micros, milliseconds = per_node(), load()
    few, many = memory(TURNS // 20), memory(TURNS)
    held = f"{many / 1024:.0f} KiB, and {few / 1024:.0f} KiB in a twentieth of them"
    return [
        Row("Workflow engine, one execution of a node", "<= 50 µs", f"{micros:.1f} µs", micros <= NODE_MICROS),
        Row("Workflow of 1,000 nodes, read and checked", "<= 20 ms", f"{milliseconds:.1f} ms", milliseconds <= LOAD_MS),
        Row("Memory held by a loop of 100,000 turns", "flat", held, many <= few * FLAT),
    ]


class Silent:
    """A host that keeps nothing, of a run that asks nothing of it."""

    folder = Path("/nonexistent")
    params: Mapping[str, object] = {}
    chromium_path: str | None = None
    secrets: Mapping[str, str] = {}
    checkpoint = b""

    def __init__(self) -> None:
        self.cancelled = asyncio.Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def log(self, level: Level, message: str) -> None:
        pass

    def progress(self, fraction: float | None, message: str) -> None:
        pass

    def executed(self, executions: Sequence[Mapping[str, Any]]) -> None:
        pass

    def artifact(self, kind: ArtifactKind, path: Path) -> None:
        raise NotImplementedError

    def browser_event(self, event_type: str, details: Mapping[str, object]) -> None:
        raise NotImplementedError

    async def allow_url(self, url: str) -> Sequence[str]:
        raise NotImplementedError

    def resumed(self) -> None:
        raise NotImplementedError

    async def keep(self, checkpoint: bytes) -> None:
        raise NotImplementedError

    async def workflow(self, name: str) -> Subworkflow:
        raise NotImplementedError


def loop(turns: int) -> Graph:
    """Return a loop whose turns compute, set and decide."""
    return graph(
        [
            ("set", "SetVariableNode", {"variable_name": "i", "value": 0}),
            ("for", "ForLoopStartNode", {"mode": "range", "end": turns}),
            ("add", "MathOperationNode", {"a": "{{i}}", "b": 1, "operation": "add"}),
            ("keep", "SetVariableNode", {"variable_name": "i", "value": "{{add.result}}"}),
            ("if", "IfNode", {"condition": "{{i}} > 3"}),
            ("end", "ForLoopEndNode", {"paired_start_id": "for"}),
        ],
        [("set", "for"), ("for.body", "add"), ("add", "keep"), ("keep", "if"), ("if.true", "end"), ("if.false", "end")],
    )


def chain(length: int) -> Graph:
    """Return nodes one behind the other."""
    nodes = [
        (f"n{i}", "SetVariableNode", {"variable_name": f"v{i % 50}", "value": f"{{{{n{i}}}}}"}) for i in range(length)
    ]
    return graph(nodes, [(f"n{i}", f"n{i + 1}") for i in range(length - 1)])


def graph(nodes: Sequence[tuple[str, str, Mapping[str, Any]]], edges: Sequence[tuple[str, str]]) -> Graph:
    made = Graph(nodes=[Node(id=name, type=kind, config=json.dumps(config)) for name, kind, config in nodes])
    for source, target in edges:
        name, _, port = source.partition(".")
        made.connections.add(
            source_node=name, source_port=port or "exec_out", target_node=target, target_port="exec_in"
        )
    return made


async def execute(made: Graph) -> int:
    end = await run_graph(made, {}, Silent())
    assert end.error is None, end.error
    return end.steps


def per_node() -> float:
    """Microseconds of one execution of a node."""
    made = loop(EXECUTIONS // 5)
    best = float("inf")
    for _ in range(REPEATS):
        begin = time.process_time()
        steps = asyncio.run(execute(made))
        best = min(best, (time.process_time() - begin) / steps)
    return best * 1e6


def load() -> float:
    """Milliseconds to read and check a graph."""
    data = chain(NODES).SerializeToString()
    best = float("inf")
    for _ in range(REPEATS):
        begin = time.process_time()
        GraphIndex(Graph.FromString(data), NODE_TYPES)
        best = min(best, time.process_time() - begin)
    return best * 1e3


def memory(turns: int) -> int:
    """Bytes held at most by a loop, above what was held before."""
    made = loop(turns)
    gc.collect()
    tracemalloc.start()
    asyncio.run(execute(made))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak
