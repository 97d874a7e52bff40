"""Streams of a client while the server is killed and started again: every line, each once."""

import asyncio
from pathlib import Path

from switchyard_client import AsyncClient, Client
from switchyard_client.aio.bots import RunLogs
from tests.end_to_end.system import System

LINES = 30


async def test_logs_go_on_over_a_killed_server_without_loss_or_repetition(tmp_path: Path) -> None:
    with System(tmp_path) as system:
        await asyncio.to_thread(system.start)
        address = f"127.0.0.1:{system.grpc_port}"
        async with AsyncClient(address) as aclient:
            bot = await aclient.bots.create(owner_type="user", owner_id="resume", bot_code="noop")
            run = await aclient.bots.start(bot.id, params={"lines": LINES, "pause": 0.1})
            logs = aclient.bots.logs(bot.id, run_id=run.run_id)
            begun = asyncio.Event()
            by_threads = asyncio.create_task(asyncio.to_thread(read_all, address, bot.id, run.run_id))
            by_asyncio = asyncio.create_task(read_on(logs, begun))
            ended = asyncio.create_task(aclient.bots.wait(bot.id, run.run_id))
            await begun.wait()

            system.kill("server")
            await asyncio.to_thread(system.start_server)

            first, second, run_then = await by_asyncio, await by_threads, await ended
            stored = [line.seq async for line in aclient.bots.list_run_logs(bot.id, run.run_id)]

        assert first == second == stored == list(range(1, len(stored) + 1))
        assert len(stored) > LINES
        assert run_then.log_line_count == len(stored)
        assert logs.end is not None


async def read_on(logs: RunLogs, begun: asyncio.Event) -> list[int]:
    """Read a log to its end; tell when some lines of the bot are there."""
    numbers: list[int] = []
    async for line in logs:
        numbers.append(line.seq)
        if line.message == f"line 10 of {LINES}":
            begun.set()
    return numbers


def read_all(address: str, bot_id: str, run_id: str) -> list[int]:
    """Read a log to its end."""
    with Client(address) as client:
        return [line.seq for line in client.bots.logs(bot_id, run_id=run_id)]
