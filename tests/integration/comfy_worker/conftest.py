import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
import pytest_asyncio
from arq.connections import RedisSettings, create_pool

from switchyard.comfy.v1.session_pb2 import Session as SessionMessage
from tests.comfyui.fixtures import comfyui_process, frontend_version, nginx_in_front
from tests.comfyui.frontends import NEWEST, SMALL, frontend
from tests.comfyui.server import ComfyUI
from tests.integration.comfy_worker.board import ComfyBoard, Session, shown
from tests.integration.workers.board import TOKEN, until
from tests.integration.workers.conftest import ROOT, is_spare, redis_socket
from tests.patience import PATIENCE
from tests.ports import free_port
from workers import chromium
from workers.queue import QUEUE_NAME
from workers.runner.messages import SPARE_NAME, ZYGOTE_NAME

__all__ = ["comfyui_process", "frontend_version", "nginx_in_front", "redis_socket"]


class System:
    """A board and one real worker process, whose log is kept."""

    def __init__(self, folder: Path, board: ComfyBoard, worker: asyncio.subprocess.Process, redis_socket: Path) -> None:
        self.folder = folder
        self.board = board
        self.worker = worker
        self._redis_socket = redis_socket

    @property
    def log(self) -> str:
        return (self.folder / "worker.log").read_text(errors="replace")

    @property
    def processes(self) -> list[psutil.Process]:
        """What the worker has started for sessions: all below it but its zygote and a spare process."""
        return [process for process in psutil.Process(self.worker.pid).children(recursive=True) if not _idle(process)]

    @property
    def spares(self) -> int:
        """How many run processes wait for a job. Each has a temporary folder."""
        names = [process.name() for process in psutil.Process(self.worker.pid).children(recursive=True)]
        return names.count(SPARE_NAME)

    @property
    def temporary(self) -> list[Path]:
        return list((self.folder / "tmp").glob("switchyard-run-*")) + list((self.folder / "work").iterdir())

    @property
    def held(self) -> list[Session]:
        """The sessions that the worker has taken and not ended."""
        return [session for session in self.board.sessions.values() if session.held]

    async def start(self, url: str, **plan: object) -> Session:
        """Ask for a session, and return before it is ready."""
        session = self.board.start(url, **plan)
        pool = await create_pool(RedisSettings(unix_socket_path=str(self._redis_socket)))
        await pool.enqueue_job("work_waiting", "comfy_session", _queue_name=QUEUE_NAME)
        await pool.aclose()
        return session

    async def ready(self, url: str, **plan: object) -> Session:
        session = await self.start(url, **plan)
        await session.wait_ready()
        return session

    async def end(self, sessions: list[Session]) -> None:
        for session in sessions:
            self.board.cancel(session.row)
        for session in sessions:
            await session.wait_end()

    async def wait_nothing_left(self) -> None:
        try:
            await until(lambda: not self.processes and len(self.temporary) == self.spares, seconds=PATIENCE)
        except AssertionError:
            raise AssertionError(f"left: {self.processes} {self.temporary}") from None


def _idle(process: psutil.Process) -> bool:
    try:
        return process.name() == ZYGOTE_NAME or process.status() == psutil.STATUS_ZOMBIE or is_spare(process)
    except psutil.NoSuchProcess:
        return True


@pytest.fixture(autouse=True, scope="session")
def _browser() -> None:
    if chromium.find(os.environ) is None:
        pytest.skip("there is no Chromium; run `make setup`")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_system(redis_socket: Path) -> AsyncIterator[System]:
    async with running(redis_socket) as system:
        yield system


@pytest_asyncio.fixture(loop_scope="module")
async def system(shared_system: System) -> AsyncIterator[System]:
    """The worker of the module, which is left as it was found."""
    before, logged = shared_system.held, len(shared_system.log)
    yield shared_system
    print(shared_system.log[logged:])  # noqa: T201, shown when a test fails
    await shared_system.end([session for session in shared_system.held if session not in before])


@pytest_asyncio.fixture(loop_scope="module")
async def mortal_system(redis_socket: Path) -> AsyncIterator[System]:
    """A worker for one test, which may end it."""
    async with running(redis_socket) as system:
        yield system
        print(system.log)  # noqa: T201, shown when a test fails


@asynccontextmanager
async def running(redis_socket: Path) -> AsyncIterator[System]:
    board = ComfyBoard()
    address = f"127.0.0.1:{free_port()}"
    # A short path: browsers keep sockets in it.
    with tempfile.TemporaryDirectory(prefix="sy-comfy-") as name:
        folder = Path(name)
        (folder / "tmp").mkdir()
        async with shown(board, address):
            worker = await launched(folder, address, redis_socket)
            system = System(folder, board, worker, redis_socket)
            try:
                yield system
                if worker.returncode is None:
                    await system.end(system.held)
            finally:
                await ended(worker)


async def launched(folder: Path, address: str, redis_socket: Path) -> asyncio.subprocess.Process:
    with (folder / "worker.log").open("wb") as log:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "workers"),
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": f"{ROOT}:{ROOT / 'generated/python'}",
                "SWITCHYARD_SERVER": address,
                "WORKER_TOKEN": TOKEN,
                "DATA_DIR": str(folder),
                "TMPDIR": str(folder / "tmp"),
                "REDIS_URL": f"unix://{redis_socket}",
            },
            stdout=log,
            stderr=log,
        )


async def ended(worker: asyncio.subprocess.Process) -> None:
    if worker.returncode is None:
        worker.terminate()
        try:
            await asyncio.wait_for(worker.wait(), PATIENCE)
        except TimeoutError:
            worker.kill()
            await worker.wait()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def comfyui(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ComfyUI]:
    """A ComfyUI with its newest front end."""
    async with ComfyUI(tmp_path_factory.mktemp("comfyui"), frontend(NEWEST)) as comfyui:
        yield comfyui


@pytest_asyncio.fixture(loop_scope="module")
async def small_comfyui(tmp_path: Path) -> AsyncIterator[ComfyUI]:
    """A ComfyUI of one test, with the small page: for tests that are not about the page."""
    async with ComfyUI(tmp_path / "comfyui", frontend(SMALL)) as comfyui:
        yield comfyui


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[SessionMessage.MODE_BROWSER, SessionMessage.MODE_API],
    ids=["browser", "api"],
)
async def shared_session(request: pytest.FixtureRequest, shared_system: System, comfyui: ComfyUI) -> Session:
    """A session of each mode at the newest front end, for all tests of the module that do not end it."""
    return await shared_system.ready(
        comfyui.url, mode=request.param, port=free_port(), on_restart=SessionMessage.ON_RESTART_LOSE
    )


@pytest_asyncio.fixture(loop_scope="module")
async def session(system: System, shared_session: Session, comfyui: ComfyUI) -> AsyncIterator[Session]:
    """The session of the module, which has no prompts, at a ComfyUI that has executed nothing yet."""
    comfyui.api.executor.results = {}
    yield shared_session
    await shared_session.end_prompts()
