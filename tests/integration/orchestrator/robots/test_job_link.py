"""What workers and robots ask for their runs, over a real link to a real server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from server.tasks import artifacts
from switchyard.orchestrator.v1.job_pb2 import NodeExecution
from switchyard.orchestrator.v1.robot_pb2 import Assignment
from tests.integration.orchestrator.robots.fleet import Fleet
from workers.job_link import JobLink
from workers.job_server import JobServerRefused
from workers.server_link import LeaseLost, ServerLink

NODES = {"nodes": [{"id": "log", "type": "LogNode"}], "connections": []}


@dataclass
class Held:
    """A job in the hands of the robot r1, and what was said of it."""

    fleet: Fleet
    job: Assignment
    folder: Path
    lines: list[tuple[str, str]] = field(default_factory=list)

    def link(self, link: ServerLink) -> JobLink:
        return JobLink(
            link,
            robot_id="r1",
            job_id=self.job.job_id,
            fencing_token=self.job.fencing_token,
            folder=self.folder,
            log=lambda level, text, _micros: self.lines.append((level, text)),
            browser=None,
        )

    async def artifacts(self) -> list[tuple[str, int]]:
        rows = await self.fleet.site.database.read(
            lambda connection: artifacts.list_artifacts(connection, self.job.job_id)
        )
        return [(row.name, row.size_bytes) for row in rows]


@pytest.fixture
async def held(fleet: Fleet, tmp_path: Path) -> Held:
    await fleet.store_workflow(NODES | {"settings": {"resume": True}}, workflow_id="w1")
    await fleet.register()
    await fleet.queue(workflow_id="w1")
    folder = tmp_path / "files"
    folder.mkdir()
    return Held(fleet, await fleet.claimed(), folder)


@pytest.fixture
async def server(held: Held) -> AsyncIterator[JobLink]:
    async with ServerLink(held.fleet.site.address, held.fleet.site.credentials.worker_token) as link:
        yield held.link(link)


async def test_a_run_is_told_where_a_url_leads(server: JobLink) -> None:
    assert await server.resolve("http://127.0.0.1/") == ["127.0.0.1"]


async def test_a_run_finds_another_workflow(held: Held, server: JobLink) -> None:
    await held.fleet.store_workflow(NODES, workflow_id="w2", name="Send it")

    found = await server.workflow("Send it")

    assert (found.workflow_id, [node.id for node in found.graph.nodes], found.secrets) == ("w2", ["log"], {})


async def test_a_no_is_in_the_words_of_the_server(server: JobLink) -> None:
    with pytest.raises(JobServerRefused, match="Workflow not found: nothing"):
        await server.workflow("nothing")
    with pytest.raises(JobServerRefused, match="an address that may not be called"):
        await server.resolve("http://169.254.169.254/")


async def test_what_a_run_keeps_is_there_for_its_next_attempt(held: Held, server: JobLink) -> None:
    await server.keep(b"where it is", [NodeExecution(node_id="log")], before=0)
    await held.fleet.release(held.job)

    again = await held.fleet.claimed()
    assert (again.checkpoint, [one.node_id for one in again.node_executions]) == (b"where it is", ["log"])


async def test_a_file_of_the_run_is_stored(held: Held, server: JobLink) -> None:
    (held.folder / "report.csv").write_bytes(b"x" * 600_000)

    await server.artifact("result", held.folder / "report.csv")

    assert await held.artifacts() == [("report.csv", 600_000)]
    assert held.lines == []


async def test_a_file_that_cannot_be_stored_is_a_warning(held: Held, server: JobLink) -> None:
    (held.folder.parent / "secret.key").write_bytes(b"a key")
    (held.folder / "link").symlink_to(held.folder.parent / "secret.key")
    (held.folder / ".hidden").write_bytes(b"x")
    (held.folder / "folder").mkdir()

    for path in ("../secret.key", "link", ".hidden", "folder", "nothing"):
        await server.artifact("other", held.folder / path)

    assert await held.artifacts() == []
    assert {level for level, _ in held.lines} == {"warning"}
    assert len(held.lines) == 5


async def test_a_job_that_is_lost_is_not_a_no(held: Held, server: JobLink) -> None:
    await held.fleet.complete(held.job)
    (held.folder / "report.csv").write_bytes(b"x")

    for asked in (
        server.resolve("http://127.0.0.1/"),
        server.workflow("w1"),
        server.keep(b"x", [], before=0),
        server.artifact("other", held.folder / "report.csv"),
    ):
        with pytest.raises(LeaseLost):
            await asked
    assert held.lines == []


async def test_nobody_is_told_of_a_browser_without_a_report(server: JobLink) -> None:
    await server.browser_event("navigate", {"url": "about:blank"}, 1)
