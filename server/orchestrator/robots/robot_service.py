"""RobotService: what robots say. Each report is one unit of work of the kernel, for the robot that holds the job."""

from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from typing import Any, Final, Protocol

import grpc
import sqlalchemy as sa
import structlog
from google.protobuf.any_pb2 import Any as AnyMessage

from server.clock import to_timestamp
from server.database.after_commit import after_commit
from server.database.database import Database
from server.database.text import storable
from server.errors import LeaseLost, PermissionDenied
from server.orchestrator.jobs.job_view import EMPTY_OBJECT, STATUS
from server.orchestrator.robots import lifecycle, presence, robot_store
from server.orchestrator.robots.board import Board
from server.orchestrator.robots.claims import Claims
from server.orchestrator.robots.enrolment import Enrolments
from server.orchestrator.robots.robot import Facts
from server.orchestrator.robots.robot_store import Beat, Registration
from server.orchestrator.robots.visibility import may_see, may_speak_for
from server.rpc.caller import CALLER, Caller
from server.tasks import log_store, store
from server.tasks.kernel import Kernel
from server.tasks.lifecycle import Cancelled, Failed, Outcome, Progress, Succeeded
from server.tasks.log_hub import LogHub
from server.tasks.renewals import HeldLease, Renewals
from server.tasks.store import Change
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1 import robot_service_pb2 as pb
from switchyard.orchestrator.v1 import robot_service_pb2_grpc as pb_grpc
from switchyard.orchestrator.v1 import workflow_pb2
from switchyard.orchestrator.v1.job_worker_service_pb2 import WorkflowResult
from switchyard.tasks.v1.task_pb2 import CancelReceipt, Task

# How long one look of a stream of assignments lasts.
STREAM_SECONDS: Final = 60.0
DEFAULT_ERROR_TYPE: Final = "JobFailed"
DEFAULT_ERROR_MESSAGE: Final = "The job failed."

Context = grpc.aio.ServicerContext[Any, Any]

log: Final = structlog.get_logger(__name__)


class Report(Protocol):
    """What every report on a job has."""

    robot_id: str
    job_id: str
    fencing_token: int


