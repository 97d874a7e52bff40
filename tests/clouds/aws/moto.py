"""moto's server as a process of its own."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import aiohttp

from tests.patience import PATIENCE
from tests.ports import free_port


@contextlib.asynccontextmanager
async def moto() -> AsyncIterator[str]:
    """Start moto on a free port; yields its address once it answers."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port), stdout=-3, stderr=-3
    )
    try:
        address = f"http://127.0.0.1:{port}"
        await _wait_for(address)
        yield address
    finally:
        process.kill()
        await process.wait()


async def hold_tasks(address: str) -> None:
    """Let tasks of ECS keep their state until someone changes it; by itself moto moves them on at each look."""
    transition = {"model_name": "ecs::task", "transition": {"progression": "manual", "times": 1_000_000}}
    url = f"{address}/moto-api/state-manager/set-transition"
    async with aiohttp.ClientSession() as session, session.post(url, json=transition) as answer:
        answer.raise_for_status()


async def _wait_for(address: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await hold_tasks(address)
            except aiohttp.ClientConnectionError:
                await asyncio.sleep(0.05)
