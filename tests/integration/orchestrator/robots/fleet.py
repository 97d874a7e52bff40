"""Robots that speak to a running server, and jobs for them."""

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from server.orchestrator.jobs.new_job import new_job
from server.orchestrator.metrics import activity_store
from server.orchestrator.metrics.activity_store import Filters
from server.orchestrator.robots import robot_store
from server.orchestrator.robots.board import Board
from server.orchestrator.robots.claims import Claims
from server.orchestrator.robots.robot import RobotRow
from server.orchestrator.services import OrchestratorServices
from server.orchestrator.workflows import workflow_document, workflow_store
from server.orchestrator.workflows.workflow_store import NewWorkflow
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1 import fleet_service_pb2 as fleet_pb
from switchyard.orchestrator.v1 import robot_service_pb2 as pb
from switchyard.orchestrator.v1 import workflow_pb2
from switchyard.orchestrator.v1.job_worker_service_pb2 import RunWorkflow
from switchyard.orchestrator.v1.metrics_service_pb2 import ActivityEvent
from switchyard.orchestrator.v1.robot_pb2 import Assignment
from tests.integration.orchestrator.serving import LAN, Metadata, Site

FILE = {"nodes": [{"id": "start", "type": "StartNode"}], "connections": []}


@dataclass
class Fleet:
    """A running server and what robots and their operators say to it, as a worker or admin unless told otherwise."""

    site: Site
    workflow_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    robots: Any = field(init=False)
    fleet: Any = field(init=False)

    def __post_init__(self) -> None:
        self.robots = self.site.stub("orchestrator.RobotService")
        self.fleet = self.site.stub("orchestrator.FleetService")

    async def store_workflow(
        self, file: object = FILE, *, workflow_id: str = "", tenant: str = "", name: str = "Daily Report"
    ) -> None:
        """Store the workflow that jobs are queued of, or one of another id."""
        new = NewWorkflow(
            workflow_id=workflow_id or self.workflow_id,
            tenant=tenant,
            name=name,
            description=None,
            trigger_type=workflow_pb2.TRIGGER_TYPE_MANUAL,
            execution_mode=workflow_pb2.EXECUTION_MODE_LAN,
            priority=10,
            metadata="",
            webhook_hash=None,
            document=workflow_document.read_document(json.dumps(file).encode()),
            created_by="ann",
        )
        now = self.site.clock()
        await self.site.database.write(lambda connection: workflow_store.insert(connection, new, now=now))

    async def queue(self, **fields: Any) -> TaskRow:
        """Queue a job."""
        variables = fields.pop("variables", "{}")
        payload = RunWorkflow(
            workflow_id=fields.pop("workflow_id", self.workflow_id),
            workflow_name="Daily Report",
            version=1,
            variables=variables,
        )
        given: dict[str, Any] = {"mode": LAN, "tenant": ""} | fields
        return await self.site.kernel.create(new_job(payload, **given))

    async def register(
        self, robot_id: str = "r1", *, metadata: Metadata | None = None, **fields: Any
    ) -> pb.RegisterRobotResponse:
        """Register a robot, by the API key unless told otherwise."""
        request = pb.RegisterRobotRequest(robot_id=robot_id, **{"hostname": "host-1"} | fields)
        answer: pb.RegisterRobotResponse = await self.robots.RegisterRobot(
            request, metadata=self.site.admin if metadata is None else metadata
        )
        return answer

    async def beat(self, robot_id: str = "r1", *held: Assignment, **fields: Any) -> pb.HeartbeatResponse:
        """Send a sign of life that names the jobs that are held."""
        jobs = [pb.HeartbeatRequest.HeldJob(job_id=one.job_id, fencing_token=one.fencing_token) for one in held]
        request = pb.HeartbeatRequest(robot_id=robot_id, jobs=jobs, **fields)
        answer: pb.HeartbeatResponse = await self.robots.Heartbeat(request, metadata=self.site.admin)
        return answer

    async def claim(self, robot_id: str = "r1", *, wait: int = 0, **fields: Any) -> Assignment | None:
        """Claim a job; None when there is none."""
        request = pb.ClaimJobRequest(robot_id=robot_id, wait_seconds=wait, **fields)
        answer = await self.robots.ClaimJob(request, metadata=self.site.admin)
        return answer.assignment if answer.HasField("assignment") else None

    async def claimed(self, robot_id: str = "r1", **fields: Any) -> Assignment:
        """Claim a job that is there."""
        assignment = await self.claim(robot_id, **fields)
        assert assignment is not None, "nothing waits"
        return assignment

    async def complete(self, job: Assignment, robot_id: str = "r1", **fields: Any) -> pb.CompleteJobResponse:
        """End a job well."""
        request = pb.CompleteJobRequest(robot_id=robot_id, job_id=job.job_id, fencing_token=job.fencing_token, **fields)
        answer: pb.CompleteJobResponse = await self.robots.CompleteJob(request, metadata=self.site.admin)
        return answer

    async def fail(self, job: Assignment, robot_id: str = "r1", **fields: Any) -> pb.FailJobResponse:
        """End an attempt badly."""
        request = pb.FailJobRequest(robot_id=robot_id, job_id=job.job_id, fencing_token=job.fencing_token, **fields)
        answer: pb.FailJobResponse = await self.robots.FailJob(request, metadata=self.site.admin)
        return answer

    async def release(self, job: Assignment, robot_id: str = "r1") -> pb.ReleaseJobResponse:
        """Give a job back."""
        request = pb.ReleaseJobRequest(robot_id=robot_id, job_id=job.job_id, fencing_token=job.fencing_token)
        answer: pb.ReleaseJobResponse = await self.robots.ReleaseJob(request, metadata=self.site.admin)
        return answer

    async def drain(self, robot_id: str = "r1") -> None:
        """Let a robot take no further jobs."""
        await self.fleet.DrainRobot(fleet_pb.DrainRobotRequest(robot_id=robot_id), metadata=self.site.admin)

    async def resume(self, robot_id: str = "r1") -> None:
        """Let a robot take jobs again."""
        await self.fleet.ResumeRobot(fleet_pb.ResumeRobotRequest(robot_id=robot_id), metadata=self.site.admin)

    async def delete(self, robot_id: str = "r1", *, metadata: Metadata | None = None) -> None:
        """Forget a robot."""
        await self.fleet.DeleteRobot(
            fleet_pb.DeleteRobotRequest(robot_id=robot_id), metadata=metadata or self.site.admin
        )

    async def statuses(self) -> dict[str, RobotRow]:
        """Return every robot as the database shows it, by id."""
        now = self.site.clock()
        rows = await self.site.database.scan(lambda connection: robot_store.statuses(connection, now))
        return {row.id: row for row in rows}

    async def told(self) -> list[tuple[str, str]]:
        """Return what the activity feed says of robots, the oldest first: ids, and "online" or "offline"."""
        words = {ActivityEvent.TYPE_ROBOT_ONLINE: "online", ActivityEvent.TYPE_ROBOT_OFFLINE: "offline"}
        rows = await self.site.database.scan(lambda connection: activity_store.newest(connection, Filters(), limit=200))
        return [(str(row.robot_id), words[row.type]) for row in reversed(rows) if row.type in words]


def claims_of(site: Site) -> Claims:
    """Return what gives jobs to robots in the server of `site`."""
    closing = [getattr(close, "__self__") for close in site.parts.closing]  # noqa: B009, mypy knows functions only
    (orchestrator,) = [one for one in closing if isinstance(one, OrchestratorServices)]
    (claims,) = [one.__self__ for one in orchestrator.closing if isinstance(one.__self__, Claims)]  # type: ignore[attr-defined]
    return claims


def board_of(site: Site) -> Board:
    """Return what knows who was heard of in the server of `site`."""
    return claims_of(site).board


async def until(holds: Callable[[], Awaitable[bool]], *, seconds: float = 20) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.01)


def ids(jobs: Sequence[TaskRow | Assignment | None]) -> list[str]:
    """Return the ids of jobs, "" for none."""
    return ["" if job is None else job.id if isinstance(job, TaskRow) else job.job_id for job in jobs]
