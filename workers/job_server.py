"""What a run of a workflow asks of the server while it goes on, whoever holds its job."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from switchyard.orchestrator.v1.job_pb2 import NodeExecution
from workers.workflow.host import Subworkflow


class JobServerRefused(Exception):
    """The answer is no, in words for whoever drew the workflow."""


class JobServer(Protocol):
    """The server, for one job. What is lost with the job itself (its lease) is raised as it comes."""

    async def resolve(self, url: str) -> Sequence[str]:
        """Return the IP addresses at which `url` may be called. Raises JobServerRefused."""

    async def workflow(self, name: str) -> Subworkflow:
        """Return the newest version of the workflow with this id or name. Raises JobServerRefused."""

    async def keep(self, checkpoint: bytes, executed: Sequence[NodeExecution], *, before: int) -> None:
        """Store where the run is, for a next attempt, and what was executed behind the first `before` executions.

        Raises:
            JobServerRefused: nothing is stored.
        """

    async def artifact(self, kind: str, path: Path) -> None:
        """Store a file of the run; one that cannot be stored is a line in the log."""

    async def browser_event(self, event_type: str, details: Mapping[str, object], micros: int) -> None:
        """Tell what happened in the browser of the run, and when, in micros since the epoch."""
