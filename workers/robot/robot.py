"""The robot: known to its server, heard of all the time, at work whenever there is work."""

import asyncio
import socket
from collections.abc import Coroutine
from contextlib import suppress
from importlib.metadata import version
from typing import Any, Final

import grpc
import structlog

from switchyard.orchestrator.v1 import robot_service_pb2 as pb
from switchyard.orchestrator.v1.robot_pb2 import Assignment
from workers.attempt_folder import remove_leftovers
from workers.robot import credential
from workers.robot.job import HeldJob
from workers.robot.settings import Settings
from workers.robot_presence import figures
from workers.runner.launcher import Launcher
from workers.server_link import Refused, ServerLink
from workers.workflow_process import PROGRAMS

# A claim waits at the server for so long; then it is asked again.
WAIT_SECONDS: Final = 30
# What the answer to such a claim may take besides.
ANSWER_SECONDS: Final = 10.0
# A stop: jobs at work go on for so long by themselves, then they are ended and given back, then abandoned.
FINISH_SECONDS: Final = 5.0
GIVE_BACK_SECONDS: Final = 15.0
FAREWELL_SECONDS: Final = 2.0

log: Final = structlog.get_logger(__name__)


class Robot:
    """A robot as `settings` say, which speaks over `link` and runs jobs by `launcher`."""

    def __init__(self, settings: Settings, link: ServerLink, launcher: Launcher) -> None:
        self._settings = settings
        self._link = link
        self._launcher = launcher
        self._work_dir = settings.folder / "work"
        self._held: dict[str, HeldJob] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._room = asyncio.Condition()
        self._stopping = asyncio.Event()

    async def work(self, stop: asyncio.Event) -> None:
        """Work until `stop`, then finish or give back what is held.

        Raises:
            Refused: the server does not take this robot, or no longer.
        """
        remove_leftovers(self._work_dir)
        pause = await self._register()
        log.info("robot started", robot_id=self._settings.robot_id, server=self._settings.server)
        async with asyncio.TaskGroup() as jobs:
            rotating = credential.rotate_by_time(self._link, self._settings)
            try:
                await self._until(stop, self._beat(pause), self._claim(jobs), rotating)
            finally:
                await self._end()
        log.info("robot stopped")

    async def _until(self, stop: asyncio.Event, *work: Coroutine[Any, Any, object]) -> None:
        """Do all of `work` until `stop`. Raises what one of them raises."""
        tasks = [asyncio.ensure_future(one) for one in (*work, stop.wait())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _register(self) -> int:
        """Make this robot known and return how often it is to be heard of, in seconds."""
        request = pb.RegisterRobotRequest(
            robot_id=self._settings.robot_id,
            hostname=socket.gethostname()[:255],
            version=version("switchyard"),
            execution_modes=self._settings.modes,
            max_jobs=self._settings.max_jobs,
            job_ids=list(self._held),
        )
        return (await self._link.call(self._link.robots.RegisterRobot, request)).heartbeat_seconds

    async def _beat(self, pause: int) -> None:
        """Be heard of, renew the leases of all jobs, and hear which of them are to be stopped or dropped."""
        while True:
            try:
                self._heed(await self._link.call(self._link.robots.Heartbeat, await self._sign_of_life()))
            except Refused as refusal:
                if refusal.code != grpc.StatusCode.NOT_FOUND:
                    raise
                await self._register()
            await asyncio.sleep(pause)

    async def _sign_of_life(self) -> pb.HeartbeatRequest:
        now = await asyncio.to_thread(figures)
        request = pb.HeartbeatRequest(
            robot_id=self._settings.robot_id,
            cpu_percent=min(now.cpu_percent, 100.0),
            memory_percent=min(now.memory_percent, 100.0),
            memory_mb=now.memory_mb,
        )
        for job_id, held in self._held.items():
            request.jobs.add(job_id=job_id, fencing_token=held.assignment.fencing_token)
        return request

    def _heed(self, response: pb.HeartbeatResponse) -> None:
        for job_id in response.cancel_job_ids:
            if job_id in self._held:
                self._held[job_id].cancelled.set()
        for job_id in response.lost_job_ids:
            if job_id in self._running:
                self._running[job_id].cancel()

    async def _claim(self, jobs: asyncio.TaskGroup) -> None:
        """Claim jobs whenever there is room, and put each into `jobs`."""
        request = pb.ClaimJobRequest(robot_id=self._settings.robot_id, wait_seconds=WAIT_SECONDS, graph_only=True)
        while True:
            async with self._room:
                await self._room.wait_for(lambda: len(self._held) < self._settings.max_jobs)
            try:
                response = await self._link.persist(
                    lambda: self._link.robots.ClaimJob(
                        request, timeout=WAIT_SECONDS + ANSWER_SECONDS, metadata=self._link.metadata
                    )
                )
            except Refused as refusal:
                if refusal.code != grpc.StatusCode.NOT_FOUND:
                    raise
                await self._register()
                continue
            if response.HasField("assignment"):
                self._take_up(response.assignment, jobs)

    def _take_up(self, assignment: Assignment, jobs: asyncio.TaskGroup) -> None:
        settings = self._settings
        held = HeldJob(self._link, settings.robot_id, assignment, self._stopping, settings.chromium_path)
        self._held[assignment.job_id] = held
        self._running[assignment.job_id] = jobs.create_task(self._perform(held))

    async def _perform(self, held: HeldJob) -> None:
        job_id = held.assignment.job_id
        log.info("job claimed", job_id=job_id, workflow=held.assignment.workflow_name)
        try:
            await held.perform(self._launcher, self._work_dir)
        finally:
            # A job that was lost may have come back to us meanwhile.
            if self._held.get(job_id) is held:
                del self._held[job_id], self._running[job_id]
            async with self._room:
                self._room.notify_all()

    async def _end(self) -> None:
        """Finish what can be finished soon, give the rest back, and say that this robot ends."""
        beating = asyncio.ensure_future(self._beat_quietly())
        await self._wait_idle(FINISH_SECONDS)
        self._stopping.set()
        await self._wait_idle(GIVE_BACK_SECONDS)
        for running in self._running.values():
            running.cancel()
        beating.cancel()
        farewell = pb.HeartbeatRequest(robot_id=self._settings.robot_id, stopping=True)
        with suppress(TimeoutError, Refused):
            async with asyncio.timeout(FAREWELL_SECONDS):
                # Also gives back a job whose claim was answered when we had ceased to listen.
                self._held.clear()
                await self._register()
                await self._link.call(self._link.robots.Heartbeat, farewell)

    async def _beat_quietly(self) -> None:
        with suppress(Refused):
            await self._beat(1)

    async def _wait_idle(self, seconds: float) -> None:
        if self._running:
            await asyncio.wait(set(self._running.values()), timeout=seconds)


async def run(settings: Settings, stop: asyncio.Event) -> None:
    """Run a robot until `stop`.

    Raises:
        CredentialMissing: it has no credential, and no key to get one.
        Refused: the server does not take it.
    """
    async with ServerLink(settings.server, "") as link, Launcher(PROGRAMS, spare=True) as launcher:
        await credential.admit(link, settings)
        await Robot(settings, link, launcher).work(stop)
