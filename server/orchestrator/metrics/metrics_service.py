"""MetricsService: figures of robots and jobs as the wire says them. Days are UTC."""

from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import grpc
import sqlalchemy as sa

from server.clock import SECOND, Clock, from_timestamp, to_timestamp
from server.database.database import Database
from server.database.text import storable
from server.errors import PermissionDenied
from server.orchestrator.jobs import job_store, job_view
from server.orchestrator.jobs.job_view import ListedJob
from server.orchestrator.jobs.new_job import KINDS
from server.orchestrator.metrics import activity_store, analytics, check, job_sums
from server.orchestrator.metrics.job_sums import DAY, Window
from server.orchestrator.robots import robot_store
from server.orchestrator.robots.robot import RobotRow
from server.orchestrator.robots.visibility import may_see
from server.rpc.caller import CALLER
from server.tasks import task_counts
from switchyard.orchestrator.v1 import metrics_service_pb2 as pb
from switchyard.orchestrator.v1 import metrics_service_pb2_grpc as pb_grpc
from switchyard.orchestrator.v1 import robot_pb2
from switchyard.tasks.v1.task_pb2 import Task

# What the contract promises for absent fields.
DEFAULT_JOBS: Final = 50
DEFAULT_DAYS: Final = 7
DEFAULT_EVENTS: Final = 50

Context = grpc.aio.ServicerContext[Any, Any]


