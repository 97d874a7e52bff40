"""The worker process: reads its settings, wires its parts, runs until it is told to stop."""

import asyncio
import os
import secrets
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import structlog

from workers import queue
from workers.assignment import Desk, Handler, without_process
from workers.attempt_folder import remove_leftovers
from workers.claims import Claims
from workers.config import Config, read_worker_token
from workers.run_bot import RunBot
from workers.runner.launcher import Launcher
from workers.server_link import ServerLink
from workers.validate_bot import ValidateBot
from workers.webhook_delivery import deliver_webhook

# What run processes execute.
PROGRAM: Final = "workers.runner.bot_program:run_bot"

# Small Tasks have slots of their own, so that long runs never keep a webhook or a validation waiting.
SMALL_TASK_SLOTS: Final = 8

# A stop: this long work goes on by itself, then it is ended and given back, then it is abandoned. Together with what a
# kill takes this stays below the 30 s a stop may take.
FINISH_SECONDS: Final = 5.0
GIVE_BACK_SECONDS: Final = 10.0
# A claim that is on its way is waited for, so that no Task is claimed by a worker that is gone.
CLAIM_SECONDS: Final = 2.0

TOKEN_LOOK_SECONDS: Final = 0.2

log: Final = structlog.get_logger(__name__)


async def work(config: Config, *, program: str = PROGRAM) -> None:
    """Work until SIGTERM or SIGINT, then finish, give back what cannot be finished, and return."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    remove_leftovers(config.work_dir)
    token = await _worker_token(config, stop)
    if token is None:
        return
    async with ServerLink(config.server, token) as link, Launcher(program) as launcher:
        handlers: Mapping[str, Handler] = {
            "run_bot": RunBot(
                launcher, config.worker_host, config.grace_seconds, config.bots_dir, config.chromium_path
            ),
            "validate_bot": without_process(ValidateBot(config.bots_dir)),
            "deliver_webhook": without_process(deliver_webhook),
        }
        desk = Desk(link, handlers, config.work_dir)
        claims = Claims(
            link,
            desk,
            {kind: config.slots if kind == "run_bot" else SMALL_TASK_SLOTS for kind in handlers},
            worker_id=f"{config.worker_host[:80]}-{os.getpid()}-{secrets.token_hex(4)}",
            worker_host=config.worker_host,
        )
        await _serve(config, claims, desk, stop)


async def _serve(config: Config, claims: Claims, desk: Desk, stop: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as performing:
        listening = performing.create_task(queue.listen(config.redis_url, claims.look, has_room=claims.has_room))
        claiming = performing.create_task(claims.claim(performing))
        log.info("worker started", server=config.server, slots=config.slots, browser=config.chromium_path)
        if config.chromium_path is None:
            log.warning("there is no Chromium, so bots that open pages will fail; set CHROMIUM_PATH")
        await stop.wait()
        log.info("worker stops", tasks=claims.at_work)
        listening.cancel()
        claims.close()
        await asyncio.wait([claiming], timeout=CLAIM_SECONDS)
        claiming.cancel()
        await claims.wait_idle(FINISH_SECONDS)
        desk.stopping.set()
        await claims.wait_idle(GIVE_BACK_SECONDS)
        claims.abandon()
    log.info("worker stopped")


async def _worker_token(config: Config, stop: asyncio.Event) -> str | None:
    """Return the credential; wait for the server to write it when it is not set. None when told to stop before."""
    token = config.worker_token or read_worker_token(config.data_dir)
    while token is None and not stop.is_set():
        with suppress(TimeoutError):
            async with asyncio.timeout(TOKEN_LOOK_SECONDS):
                await stop.wait()
        token = read_worker_token(config.data_dir)
    return token