class RobotService(pb_grpc.RobotServiceServicer):
    """Serves robots. That a robot speaks for itself only has been checked before."""

    def __init__(
        self,
        database: Database,
        kernel: Kernel,
        hub: LogHub,
        board: Board,
        claims: Claims,
        renewals: Renewals,
        enrolments: Enrolments,
    ) -> None:
        self._database = database
        self._kernel = kernel
        self._hub = hub
        self._board = board
        self._claims = claims
        self._renewals = renewals
        self._enrolments = enrolments

    async def RegisterRobot(self, request: pb.RegisterRobotRequest, _: Context) -> pb.RegisterRobotResponse:
        """Make a robot known."""
        caller = CALLER.get()
        robot = await self._database.write(
            partial(self._register, new=_registration(request, caller), job_ids=frozenset(request.job_ids))
        )
        return pb.RegisterRobotResponse(
            robot_id=robot.id,
            draining=robot.draining,
            heartbeat_seconds=lifecycle.HEARTBEAT_SECONDS,
            lease_seconds=int(self._kernel.lease_seconds),
        )

    async def Heartbeat(self, request: pb.HeartbeatRequest, _: Context) -> pb.HeartbeatResponse:
        """Note a sign of life, and renew the leases of the jobs that are named."""
        robot = await self._own(request.robot_id)
        self._board.hear(robot.id, _beat(request, self._kernel.clock()))
        if not request.jobs:
            return pb.HeartbeatResponse(draining=robot.draining)
        held = await self._renewals.renew([HeldLease(job.job_id, robot.id, job.fencing_token) for job in request.jobs])
        return pb.HeartbeatResponse(
            draining=robot.draining,
            cancel_job_ids=[job_id for job_id, state in held.items() if state == Task.STATE_CANCELLING],
            lost_job_ids=[job.job_id for job in request.jobs if job.job_id not in held],
        )

    async def ClaimJob(self, request: pb.ClaimJobRequest, _: Context) -> pb.ClaimJobResponse:
        """Give the best job, or wait for one."""
        robot = await self._heard(request.robot_id)
        assignment = await self._claims.claim(
            robot.id, wait_seconds=request.wait_seconds, graph_only=request.graph_only
        )
        return pb.ClaimJobResponse(assignment=assignment)

    async def WatchAssignments(
        self, request: pb.WatchAssignmentsRequest, _: Context
    ) -> AsyncGenerator[pb.WatchAssignmentsResponse, None]:
        """Give jobs as they come; one whose delivery is broken off waits again."""
        while True:
            robot = await self._heard(request.robot_id)
            assignment = await self._claims.claim(robot.id, wait_seconds=STREAM_SECONDS, graph_only=request.graph_only)
            if assignment is None:
                if self._claims.closed:
                    return
                continue
            delivered = False
            try:
                yield pb.WatchAssignmentsResponse(assignment=assignment)
                delivered = True
            finally:
                if not delivered:
                    await self._claims.give_back(assignment)

    async def ReportJobProgress(self, request: pb.ReportJobProgressRequest, _: Context) -> pb.ReportJobProgressResponse:
        """Store how far a job has come, and renew its lease."""
        robot = await self._heard(request.robot_id)
        fraction = request.fraction if request.HasField("fraction") else None
        progress = Progress(fraction, storable(request.message))

        def work(connection: sa.Connection) -> TaskRow:
            _require_holder(connection, request)
            now, token = self._kernel.clock(), request.fencing_token
            store.renew(connection, request.job_id, token, lease_seconds=self._kernel.lease_seconds, now=now)
            return store.report_progress(connection, request.job_id, token, progress, now=now)

        row = await self._database.write(work)
        self._kernel.changes.notify((row.id, row.subject))
        log.debug("progress was reported", robot_id=robot.id, job_id=row.id)
        return pb.ReportJobProgressResponse(cancel_requested=row.state == Task.STATE_CANCELLING)

    async def AppendJobLog(self, request: pb.AppendJobLogRequest, _: Context) -> pb.AppendJobLogResponse:
        """Store log lines, then hand them to those who follow."""
        await self._heard(request.robot_id)
        lines = log_store.from_message(request.lines, now=self._kernel.clock())

        def work(connection: sa.Connection) -> log_store.Appended:
            _require_holder(connection, request)
            return log_store.append(connection, request.job_id, request.fencing_token, request.first_sequence, lines)

        appended = await self._database.write(work)
        self._hub.publish(request.job_id, appended.lines)
        return pb.AppendJobLogResponse(stored_sequence=appended.stored_sequence)

    async def CompleteJob(self, request: pb.CompleteJobRequest, _: Context) -> pb.CompleteJobResponse:
        """End a job: done."""
        row = await self._finish(request, Succeeded(_result(request)))
        return pb.CompleteJobResponse(status=STATUS[row.finish_state])

    async def FailJob(self, request: pb.FailJobRequest, _: Context) -> pb.FailJobResponse:
        """End an attempt: failed, or stopped on request."""
        row = await self._finish(request, _failure(request, self._kernel.clock()))
        return pb.FailJobResponse(status=STATUS[row.finish_state])

    async def ReleaseJob(self, request: pb.ReleaseJobRequest, _: Context) -> pb.ReleaseJobResponse:
        """Give a job back."""
        hooks = self._kernel.final_hooks
        row = await self._move(
            request,
            lambda connection, now: store.release(
                connection, request.job_id, request.fencing_token, now=now, hooks=hooks
            ),
        )
        log.info("a job was given back", job_id=row.id, robot_id=request.robot_id, reason=request.reason)
        return pb.ReleaseJobResponse(status=STATUS[row.state])

    async def EnrolRobot(self, request: pb.EnrolRobotRequest, _: Context) -> pb.EnrolRobotResponse:
        """Exchange a key for a token."""
        token = await self._enrolments.enrol(request.enrolment_key, request.robot_id)
        return pb.EnrolRobotResponse(
            robot_id=request.robot_id, robot_token=token.text, expires_at=to_timestamp(token.expire_time)
        )

    async def RotateRobotToken(self, request: pb.RotateRobotTokenRequest, _: Context) -> pb.RotateRobotTokenResponse:
        """Give a robot a new token."""
        token = await self._enrolments.rotate(storable(request.robot_id), may_see)
        return pb.RotateRobotTokenResponse(robot_token=token.text, expires_at=to_timestamp(token.expire_time))

    async def _own(self, robot_id: str) -> Facts:
        """Return what is known of a robot that the caller may speak for."""
        return may_speak_for(await self._board.find(storable(robot_id)))

    async def _heard(self, robot_id: str) -> Facts:
        """Return what is known of a robot that the caller may speak for; that it calls is a sign of life."""
        robot = await self._own(robot_id)
        self._board.hear(robot.id, Beat(self._kernel.clock()))
        return robot

    def _register(self, connection: sa.Connection, *, new: Registration, job_ids: frozenset[str]) -> Facts:
        now = self._kernel.clock()
        known = robot_store.facts(connection, new.robot_id)
        if known is not None and not may_see(known.tenant):
            raise PermissionDenied(f"Robot {new.robot_id} belongs to somebody else", robot_id=new.robot_id)
        robot = robot_store.register(connection, new, now=now)
        presence.came(connection, robot, now=now)
        self._board.changed(connection, robot)
        # A worker of this installation has a new id in each life, and looks after its leases itself.
        if not robot.worker:
            self._take_abandoned(connection, robot.id, job_ids, now)
        return robot

    def _take_abandoned(self, connection: sa.Connection, robot_id: str, job_ids: frozenset[str], now: int) -> None:
        """Take back the jobs that the robot held before and knows nothing of."""
        hooks = self._kernel.final_hooks
        for job_id in robot_store.held_jobs(connection, robot_id):
            if job_id in job_ids:
                continue
            row = store.get_locked(connection, job_id)
            if row is None or row.worker_id != robot_id:
                continue
            if lifecycle.given_back(row):
                change: Change | None = store.release(connection, job_id, row.fencing_token, now=now, hooks=hooks)
            else:
                change = store.take_away(connection, job_id, robot_id, now=now, hooks=hooks)
            if change is not None:
                after_commit(connection, partial(self._kernel.announce, change.rows))

    async def _finish(self, request: Report, outcome: Outcome) -> TaskRow:
        hooks = self._kernel.final_hooks
        return await self._move(
            request,
            lambda connection, now: store.finish(
                connection, request.job_id, request.fencing_token, outcome, exit_code=None, now=now, hooks=hooks
            ),
        )

    async def _move(self, request: Report, change: Callable[[sa.Connection, int], Change]) -> TaskRow:
        """Change a job that the robot of the request holds, or has held with the same token."""
        await self._heard(request.robot_id)

        def work(connection: sa.Connection) -> TaskRow:
            _require_holder(connection, request)
            changed = change(connection, self._kernel.clock())
            after_commit(connection, partial(self._kernel.announce, changed.rows))
            return changed.task

        return await self._database.write(work)