class MetricsService(pb_grpc.MetricsServiceServicer):
    """Serves figures. Each answer is read from one state of the database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def GetFleetMetrics(
        self, _request: pb.GetFleetMetricsRequest, _context: Context
    ) -> pb.GetFleetMetricsResponse:
        """Count robots and jobs."""
        return await self._database.scan(partial(_fleet, tenant=CALLER.get().tenant_id, now=self._clock()))

    async def ListRobotMetrics(
        self, request: pb.ListRobotMetricsRequest, _context: Context
    ) -> pb.ListRobotMetricsResponse:
        """List robots."""
        now = self._clock()
        rows = await self._database.scan(lambda connection: _robots(connection, now))
        wanted = [row for row in rows if not request.status or row.status == request.status]
        return pb.ListRobotMetricsResponse(robots=[_robot(row) for row in wanted])

    async def GetRobotMetrics(
        self, request: pb.GetRobotMetricsRequest, _context: Context
    ) -> pb.GetRobotMetricsResponse:
        """Read one robot."""
        return await self._database.scan(
            partial(_robot_detail, robot_id=request.robot_id, tenant=CALLER.get().tenant_id, now=self._clock())
        )

    async def ListJobs(self, request: pb.ListJobsRequest, _context: Context) -> pb.ListJobsResponse:
        """List jobs."""
        filters = job_store.Filters(
            status=request.status,
            workflow_id=request.workflow_id,
            robot_id=request.robot_id,
            tenant=CALLER.get().tenant_id,
        )
        limit = request.limit if request.HasField("limit") else DEFAULT_JOBS

        def query(connection: sa.Connection) -> list[ListedJob]:
            before = None
            if request.before:
                before = job_store.require(connection, request.before, tenant_id=filters.tenant).number
            return job_store.newest(connection, filters, limit=limit, before_number=before)

        # The newest ones of all are found at once; what is filtered, or long, is not to hold up others.
        at_once = limit <= DEFAULT_JOBS and filters == job_store.Filters(tenant=filters.tenant)
        response = pb.ListJobsResponse()
        for job in await (self._database.read if at_once else self._database.scan)(query):
            job_view.add_listed(response, job)
        return response

    async def GetJob(self, request: pb.GetJobRequest, _context: Context) -> pb.GetJobResponse:
        """Read one job."""
        tenant_id = CALLER.get().tenant_id
        job = await self._database.read(
            lambda connection: job_store.require(connection, request.job_id, tenant_id=tenant_id)
        )
        return pb.GetJobResponse(job=job_view.detail(job))

    async def GetAnalytics(self, request: pb.GetAnalyticsRequest, _context: Context) -> pb.GetAnalyticsResponse:
        """Sum up jobs."""
        days = request.days if request.HasField("days") else DEFAULT_DAYS
        window = Window(self._clock() - days * DAY * SECOND, CALLER.get().tenant_id)
        return await self._database.scan(lambda connection: analytics.read(connection, window))

    async def ListActivity(self, request: pb.ListActivityRequest, _context: Context) -> pb.ListActivityResponse:
        """List what has happened."""
        filters = activity_store.Filters(
            tenant=CALLER.get().tenant_id,
            type=request.event_type or None,
            since=from_timestamp(request.since) if request.HasField("since") else None,
        )
        limit = request.limit if request.HasField("limit") else DEFAULT_EVENTS

        def query(connection: sa.Connection) -> pb.ListActivityResponse:
            rows = activity_store.newest(connection, filters, limit=limit)
            total = activity_store.count(connection, filters)
            return pb.ListActivityResponse(events=[_event(row) for row in rows], total=total)

        return await self._database.scan(query)

    async def CheckMetrics(self, _request: pb.CheckMetricsRequest, _context: Context) -> pb.CheckMetricsResponse:
        """Count all jobs anew."""
        if CALLER.get().tenant_id is not None:
            raise PermissionDenied("Insufficient permissions. The sums belong to the whole installation")
        found = await self._database.scan(check.check)
        differences = [
            pb.CheckMetricsResponse.Difference(what=one.what, stored=one.stored, counted=one.counted)
            for one in found.differences
        ]
        return pb.CheckMetricsResponse(ok=not differences, compared=found.compared, differences=differences)


def _fleet(connection: sa.Connection, *, tenant: str | None, now: int) -> pb.GetFleetMetricsResponse:
    robots = [row.status for row in _robots(connection, now)]
    states = task_counts.by_state(connection, KINDS, tenant=tenant)
    today = _today(now, tenant)
    ended = job_sums.read_all(connection, today, job_sums.read_rows(connection, today))
    return pb.GetFleetMetricsResponse(
        total_robots=len(robots),
        active_robots=robots.count(robot_pb2.Robot.STATUS_BUSY),
        idle_robots=robots.count(robot_pb2.Robot.STATUS_IDLE),
        offline_robots=robots.count(robot_pb2.Robot.STATUS_OFFLINE),
        total_jobs_today=task_counts.created_on(connection, KINDS, today.first(DAY), tenant=tenant),
        active_jobs=states.get(Task.STATE_RUNNING, 0) + states.get(Task.STATE_CANCELLING, 0),
        queue_depth=states.get(Task.STATE_QUEUED, 0),
        average_job_duration_seconds=ended.average_ms / 1000,
    )


def _today(now: int, tenant: str | None) -> Window:
    return Window(now - now % (DAY * SECOND), tenant)


def _robots(connection: sa.Connection, now: int) -> Sequence[RobotRow]:
    return [row for row in robot_store.statuses(connection, now) if may_see(row.tenant)]


def _robot(row: RobotRow) -> robot_pb2.Robot:
    return robot_pb2.Robot(
        robot_id=row.id,
        hostname=row.hostname,
        status=row.status,
        cpu_percent=row.cpu_percent,
        memory_mb=row.memory_mb,
        current_job_id=row.current_job_id,
        last_heartbeat=to_timestamp(row.last_heartbeat),
    )


def _robot_detail(
    connection: sa.Connection, *, robot_id: str, tenant: str | None, now: int
) -> pb.GetRobotMetricsResponse:
    row = robot_store.get(connection, storable(robot_id), now)
    if row is None or not may_see(row.tenant):
        raise robot_store.not_found(robot_id)
    today = _today(now, tenant)
    ended = job_sums.read_robot(connection, today, job_sums.read_rows(connection, today), row.id)
    return pb.GetRobotMetricsResponse(
        robot_id=row.id,
        hostname=row.hostname,
        status=row.status,
        cpu_percent=row.cpu_percent,
        memory_mb=row.memory_mb,
        memory_percent=row.memory_percent,
        current_job_id=row.current_job_id,
        last_heartbeat=to_timestamp(row.last_heartbeat),
        jobs_completed_today=ended.completed,
        jobs_failed_today=ended.failed,
        average_job_duration_seconds=ended.average_ms / 1000,
    )


def _event(row: activity_store.ActivityRow) -> pb.ActivityEvent:
    return pb.ActivityEvent(
        id=f"evt-{row.number}",
        type=row.type,
        timestamp=to_timestamp(row.time),
        title=row.title,
        details=row.details,
        robot_id=row.robot_id,
        job_id=row.job_id,
    )
