"""What a graph needs from whoever runs it: a place to report to, a folder, a permission, a way to be stopped."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol

Level = Literal["debug", "info", "warning", "error"]
ArtifactKind = Literal["screenshot", "trace", "download", "result", "other"]


class Host(Protocol):
    """The world outside a run. `workers.runner` talks to the server here; tests keep lists."""

    @property
    def folder(self) -> Path:
        """The job folder, laid out like the instance's: config.yaml, secrets/, inputs/, state/. Ours to write in."""

    @property
    def params(self) -> Mapping[str, object]:
        """What the run was started with; laid over `params` of config.yaml."""

    @property
    def cancelled(self) -> asyncio.Event:
        """Set when the run is to stop."""

    @property
    def chromium_path(self) -> str | None:
        """The browser to start. None means the one Playwright installed."""

    def log(self, level: Level, message: str) -> None:
        """Write one line of the run's log."""

    def progress(self, fraction: float | None, message: str) -> None:
        """Say how far the run has come: 0 to 1, or None when that cannot be told."""

    def artifact(self, kind: ArtifactKind, path: Path) -> None:
        """Keep the file at `path`, which lies in the job folder and is complete."""

    def browser_event(self, event_type: str, details: Mapping[str, object]) -> None:
        """Tell something that happened in the browser, in the words of telemetry: navigation, page_load, click, type,
        screenshot, error. `details` is plain JSON, and never holds what was typed.
        """

    async def allow_url(self, url: str) -> Sequence[str]:
        """Return the IP addresses at which `url` (http or https) may be opened.

        Raises:
            AddressRefused: it may not.
        """
