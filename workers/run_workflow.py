"""Tasks of kind "run_workflow": one attempt of a job in processes of its own."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from switchyard.orchestrator.v1 import job_worker_service_pb2 as pb
from workers.assignment import Assignment, Report, failed
from workers.browser_report import BrowserReport
from workers.job_link import JobLink
from workers.run_report import end_of_session, not_begun, reins_of, report_of
from workers.runner.launcher import Launcher, RunnerLost
from workers.workflow_process import Ended, Job, run_workflow


@dataclass(frozen=True, slots=True)
class RunWorkflow:
    """The handler of this kind."""

    launcher: Launcher
    worker_id: str
    worker_host: str
    grace_seconds: float
    chromium_path: str | None

    async def __call__(self, assignment: Assignment) -> Report:
        """Run the workflow of the Task and say how it ended.

        Raises:
            LeaseLost: the lease is over; nothing of the run is left.
            Refused: the version of the workflow is gone.
        """
        task = assignment.task
        payload = assignment.payload(pb.RunWorkflow)
        assignment.log.add("info", f"Job started on {self.worker_host}, attempt {task.attempt} of {task.max_attempts}.")
        link = assignment.link
        response = await link.call(link.jobs.GetJobGraph, pb.GetJobGraphRequest(lease=assignment.lease.key))
        if (early := not_begun(assignment)) is not None:
            return early
        job = Job(
            response.graph,
            _variables(payload),
            assignment.folder,
            self.chromium_path,
            dict(response.secrets),
            response.checkpoint,
            response.node_executions,
        )
        browser = BrowserReport(link, task.id, task.attempt, profile_id=payload.workflow_id)
        try:
            ended = await self._run(assignment, job, browser)
        except RunnerLost as error:
            assignment.log.add("error", f"The job could not be started: {error}.")
            return failed("RunnerLost", str(error), retryable=True)
        return report_of(ended.conclusion, ended.result)

    async def _run(self, assignment: Assignment, job: Job, browser: BrowserReport) -> Ended:
        server = JobLink(
            assignment.link,
            robot_id=self.worker_id,
            job_id=assignment.task.id,
            fencing_token=assignment.lease.key.fencing_token,
            folder=assignment.folder,
            log=assignment.log.add,
            browser=browser,
        )
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(browser.send())
                ended = await run_workflow(
                    self.launcher,
                    job,
                    reins_of(assignment, self.grace_seconds),
                    server,
                    log=assignment.log.add,
                    progress=assignment.progress.set,
                )
                await browser.end(end_of_session(ended.conclusion))
        except ExceptionGroup as failures:  # the first one ended the others
            raise failures.exceptions[0] from failures
        return ended


def _variables(payload: pb.RunWorkflow) -> dict[str, Any]:
    variables: dict[str, Any] = json.loads(payload.variables or "{}")
    return variables
