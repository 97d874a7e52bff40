"""One job in the hands of this robot: run, reported while it runs, and ended with the server."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import orjson
import structlog

from switchyard.orchestrator.v1 import robot_service_pb2 as pb
from switchyard.orchestrator.v1.robot_pb2 import Assignment
from switchyard.tasks.v1 import task_pb2
from workers.conversation import Reins
from workers.job_link import JobLink
from workers.log_shipper import LogShipper
from workers.progress_report import ProgressReport
from workers.runner import own_folder
from workers.runner.launcher import Launcher
from workers.server_link import LeaseLost, Refused, ServerLink
from workers.workflow_process import Ended, Job, run_workflow

# Holds log lines in the folder of a job while the server is away.
SPILL_FILE: Final = ".log-backlog"

log: Final = structlog.get_logger(__name__)


class HeldJob:
    """A job that was claimed. `cancelled` says that it is to be stopped; `stopping` that the robot ends."""

    def __init__(
        self,
        link: ServerLink,
        robot_id: str,
        assignment: Assignment,
        stopping: asyncio.Event,
        chromium_path: str | None,
    ) -> None:
        self.assignment = assignment
        self.cancelled = asyncio.Event()
        self._link = link
        self._chromium_path = chromium_path
        self._stopping = stopping
        self._who: dict[str, Any] = {
            "robot_id": robot_id,
            "job_id": assignment.job_id,
            "fencing_token": assignment.fencing_token,
        }

    async def perform(self, launcher: Launcher, work_dir: Path) -> None:
        """Run the job and report its end. Never raises on account of the job."""
        with structlog.contextvars.bound_contextvars(job_id=self.assignment.job_id, attempt=self.assignment.attempt):
            try:
                await self._run_in_folder(launcher, work_dir)
            except* LeaseLost:
                log.warning("the job was lost and is dropped")
            except* Refused as refusals:
                log.error("the server refused a report; the job is left to its lease", reasons=str(refusals.exceptions))
            except* Exception:  # a fault of ours ends this job, not the robot; its lease runs out
                log.exception("a job could not be carried through")

    async def _run_in_folder(self, launcher: Launcher, work_dir: Path) -> None:
        folder = work_dir / f"{self.assignment.job_id}-{self.assignment.fencing_token}"
        lock = await asyncio.to_thread(own_folder.make, folder)
        try:
            await self._report(await self._run(launcher, folder))
        finally:
            await asyncio.to_thread(own_folder.remove, folder, lock)

    async def _run(self, launcher: Launcher, folder: Path) -> Ended:
        files = folder / "files"
        files.mkdir(mode=0o700)
        shipper = LogShipper(self._append_log, folder / SPILL_FILE)
        progress = ProgressReport(self._report_progress)
        # Telemetry takes the word of workers of its own installation only, so nobody is told of this browser.
        server = JobLink(self._link, **self._who, folder=files, log=shipper.add, browser=None)
        reins = Reins(
            cancelled=self.cancelled,
            stopping=self._stopping,
            deadline=asyncio.get_running_loop().time() + self.assignment.timeout_seconds,
        )
        try:
            async with asyncio.TaskGroup() as group:
                companions = [group.create_task(shipper.ship()), group.create_task(progress.report())]
                ended = await run_workflow(
                    launcher, self._job(files), reins, server, log=shipper.add, progress=progress.set
                )
                await progress.flush()
                await shipper.flush()
                for companion in companions:
                    companion.cancel()
        finally:
            shipper.close()
        return ended

    def _job(self, folder: Path) -> Job:
        given = self.assignment
        return Job(
            given.graph,
            orjson.loads(given.variables),
            folder,
            self._chromium_path,
            dict(given.secrets),
            given.checkpoint,
            given.node_executions,
        )

    async def _report(self, ended: Ended) -> None:
        conclusion, robots = ended.conclusion, self._link.robots
        result: dict[str, Any] = {
            "variables": ended.result.variables or None,
            "outputs": ended.result.outputs or None,
            "node_executions": ended.result.node_executions,
        }
        match conclusion.state:
            case "succeeded":
                await self._link.call(robots.CompleteJob, pb.CompleteJobRequest(**self._who, **result))
            case "released":
                request = pb.ReleaseJobRequest(**self._who, reason="the robot stops")
                await self._link.call(robots.ReleaseJob, request)
            case "cancelled":
                stopped = pb.FailJobRequest(**self._who, **result, cancelled=True, receipt=conclusion.receipt)
                await self._link.call(robots.FailJob, stopped)
            case "failed":
                failed = pb.FailJobRequest(
                    **self._who,
                    **result,
                    error_type=conclusion.error_type,
                    error_message=conclusion.error_message,
                    retryable=conclusion.retryable,
                )
                await self._link.call(robots.FailJob, failed)
        log.info("job ended", state=conclusion.state)

    async def _append_log(self, first_sequence: int, lines: Sequence[task_pb2.LogLine]) -> None:
        request = pb.AppendJobLogRequest(**self._who, first_sequence=first_sequence, lines=lines)
        await self._link.call(self._link.robots.AppendJobLog, request)

    async def _report_progress(self, progress: task_pb2.Progress) -> None:
        request = pb.ReportJobProgressRequest(
            **self._who,
            fraction=progress.fraction if progress.HasField("fraction") else None,
            message=progress.message,
        )
        response = await self._link.call(self._link.robots.ReportJobProgress, request)
        if response.cancel_requested:
            self.cancelled.set()
