"""The worker process: reads its settings, wires its parts, runs until it is told to stop."""

import asyncio
import gc
import importlib
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import structlog

from workers import node_types, queue, run_bot, workflow_process
from workers.assignment import Assignment, Desk, Handler, Report, without_process
from workers.attempt_folder import remove_leftovers
from workers.claims import Claims
from workers.comfy import session_task
from workers.comfy.session_task import HoldComfySession
from workers.config import Config, read_worker_token
from workers.environments.providers import Providers, Surroundings
from workers.robot_presence import RobotPresence, worker_id
from workers.run_bot import RunBot
from workers.run_workflow import RunWorkflow
from workers.runner.launcher import Launcher
from workers.server_link import ServerLink
from workers.validate_bot import ValidateBot
from workers.webhook_delivery import deliver_webhook

# What run processes execute.
PROGRAMS: Final[Mapping[str, str]] = {
    run_bot.PROGRAM: "workers.runner.bot_program:run_bot",
    **workflow_process.PROGRAMS,
    session_task.PROGRAM: "workers.comfy.session_program:hold_session",
}

# What a worker that is drained takes no more of.
JOB_KINDS: Final = ("run_workflow",)

# What has processes of its own takes slots of WORKER_SLOTS, each kind for itself.
SLOT_KINDS: Final = ("run_bot", "run_workflow")
# Small Tasks have slots of their own, so that long runs never keep a webhook or a validation waiting.
SMALL_TASK_SLOTS: Final = 8

# Makings of environments take minutes at a cloud, in which a worker only waits; logs are followed for hours.
ENVIRONMENT_SLOTS: Final[Mapping[str, int]] = {
    "provision_environment": 32,
    "read_environment": 64,
    "compare_environments": 4,
}

# A stop: this long work goes on by itself, then it is ended and given back, then it is abandoned. Together with what a
# kill takes this stays below the 30 s a stop may take.
FINISH_SECONDS: Final = 5.0
GIVE_BACK_SECONDS: Final = 10.0
# A claim that is on its way is waited for, so that no Task is claimed by a worker that is gone.
CLAIM_SECONDS: Final = 2.0

TOKEN_LOOK_SECONDS: Final = 0.2

log: Final = structlog.get_logger(__name__)


async def work(config: Config, *, programs: Mapping[str, str] = PROGRAMS) -> None:
    """Work until SIGTERM or SIGINT, then finish, give back what cannot be finished, and return."""
    # What is imported stays to the end; only what comes from now on is looked at for garbage.
    gc.freeze()
    gc.enable()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    remove_leftovers(config.work_dir)
    token = await _worker_token(config, stop)
    if token is None:
        return
    surroundings = Surroundings(
        config.provider_settings, config.data_dir, config.work_dir, config.local_ide_command, config.up_pid
    )
    async with (
        ServerLink(config.server, token) as link,
        Launcher(programs, spare=True) as launcher,
        Providers(surroundings) as providers,
    ):
        own_id = worker_id(config.worker_host)
        handlers: Mapping[str, Handler] = {
            "run_bot": RunBot(
                launcher, config.worker_host, config.grace_seconds, config.bots_dir, config.chromium_path
            ),
            "run_workflow": RunWorkflow(
                launcher, own_id, config.worker_host, config.grace_seconds, config.chromium_path
            ),
            "comfy_session": HoldComfySession(launcher, config.grace_seconds, config.chromium_path),
            "validate_bot": without_process(ValidateBot(config.bots_dir)),
            "deliver_webhook": without_process(deliver_webhook),
            "provision_environment": without_process(
                loaded_late("workers.environments.provision:ProvisionEnvironment", providers)
            ),
            "compare_environments": without_process(
                loaded_late("workers.environments.compare:CompareEnvironments", providers)
            ),
            "read_environment": loaded_late("workers.environments.read:ReadEnvironment", providers),
        }
        desk = Desk(link, handlers, config.work_dir)
        claims = Claims(
            link,
            desk,
            {kind: slots_of(kind, config) for kind in handlers},
            worker_id=own_id,
            worker_host=config.worker_host,
        )
        presence = RobotPresence(
            link,
            worker_id=own_id,
            host=config.worker_host,
            slots=config.slots,
            drained=lambda draining: claims.bar(JOB_KINDS if draining else ()),
        )
        await _serve(config, link, claims, desk, presence, stop)


def slots_of(kind: str, config: Config) -> int:
    """Return how many Tasks of a kind are at work at a time."""
    if kind == "comfy_session":
        return config.comfy_sessions
    return config.slots if kind in SLOT_KINDS else ENVIRONMENT_SLOTS.get(kind, SMALL_TASK_SLOTS)


def loaded_late(place: str, providers: Providers) -> Handler:
    """Return the handler at `place`, "module:class", whose module is loaded when it is first needed."""
    module, _, name = place.partition(":")

    async def handle(assignment: Assignment) -> Report:
        handler: Handler = getattr(importlib.import_module(module), name)(providers)
        return await handler(assignment)

    return handle


async def _serve(
    config: Config, link: ServerLink, claims: Claims, desk: Desk, presence: RobotPresence, stop: asyncio.Event
) -> None:
    async with asyncio.TaskGroup() as performing:
        listening = performing.create_task(queue.listen(config.redis_url, claims.look, has_room=claims.has_room))
        claiming = performing.create_task(claims.claim(performing))
        present = performing.create_task(presence.keep())
        publishing = performing.create_task(node_types.publish(link))
        log.info("worker started", server=config.server, slots=config.slots, browser=config.chromium_path)
        if config.chromium_path is None:
            log.warning("there is no Chromium, so bots that open pages will fail; set CHROMIUM_PATH")
        await stop.wait()
        log.info("worker stops", tasks=claims.at_work)
        listening.cancel()
        present.cancel()
        publishing.cancel()
        claims.close()
        await asyncio.wait([claiming], timeout=CLAIM_SECONDS)
        claiming.cancel()
        await claims.wait_idle(FINISH_SECONDS)
        desk.stopping.set()
        await claims.wait_idle(GIVE_BACK_SECONDS)
        claims.abandon()
        await presence.farewell()
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