def _require_holder(connection: sa.Connection, report: Report) -> None:
    """Refuse a report on a job that another robot has, or had last. Raises LeaseLost."""
    if robot_store.holder(connection, report.job_id) != report.robot_id:
        raise LeaseLost(report.job_id)


def _registration(request: pb.RegisterRobotRequest, caller: Caller) -> Registration:
    modes: Sequence[int] = request.execution_modes or (
        workflow_pb2.EXECUTION_MODE_LAN,
        workflow_pb2.EXECUTION_MODE_INTERNET,
    )
    # Whoever speaks for any robot does not say by that what tenant this one is of.
    tenant = caller.tenant_id if caller.robot_id is None else caller.tenant_id or ""
    return Registration(
        robot_id=request.robot_id,
        tenant=tenant,
        hostname=storable(request.hostname),
        version=storable(request.version),
        takes_lan=workflow_pb2.EXECUTION_MODE_LAN in modes,
        takes_internet=workflow_pb2.EXECUTION_MODE_INTERNET in modes,
        max_jobs=request.max_jobs if request.HasField("max_jobs") else 1,
        worker=caller.worker,
    )


def _beat(request: pb.HeartbeatRequest, now: int) -> Beat:
    return Beat(
        now,
        request.cpu_percent if request.HasField("cpu_percent") else None,
        request.memory_mb if request.HasField("memory_mb") else None,
        request.memory_percent if request.HasField("memory_percent") else None,
        request.stopping,
    )


def _failure(request: pb.FailJobRequest, now: int) -> Outcome:
    if request.cancelled:
        told = request.receipt if request.HasField("receipt") else CancelReceipt(confirm_time=to_timestamp(now))
        return Cancelled(told.SerializeToString(), _result(request))
    return Failed(
        storable(request.error_type) or DEFAULT_ERROR_TYPE,
        storable(request.error_message) or DEFAULT_ERROR_MESSAGE,
        retryable=request.retryable if request.HasField("retryable") else True,
        result=_result(request),
    )


def _result(request: pb.CompleteJobRequest | pb.FailJobRequest) -> bytes:
    """Return what came out, as it is stored."""
    packed = AnyMessage()
    packed.Pack(
        WorkflowResult(
            variables=request.variables or EMPTY_OBJECT,
            outputs=request.outputs or EMPTY_OBJECT,
            node_executions=request.node_executions,
        )
    )
    return packed.SerializeToString()
