import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.integration.workers.conftest import ROOT
from workers.environments.local.provider import LocalProvider
from workers.environments.provider import Made, Plan
from workers.environments.providers import Surroundings

# An editor that starts at once: it shows the files of the workspace.
SMALL_EDITOR = (sys.executable, "-m", "http.server", "{port}", "--bind", "{host}")
PASSWORD = "open-sesame-7391"
SECRETS: Mapping[str, str] = {
    "CODE_SERVER_PASSWORD": PASSWORD,
    "GITHUB_TOKEN": "ghp_0123456789abcdef",
    "GIT_USER_NAME": "Ada",
    "GIT_USER_EMAIL": "ada@example.com",
    "SSH_PUBLIC_KEY": "ssh-ed25519 AAAAC3 ada@example.com",
    "ANTHROPIC_API_KEY": "sk-ant-0123456789",
}


class Machine:
    """A data folder, and environments in it. Each call is made by a worker of its own, as after a restart."""

    def __init__(self, data_dir: Path, editor: Sequence[str] = SMALL_EDITOR) -> None:
        self.data_dir = data_dir
        self.editor = editor
        self.steps: list[str] = []

    @asynccontextmanager
    async def provider(self) -> AsyncIterator[LocalProvider]:
        provider = LocalProvider(Surroundings({}, self.data_dir, self.data_dir / "work", self.editor, None))
        try:
            yield provider
        finally:
            await provider.close()

    async def create(self, environment_id: str, **changes: object) -> Made:
        async with self.provider() as provider:
            return await provider.create(plan(environment_id, **changes), self.step)

    async def stop(self, environment_id: str) -> None:
        async with self.provider() as provider:
            await provider.stop(environment_id, "eastus", self.step)

    async def delete(self, environment_id: str) -> None:
        async with self.provider() as provider:
            await provider.delete(environment_id, "eastus", self.step)

    async def exec(self, environment_id: str, *arguments: str) -> tuple[int | None, list[str]]:
        lines: list[str] = []
        async with self.provider() as provider:
            return await provider.exec(environment_id, "eastus", arguments, lines.append), lines

    async def standing(self, environment_id: str) -> int | None:
        async with self.provider() as provider:
            found = await provider.describe(environment_id, "eastus")
            return None if found is None else found.standing

    async def log(self, environment_id: str) -> list[str]:
        lines: list[str] = []
        async with self.provider() as provider:
            await provider.logs(environment_id, "eastus", lines.append, tail=1000, follow=False)
        return lines

    def folder(self, environment_id: str) -> Path:
        return self.data_dir / "environments" / environment_id

    def processes(self, environment_id: str) -> list[psutil.Process]:
        """All that belongs to an environment: its holder, and what was started in it."""
        found = []
        for process in psutil.process_iter():
            try:
                own = process.environ().get("ENVIRONMENT_ID") == environment_id
                if own and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def step(self, name: str, fraction: float) -> None:
        self.steps.append(name)


def plan(environment_id: str, **changes: object) -> Plan:
    values: dict[str, object] = {
        "environment_id": environment_id,
        "user_id": "ada",
        "name": "ada's",
        "region": "eastus",
        "image": "image",
        "cpu_cores": 1,
        "memory_gb": 1,
        "storage_gb": 10,
        "ports": {"web": 3000},
        "startup_script": "",
        "secrets": SECRETS,
        "variables": {"ENVIRONMENT_ID": environment_id},
    }
    return Plan(**{**values, **changes})  # type: ignore[arg-type]


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code < 500
    except httpx.TransportError:
        return False


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """The machine of one module; nothing is left on it."""
    # Not below /tmp, which every environment has for itself: that would hide it anyway.
    (ROOT / ".cache").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="test-", dir=ROOT / ".cache") as folder:
        machine = Machine(Path(folder) / "data")
        machine.data_dir.mkdir()
        (machine.data_dir / "credentials.env").write_text("API_KEY=the-key-of-all\n")
        try:
            yield machine
        finally:
            asyncio.run(delete_all(machine))


async def delete_all(machine: Machine) -> None:
    for folder in (machine.data_dir / "environments").glob("*"):
        await machine.delete(folder.name)


@pytest.fixture(scope="module")
def running(machine: Machine) -> str:
    """An environment of the module that runs."""
    asyncio.run(machine.create("env-shared000001", startup_script="echo begun with $GITHUB_TOKEN"))
    return "env-shared000001"
