"""One run: what it may use, what it has used, and what all graphs that it executes share."""

import random
import time
from collections.abc import Callable
from typing import Any, Final

from workers.workflow.discreet_host import DiscreetHost
from workers.workflow.errors import LimitExceeded
from workers.workflow.executions import Executions
from workers.workflow.graph_index import IndexedNode
from workers.workflow.host import Host
from workers.workflow.limits import Limits
from workers.workflow.redaction import Redaction
from workers.workflow.registry import Registry
from workers.workflow.step import Companion, S

# Progress is told at most this often, and when a node takes its time.
PROGRESS_SECONDS: Final = 0.1
# References that mean nothing are told once each, and no more than this many.
_WARNINGS: Final = 100


class Run:
    """A run of a workflow, with those that it executes within."""

    def __init__(self, host: Host, types: Registry, limits: Limits, chance: random.Random) -> None:
        self.redaction = Redaction()
        self.host: Host = DiscreetHost(host, self.redaction)
        self.types = types
        self.limits = limits
        self.random = chance
        self.executions = Executions(host.executed, self.redaction, limits)
        self.steps = 0
        # Characters of the large values that are held.
        self._held = 0
        self._warned: set[str] = set()
        self._companions: dict[object, Companion] = {}
        self._told = 0.0

    def count(self, node: IndexedNode, fraction: Callable[[], float]) -> int:
        """Count a step, tell where the run is, and return the number of the step. Raises LimitExceeded."""
        self.steps += 1
        if self.steps > self.limits.steps:
            raise LimitExceeded(f"the run takes more than {self.limits.steps:,} steps", node_id=node.path)
        now = time.monotonic()
        if node.waits or now - self._told >= PROGRESS_SECONDS:
            self._told = now
            self.executions.flush()
            self.host.progress(fraction(), f"{node.path} ({node.type_name})")
        return self.steps

    def hold(self, characters: int) -> None:
        """Count large values that are held from now on; fewer than none for those that are let go.

        Raises:
            LimitExceeded: they are too many.
        """
        self._held += characters
        if self._held > self.limits.held_bytes:
            raise LimitExceeded(f"the run holds values of more than {self.limits.held_bytes:,} characters")

    def companion(self, make: Callable[[Host], S]) -> S:
        """Return what `make` makes, the same for the whole run."""
        if make not in self._companions:
            self._companions[make] = make(self.host)
        found: Any = self._companions[make]  # made by the same function
        made: S = found
        return made

    async def close(self, *, failed: bool) -> None:
        """End what nodes have shared, whatever becomes of the others."""
        for companion in reversed(self._companions.values()):
            try:
                await companion.close(failed=failed)
            except Exception as fault:  # noqa: BLE001, the run is over, and its outcome stands
                self.host.log("warning", f"Something of the run did not end well: {fault}.")

    def warn_unknown(self, written: str) -> None:
        """Tell that a reference means nothing."""
        if written not in self._warned and len(self._warned) < _WARNINGS:
            self._warned.add(written)
            self.host.log("warning", f"{written} means nothing here and stays as it is.")
