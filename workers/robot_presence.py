"""Makes a worker known as a robot: it registers, tells how its machine fares, and hears whether it may take jobs."""

import asyncio
import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from typing import Final, NamedTuple

import grpc
import psutil
import structlog

from switchyard.orchestrator.v1 import robot_service_pb2 as pb
from switchyard.orchestrator.v1 import workflow_pb2
from workers.server_link import Refused, ServerLink

# Bounds of the contract.
LONGEST_ID: Final = 64
MOST_JOBS: Final = 100
# A farewell must not hold up the end of the process.
FAREWELL_SECONDS: Final = 1.0
# After the server refused to know us it is asked again this much later.
REFUSED_SECONDS: Final = 10.0

log: Final = structlog.get_logger(__name__)


class Figures(NamedTuple):
    """How the machine fares: use of its processors and memory in percent, and memory this worker uses, in MB."""

    cpu_percent: float
    memory_percent: float
    memory_mb: float


def worker_id(host: str) -> str:
    """Return an id that no other worker has: letters, digits, '_' and '-', at most 64 of them."""
    end = f"-{os.getpid()}-{secrets.token_hex(4)}"
    return re.sub(r"[^A-Za-z0-9_-]", "-", host)[: LONGEST_ID - len(end)] + end


def figures() -> Figures:
    """Return how the machine has fared since the last call, this worker with the processes below it."""
    own = psutil.Process()
    size = 0
    for process in (own, *own.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            size += process.memory_info().rss
    return Figures(psutil.cpu_percent(), psutil.virtual_memory().percent, size / 1_000_000)


class RobotPresence:
    """Keeps a worker known while `keep` runs. `drained` is told each time whether the worker is to take no jobs."""

    def __init__(
        self, link: ServerLink, *, worker_id: str, host: str, slots: int, drained: Callable[[bool], None]
    ) -> None:
        self._link = link
        self._worker_id = worker_id
        self._host = host
        self._slots = slots
        self._drained = drained

    async def keep(self) -> None:
        """Register, and send a sign of life as often as the server wants, until cancelled."""
        # The first call only begins to measure.
        psutil.cpu_percent()
        while True:
            try:
                pause = await self._register()
                known = await self._beat()
                while known:
                    await asyncio.sleep(pause)
                    known = await self._beat()
            except Refused as refusal:
                log.warning("the server does not take this worker as a robot", code=refusal.code.name)
                await asyncio.sleep(REFUSED_SECONDS)

    async def farewell(self) -> None:
        """Say that this worker ends, if the server can be told at once."""
        request = pb.HeartbeatRequest(robot_id=self._worker_id, stopping=True)
        with suppress(grpc.aio.AioRpcError):
            await self._link.robots.Heartbeat(request, timeout=FAREWELL_SECONDS, metadata=self._link.metadata)

    async def _register(self) -> int:
        """Make this worker known and return how often it is to be heard of, in seconds."""
        request = pb.RegisterRobotRequest(
            robot_id=self._worker_id,
            hostname=self._host,
            version=version("switchyard"),
            execution_modes=[workflow_pb2.EXECUTION_MODE_LAN],
            max_jobs=min(self._slots, MOST_JOBS),
        )
        response = await self._link.call(self._link.robots.RegisterRobot, request)
        self._drained(response.draining)
        return response.heartbeat_seconds

    async def _beat(self) -> bool:
        """Send a sign of life and return whether the server knows us."""
        now = await asyncio.to_thread(figures)
        request = pb.HeartbeatRequest(
            robot_id=self._worker_id,
            cpu_percent=min(now.cpu_percent, 100.0),
            memory_percent=min(now.memory_percent, 100.0),
            memory_mb=now.memory_mb,
        )
        try:
            response = await self._link.call(self._link.robots.Heartbeat, request)
        except Refused as refusal:
            if refusal.code != grpc.StatusCode.NOT_FOUND:
                raise
            return False
        self._drained(response.draining)
        return True
