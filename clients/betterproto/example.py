"""Creates a bot, starts it, follows its log and prints the end.

Usage: python example.py HOST:PORT OWNER
"""

import asyncio
import os
import sys

from grpclib import GRPCError, Status
from grpclib.client import Channel
from switchyard_betterproto.switchyard.bots.v1 import (
    BotInstanceServiceStub,
    CreateBotInstanceRequest,
    OwnerType,
    RunServiceStub,
    RunStatus,
    StartRunRequest,
    WatchLogsRequest,
)
from switchyard_betterproto.switchyard.tasks.v1 import LogLineLevel

WORDS = {LogLineLevel.LEVEL_DEBUG: "debug", LogLineLevel.LEVEL_WARNING: "warning", LogLineLevel.LEVEL_ERROR: "error"}


async def main(address: str, owner: str) -> int:
    host, _, port = address.rpartition(":")
    channel = Channel(host, int(port))
    try:
        return 0 if await follow(channel, owner) else 1
    except OSError:
        return say(f"cannot reach {address}", 2)
    except GRPCError as error:
        if error.status is Status.UNAVAILABLE:
            return say(f"cannot reach {address}", 2)
        return say(f"{error.status.name}: {error.message}", 1)
    finally:
        channel.close()


async def follow(channel: Channel, owner: str) -> bool:
    """Print what comes; return whether the run succeeded."""
    key = os.environ.get("SWITCHYARD_API_KEY")
    metadata = {"x-api-key": key} if key else {}
    bots = BotInstanceServiceStub(channel, metadata=metadata)
    runs = RunServiceStub(channel, metadata=metadata)

    created = await bots.create_bot_instance(
        CreateBotInstanceRequest(owner_type=OwnerType.USER, owner_id=owner, bot_code="noop")
    )
    bot_id = created.bot_instance.id
    print("created", created.bot_instance.bot_code)

    run = await runs.start_run(StartRunRequest(id=bot_id))
    print("started", flush=True)

    async for answer in runs.watch_logs(WatchLogsRequest(id=bot_id, run_id=run.run_id)):
        for shown in answer.lines:
            # A line without one names the instance; it is not part of the log. The log counts from 1.
            if shown.line.seq:
                print(WORDS.get(shown.line.level, "info"), shown.line.message, flush=True)
        if answer.end.run_id:
            print("ended", answer.end.text)
            return answer.end.status is RunStatus.SUCCESS
    raise GRPCError(Status.UNKNOWN, "the log has no end")


def say(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(say("usage: python example.py HOST:PORT OWNER", 2))
    sys.exit(asyncio.run(main(*sys.argv[1:])))
