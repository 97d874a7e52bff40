"""A host that is shown nothing secret: what nodes, and the browser they share, say of a run goes through here."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from workers.flow.host import ArtifactKind, Level
from workers.workflow.host import Host, Subworkflow
from workers.workflow.redaction import Redaction


class DiscreetHost:
    """Passes everything on to `host`; lines, progress and events of the browser without what `redaction` knows."""

    def __init__(self, host: Host, redaction: Redaction) -> None:
        self._host = host
        self._redaction = redaction
        self.folder = host.folder
        self.params = host.params
        self.cancelled = host.cancelled
        self.chromium_path = host.chromium_path
        self.secrets = host.secrets
        self.checkpoint = host.checkpoint

    def log(self, level: Level, message: str) -> None:
        """Write one line of the run's log."""
        self._host.log(level, self._redaction.text(message))

    def progress(self, fraction: float | None, message: str) -> None:
        """Say how far the run has come."""
        self._host.progress(fraction, self._redaction.text(message))

    def browser_event(self, event_type: str, details: Mapping[str, object]) -> None:
        """Tell something that happened in the browser."""
        self._host.browser_event(event_type, self._redaction.value(details))

    def artifact(self, kind: ArtifactKind, path: Path) -> None:
        """Keep the file at `path`, unless its name, which everybody would see, holds a secret."""
        if self._redaction.text(path.name) != path.name:
            self._host.log("warning", "A file is not kept: its name holds a secret.")
            return
        self._host.artifact(kind, path)

    async def allow_url(self, url: str) -> Sequence[str]:
        """Return the IP addresses at which `url` may be opened. Raises AddressRefused."""
        return await self._host.allow_url(url)

    def now(self) -> datetime:
        """Return the time, aware, UTC."""
        return self._host.now()

    def executed(self, executions: Sequence[Mapping[str, Any]]) -> None:
        """Keep what was executed; `Executions` has taken the secrets out."""
        self._host.executed(executions)

    def resumed(self) -> None:
        """Take what was executed up to `checkpoint` for a part of this run."""
        self._host.resumed()

    async def keep(self, checkpoint: bytes) -> None:
        """Return when `checkpoint` is kept. Raises NodeFailed."""
        await self._host.keep(checkpoint)

    async def workflow(self, name: str) -> Subworkflow:
        """Return the workflow with this id or name. Raises NodeFailed."""
        return await self._host.workflow(name)
