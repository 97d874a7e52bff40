"""Environments are followed: as they stand, after each change and each step, until they are gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
import sqlalchemy as sa

from server.environments import watching
from server.environments.tables import ENVIRONMENTS
from switchyard.environments.v1 import environment_service_pb2 as pb
from switchyard.environments.v1.environment_pb2 import Environment
from tests.integration.environments.serving import PATH, Worker, create
from tests.integration.orchestrator.serving import Site, refused

# Longer than any test: whoever waits has to be woken.
NEVER = 3600.0


@pytest.fixture
def nobody_looks_by_himself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LOOK_SECONDS", NEVER)


class Reader:
    """Reads a stream of changes."""

    def __init__(self, call: Any) -> None:
        self._call = call

    async def next(self) -> pb.WatchEnvironmentResponse:
        response: pb.WatchEnvironmentResponse = await asyncio.wait_for(self._call.read(), 10)
        assert response is not grpc.aio.EOF, "the stream has ended"  # type: ignore[attr-defined]
        return response

    async def environment(self) -> Environment:
        (environment,) = (await self.next()).environments
        return environment

    async def ended(self) -> bool:
        return (await asyncio.wait_for(self._call.read(), 10)) is grpc.aio.EOF  # type: ignore[attr-defined]


@asynccontextmanager
async def follow(site: Site, environment_id: str) -> AsyncIterator[Reader]:
    stub = site.stub("environments.EnvironmentService")
    call = stub.WatchEnvironment(pb.WatchEnvironmentRequest(id=environment_id), metadata=site.admin)
    yield Reader(call)
    call.cancel()


@pytest.mark.usefixtures("nobody_looks_by_himself")
async def test_each_step_is_told_until_it_is_gone(site: Site, worker: Worker) -> None:
    environment_id = (await create(site.http))["id"]

    async with follow(site, environment_id) as reader:
        waiting = await reader.environment()
        claimed = await worker.take()
        taken = await reader.environment()
        await worker.progress(claimed, "creating the file share", 0.25)
        stepped = await reader.environment()
        await worker.succeed(claimed)
        running = await reader.environment()
        # Nobody waits for its end: a worker would have to come first.
        deleting = asyncio.create_task(site.http.delete(f"{PATH}/{environment_id}"))
        leaving = await reader.environment()
        await worker.succeed(await worker.take())
        # Told of each change in between or not, as it comes; gone is always the last.
        last = await reader.next()
        while last.environments:
            last = await reader.next()
        ended = await reader.ended()

    assert (await deleting).status_code == 200
    assert waiting.status == taken.status == stepped.status == Environment.STATUS_CREATING
    assert waiting.step.name == "waiting for its turn"
    assert (stepped.step.name, stepped.step.fraction) == ("creating the file share", 0.25)
    assert (running.status, running.HasField("step")) == (Environment.STATUS_RUNNING, False)
    assert leaving.status == Environment.STATUS_DELETING
    assert last.gone.id == environment_id
    assert last.gone.see_time.seconds > 0
    assert ended


async def test_what_another_server_changes_is_told_without_a_word_of_it(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    rename = sa.update(ENVIRONMENTS).where(ENVIRONMENTS.c.id == environment_id).values(name="another")

    async with follow(site, environment_id) as reader:
        before = await reader.environment()
        await site.database.write(lambda connection: connection.execute(rename).close())
        after = await reader.environment()

    assert (before.name, after.name) == ("my-dev-environment", "another")


@pytest.mark.usefixtures("nobody_looks_by_himself")
async def test_over_http_it_ends_by_itself(site: Site, worker: Worker) -> None:
    environment_id = await worker.running()
    headers = {"accept": "text/event-stream"}

    watching_it = asyncio.create_task(site.http.get(f"{PATH}/{environment_id}/watch", headers=headers))
    deleting = asyncio.create_task(site.http.delete(f"{PATH}/{environment_id}"))
    await worker.succeed(await worker.take())

    events = (await watching_it).text.strip().split("\n\n")
    assert (await deleting).status_code == 200
    assert events[0].startswith(f'data: {{"id":"{environment_id}"')
    assert events[-1].startswith(f'event: end\ndata: {{"id":"{environment_id}","seeTime":')


async def test_somebody_elses_is_not_there(site: Site, worker: Worker) -> None:
    environment_id = await worker.running(userId="somebody-else")
    stub = site.stub("environments.EnvironmentService")
    metadata = tuple((await site.bearer("operator")).items())

    call = stub.WatchEnvironment(pb.WatchEnvironmentRequest(id=environment_id), metadata=metadata)

    assert (await refused(call.read()))[0] is grpc.StatusCode.NOT_FOUND
