"""Ten thousand robots that say every ten seconds that they are there: what that costs the server, over gRPC and HTTP.

Over gRPC nearly all of it is gRPC's own, whatever is done with a heartbeat.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import grpc
import psutil
import uvloop
from google.protobuf import json_format

from benchmarks.load import HEAD_END, length_of
from benchmarks.orchestrator import SETTINGS, WORKER, WORKER_TOKEN
from benchmarks.result import Row
from switchyard.orchestrator.v1 import robot_service_pb2 as pb
from switchyard.orchestrator.v1 import robot_service_pb2_grpc
from tests.end_to_end.system import System

ROBOTS, EVERY, SECONDS = 10_000, 10.0, 20.0
CONNECTIONS, SHARE = 20, 30.0
FIGURES = pb.HeartbeatRequest(cpu_percent=12.5, memory_mb=512.0, memory_percent=25.0)

# Sends the heartbeat of the robot of that number.
Beat = Callable[[int], Awaitable[None]]
Beats = AbstractAsyncContextManager[Beat]


def run() -> list[Row]:
    """Register them all, then let them beat one way and the other."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder), SETTINGS) as system:
        system.start_server()
        process = psutil.Process(system.processes["server"].pid)
        uvloop.run(register_all(system))
        return [
            row("gRPC", uvloop.run(share_of(process, over_grpc(system)))),
            row("HTTP", uvloop.run(share_of(process, over_http(system)))),
        ]


def row(way: str, share: float) -> Row:
    """The row of one way."""
    what = f"10,000 robots, a heartbeat each 10 s over {way}, CPU of the server"
    return Row(what, "< 30 % of a core", f"{share:.0f} % of a core", share < SHARE)


async def share_of(server: psutil.Process, beats: Beats) -> float:
    """Percent of a core the server takes while the robots beat."""
    async with beats as beat:
        robots = [asyncio.create_task(keep_beating(beat, n)) for n in range(ROBOTS)]
        await asyncio.sleep(EVERY)
        before, started = server.cpu_times(), time.perf_counter()
        await asyncio.sleep(SECONDS)
        after, elapsed = server.cpu_times(), time.perf_counter() - started
        assert not any(task.done() for task in robots), "a robot has given up"
        for task in robots:
            task.cancel()
        # A call that is cut off ends as cancelled in gRPC's words, not in asyncio's.
        await asyncio.gather(*robots, return_exceptions=True)
    return 100 * (after.user + after.system - before.user - before.system) / elapsed


async def keep_beating(beat: Beat, number: int) -> None:
    """Beat until cancelled, each robot at a moment of its own."""
    await asyncio.sleep(EVERY * number / ROBOTS)
    while True:
        due = time.perf_counter() + EVERY
        await beat(number)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))


async def register_all(system: System) -> None:
    """Make every robot known."""
    async with stubs_of(system) as stubs:
        for first in range(0, ROBOTS, 200):
            requests = [pb.RegisterRobotRequest(robot_id=f"r{n}", hostname="bench") for n in range(first, first + 200)]
            await asyncio.gather(*(stubs[0].RegisterRobot(request, metadata=WORKER) for request in requests))


@asynccontextmanager
async def over_grpc(system: System) -> AsyncIterator[Beat]:
    """Robots that share connections of gRPC."""
    async with stubs_of(system) as stubs:

        async def beat(number: int) -> None:
            request = pb.HeartbeatRequest(robot_id=f"r{number}")
            request.MergeFrom(FIGURES)
            await stubs[number % CONNECTIONS].Heartbeat(request, metadata=WORKER)

        yield beat


@asynccontextmanager
async def stubs_of(system: System) -> AsyncIterator[list["robot_service_pb2_grpc.RobotServiceAsyncStub"]]:
    """A stub for each connection."""
    channels = [grpc.aio.insecure_channel(f"127.0.0.1:{system.grpc_port}", _apart(n)) for n in range(CONNECTIONS)]
    yield [robot_service_pb2_grpc.RobotServiceStub(channel) for channel in channels]
    for channel in channels:
        await channel.close(None)


def _apart(number: int) -> tuple[tuple[str, int], ...]:
    """Options that keep channels from sharing one connection."""
    return (("bench.channel", number), ("grpc.use_local_subchannel_pool", 1))


@asynccontextmanager
async def over_http(system: System) -> AsyncIterator[Beat]:
    """Robots that share connections of HTTP, as those of a machine do behind a proxy."""
    streams = [await asyncio.open_connection("127.0.0.1", system.http_port) for _ in range(CONNECTIONS)]
    turns = [asyncio.Lock() for _ in streams]
    body = json_format.MessageToJson(FIGURES, preserving_proto_field_name=True).encode()
    head = f"Host: bench\r\nX-API-Token: {WORKER_TOKEN}\r\nContent-Type: application/json\r\n"
    head += f"Content-Length: {len(body)}\r\n\r\n"

    async def beat(number: int) -> None:
        reader, writer = streams[number % CONNECTIONS]
        async with turns[number % CONNECTIONS]:
            writer.write(f"POST /api/v1/robots/r{number}/heartbeat HTTP/1.1\r\n{head}".encode() + body)
            answer = await reader.readuntil(HEAD_END)
            await reader.readexactly(length_of(answer))
        assert answer.startswith(b"HTTP/1.1 200"), answer

    yield beat
    for _, writer in streams:
        writer.close()
