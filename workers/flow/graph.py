"""The form everything runs in: nodes, and control edges from a port of one node to another node.

Pure values. Phases of a bot compile into it (`compile.py`); a workflow drawn as a graph is one already.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

# The port a node leaves by unless it names another one.
EXEC_OUT: Final = "exec_out"


@dataclass(frozen=True, slots=True)
class Node:
    """One thing to do. `config` holds its arguments as written, with references not yet replaced."""

    id: str
    type: str
    config: Mapping[str, object]
    # Where its author wrote it: the phase and the number of the step in it, "3" or "3.1". Empty for drawn graphs.
    phase: str = ""
    step: str = ""

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        if self.phase:
            return f"phase {self.phase!r}, step {self.step} ({self.type})"
        return f"node {self.id!r} ({self.type})"


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for the whole run. Paths are relative to the job folder, as written in config.yaml."""

    headless: bool = True
    timezone: str = "UTC"
    locale: str = "en-US"
    viewport: tuple[int, int] = (1280, 800)
    cookies_path: str = "./secrets/storageState.json"
    captions_csv: str = "./inputs/captions.csv"
    media_dir: str = "./inputs/media"
    # Steps a run may take in all, loop turns counted each time. Ends a loop that nobody meant.
    step_limit: int = 100_000
    # The trace of a failed run also holds the page before and after each step. Costs about a quarter of its time.
    trace_snapshots: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes by id, and where each port of a node leads: node id -> port -> node id.

    A block (the body of a loop, the branches of a `try`) leads back to the node that owns it, which then chooses its
    next port. A port without an edge ends the run, unless a block is open: then it is a dead end, which is an error.
    """

    nodes: Mapping[str, Node]
    edges: Mapping[str, Mapping[str, str]]
    # Where to begin. None: there is nothing to do.
    start: str | None
    # The nodes outside of any block in the order they run; progress is counted in them.
    outline: tuple[str, ...] = ()
    settings: Settings = Settings()
    # Values `{{params.x}}` has unless the run is started with others.
    params: Mapping[str, object] = field(default_factory=dict)

    def target(self, node_id: str, port: str) -> str | None:
        """Id of the node that `port` of `node_id` leads to; None when it leads nowhere."""
        return self.edges.get(node_id, {}).get(port)
