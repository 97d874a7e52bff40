"""What a unary call of `switchyard_client` costs over that of a bare stub: same server, same credential, same deadline.

Counted is the processor time of the thread that calls. The rest of a call is the same for both and waits for the
network and the server, whose share changes by more from one second to the next than there is to be found.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import grpc

from benchmarks.result import Row
from switchyard.bots.v1 import bot_instance_service_pb2 as pb
from switchyard.bots.v1 import bot_instance_service_pb2_grpc as pb_grpc
from switchyard_client import AsyncClient, Client
from tests.ports import free_port

TARGET_MICROS = 20.0
ROUNDS, CALLS = 500, 20
KEY = "a key"
METADATA = (("x-api-key", KEY),)


def run() -> list[Row]:
    """Measure both clients, each in turn with its stub; the best of many short rounds counts."""
    address = f"127.0.0.1:{free_port()}"
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.peers.grpc_answers", address.rpartition(":")[2]])
    try:
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=30)
        waiting = of_sync(address)
        return [row("AsyncClient", *asyncio.run(of_asyncio(address))), row("Client", *waiting)]
    finally:
        server.terminate()
        server.wait()


def row(name: str, bare: float, ours: float) -> Row:
    """Say how they compare; both in microseconds."""
    found = f"{ours - bare:.1f} us ({ours:.0f} us against {bare:.0f} us)"
    return Row(f"{name} over a bare stub, a unary call", "<= 20 us", found, ours - bare <= TARGET_MICROS)


async def of_asyncio(address: str) -> tuple[float, float]:
    """Return the best micros per call of the stub and of the client."""
    async with grpc.aio.insecure_channel(address) as channel, AsyncClient(address, api_key=KEY) as client:
        stub = pb_grpc.BotInstanceServiceStub(channel)

        async def bare() -> object:
            answer = await stub.GetBotInstance(pb.GetBotInstanceRequest(id="bot"), timeout=30.0, metadata=METADATA)
            return answer.bot_instance

        async def ours() -> object:
            return await client.bots.get("bot")

        best = [float("inf"), float("inf")]
        for _ in range(ROUNDS):
            for place, call in enumerate((bare, ours)):
                best[place] = min(best[place], await timed(call))
    return best[0], best[1]


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    """Return the micros of one call, over CALLS of them."""
    began = time.thread_time()
    for _ in range(CALLS):
        await call()
    return (time.thread_time() - began) / CALLS * 1e6


def of_sync(address: str) -> tuple[float, float]:
    """Return the best micros per call of the stub and of the client."""
    with grpc.insecure_channel(address) as channel, Client(address, api_key=KEY) as client:
        stub = pb_grpc.BotInstanceServiceStub(channel)

        def bare() -> object:
            return stub.GetBotInstance(pb.GetBotInstanceRequest(id="bot"), timeout=30.0, metadata=METADATA).bot_instance

        def ours() -> object:
            return client.bots.get("bot")

        best = [float("inf"), float("inf")]
        for _ in range(ROUNDS):
            for place, call in enumerate((bare, ours)):
                began = time.thread_time()
                for _ in range(CALLS):
                    call()
                best[place] = min(best[place], (time.thread_time() - began) / CALLS * 1e6)
    return best[0], best[1]
