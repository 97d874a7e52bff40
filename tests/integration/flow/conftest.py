"""Job folders, a host that keeps what it is told, the demo feed on a free port of loopback."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from workers.demo.server import create_app
from workers.flow import AddressRefused, Outcome, compile_bot, load_catalog, run_graph
from workers.flow.host import ArtifactKind, Level


def chromium_path() -> str | None:
    return shutil.which("chromium") or shutil.which("google-chrome")


@dataclass
class ListeningHost:
    """A host that keeps everything, and allows loopback addresses only."""

    folder: Path
    params: Mapping[str, object] = field(default_factory=dict)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    chromium_path: str | None = field(default_factory=chromium_path)
    lines: list[tuple[str, str]] = field(default_factory=list)
    reports: list[tuple[float | None, str]] = field(default_factory=list)
    artifacts: list[tuple[str, Path]] = field(default_factory=list)
    events: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def log(self, level: Level, message: str) -> None:
        self.lines.append((level, message))

    def progress(self, fraction: float | None, message: str) -> None:
        self.reports.append((fraction, message))

    def artifact(self, kind: ArtifactKind, path: Path) -> None:
        assert path.is_file()
        assert path.is_relative_to(self.folder.resolve())
        self.artifacts.append((kind, path))

    def browser_event(self, event_type: str, details: Mapping[str, object]) -> None:
        self.events.append((event_type, details))

    async def allow_url(self, url: str) -> list[str]:
        self.asked.append(url)
        if not url.startswith("http://127.0.0.1:"):
            raise AddressRefused(f"{url} is not allowed")
        return ["127.0.0.1"]

    @property
    def log_text(self) -> str:
        return "\n".join(message for _, message in self.lines)

    def kept(self, kind: str) -> list[str]:
        return [path.name for found, path in self.artifacts if found == kind]

    def result(self) -> dict[str, object]:
        [path] = [path for kind, path in self.artifacts if kind == "result"]
        document: dict[str, object] = json.loads(path.read_text())
        return document


@dataclass
class Workshop:
    """Makes job folders and runs bots in them."""

    folder: Path

    def write(self, name: str, content: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def host(self, **params: object) -> ListeningHost:
        return ListeningHost(self.folder, params)

    async def run(self, config: Mapping[str, object], host: ListeningHost) -> Outcome:
        whole = {"bot_code": "noop", "headless": True, "timezone": "Europe/Amsterdam", **config}
        self.write("config.yaml", yaml.safe_dump(whole))
        return await run_graph(compile_bot(whole, str(whole["bot_code"]), load_catalog()), host)

    async def run_steps(self, steps: list[object], host: ListeningHost, **config: object) -> Outcome:
        return await self.run({"phases": [{"name": "main", "steps": steps}], **config}, host)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    (tmp_path / "inputs" / "media").mkdir(parents=True)
    return Workshop(tmp_path)


@pytest.fixture
async def feed() -> AsyncIterator[str]:
    """Address of a demo feed, without a slash at its end."""
    runner = web.AppRunner(create_app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()
