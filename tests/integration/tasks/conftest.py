"""A kernel over a database of each kind."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from server.clock import now_micros
from server.database.database import Database, open_database
from server.tasks.artifacts import ArtifactFiles
from server.tasks.kernel import Kernel
from server.tasks.log_hub import LogHub
from switchyard.tasks.v1 import task_service_pb2_grpc, worker_service_pb2_grpc
from tests.integration.database.databases import USUAL_DIALECT, database_url
from tests.integration.tasks.parts import HandClock, NoteQueue
from tests.integration.tasks.served import System, served


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    opened = await open_database(database_url(request.param, tmp_path))
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def queue() -> NoteQueue:
    return NoteQueue()


@pytest.fixture
def kernel(database: Database, queue: NoteQueue, clock: HandClock) -> Kernel:
    return Kernel(database, queue, clock, {})


@pytest.fixture
def hub(database: Database, kernel: Kernel) -> LogHub:
    return LogHub(database, kernel.changes, pace_seconds=0.005, look_seconds=0.2)


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    database = await open_database(database_url(USUAL_DIALECT, tmp_path))
    kernel = Kernel(database, NoteQueue(), now_micros, {})
    files = ArtifactFiles(tmp_path, database, now_micros)
    hub = LogHub(database, kernel.changes)
    async with served(kernel, database, hub, files) as channel:
        yield System(
            kernel=kernel,
            database=database,
            files=files,
            folder=tmp_path / "artifacts",
            worker=worker_service_pb2_grpc.WorkerServiceStub(channel),
            tasks=task_service_pb2_grpc.TaskServiceStub(channel),
        )
    await database.close()
