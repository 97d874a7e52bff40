"""Ten thousand robots that say every ten seconds that they are there: what that costs the server."""

import asyncio
import tempfile
import time
from pathlib import Path

import grpc
import psutil
import uvloop

from benchmarks.orchestrator import SETTINGS, WORKER
from benchmarks.result import Row
from switchyard.orchestrator.v1 import robot_service_pb2 as pb
from switchyard.orchestrator.v1 import robot_service_pb2_grpc
from tests.end_to_end.system import System

ROBOTS, EVERY, SECONDS = 10_000, 10.0, 20.0
CONNECTIONS, SHARE = 20, 30.0


def run() -> list[Row]:
    """Register them all, then let them beat."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder), SETTINGS) as system:
        system.start_server()
        process = psutil.Process(system.processes["server"].pid)
        share = uvloop.run(measured(system, process))
    row = Row(
        "10,000 robots, a heartbeat each 10 s, CPU of the server",
        "< 30 % of a core",
        f"{share:.0f} % of a core",
        share < SHARE,
    )
    return [row]


async def measured(system: System, server: psutil.Process) -> float:
    """Percent of a core the server takes while the robots beat."""
    channels = [grpc.aio.insecure_channel(f"127.0.0.1:{system.grpc_port}", _apart(n)) for n in range(CONNECTIONS)]
    stubs = [robot_service_pb2_grpc.RobotServiceStub(channel) for channel in channels]
    for first in range(0, ROBOTS, 200):
        await asyncio.gather(*(register(stubs[n % CONNECTIONS], n) for n in range(first, first + 200)))
    beats = [asyncio.create_task(beat(stubs[n % CONNECTIONS], n)) for n in range(ROBOTS)]
    await asyncio.sleep(EVERY)
    before, started = server.cpu_times(), time.perf_counter()
    await asyncio.sleep(SECONDS)
    after, elapsed = server.cpu_times(), time.perf_counter() - started
    assert not any(task.done() for task in beats), "a robot has given up"
    for task in beats:
        task.cancel()
    # A call that is cut off ends as cancelled in gRPC's words, not in asyncio's.
    await asyncio.gather(*beats, return_exceptions=True)
    for channel in channels:
        await channel.close(None)
    return 100 * (after.user + after.system - before.user - before.system) / elapsed


def _apart(number: int) -> tuple[tuple[str, int], ...]:
    """Options that keep channels from sharing one connection."""
    return (("bench.channel", number), ("grpc.use_local_subchannel_pool", 1))


async def register(stub: "robot_service_pb2_grpc.RobotServiceAsyncStub", number: int) -> None:
    """Make one robot known."""
    await stub.RegisterRobot(pb.RegisterRobotRequest(robot_id=f"r{number}", hostname="bench"), metadata=WORKER)


async def beat(stub: "robot_service_pb2_grpc.RobotServiceAsyncStub", number: int) -> None:
    """Beat until cancelled, each robot at a moment of its own."""
    await asyncio.sleep(EVERY * number / ROBOTS)
    request = pb.HeartbeatRequest(robot_id=f"r{number}", cpu_percent=12.5, memory_mb=512.0, memory_percent=25.0)
    while True:
        due = time.perf_counter() + EVERY
        await stub.Heartbeat(request, metadata=WORKER)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
