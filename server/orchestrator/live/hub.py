"""What happens to jobs, robots and the queue, for everybody who watches: the newest messages, kept in memory.

Robots and the queue are read from the database. What happens to a job is told between servers; while others are not
heard, and once they are again, the database is asked what has happened to jobs meanwhile.

Each message is made once, and all readers get the same object. A reader that is slower than things happen is let go
when what it was to read next is no longer kept.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from typing import Final, NamedTuple, TypeVar

import orjson
import structlog

from server.clock import SECOND, Clock, to_timestamp
from server.database.away import BREAKS
from server.database.database import Database
from server.errors import ReaderTooSlow
from server.fan_out import ALONE, FanOut, Parts
from server.newest import Newest
from server.orchestrator.jobs import job_store, job_view
from server.orchestrator.jobs.job_store import JobChange
from server.orchestrator.jobs.new_job import KINDS
from server.orchestrator.robots import robot_store
from server.orchestrator.robots.robot import RobotRow
from server.tasks import task_counts
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1 import job_pb2, robot_pb2
from switchyard.orchestrator.v1 import live_service_pb2 as pb
from switchyard.tasks.v1.task_pb2 import Task

T = TypeVar("T")

# Messages that are kept for readers that are a little behind.
KEPT_MESSAGES: Final = 10_000
# Jobs of which is remembered what was told last.
KNOWN_JOBS: Final = 50_000
JOB_PERIOD_SECONDS: Final = 1.0
ROBOT_PERIOD_SECONDS: Final = 1.0
QUEUE_PERIOD_SECONDS: Final = 5.0
# What happened so long before others were no longer heard is asked for too, because clocks differ.
OVERLAP_SECONDS: Final = 5

_TOPIC: Final = "orchestrator.jobs"

# The order of states under one fencing token: a claim begins it, and whatever ends the lease ends it.
_RANK: Final = {Task.STATE_RUNNING: 0, Task.STATE_CANCELLING: 1, Task.STATE_QUEUED: 2}
_FINAL_RANK: Final = 3

log = structlog.get_logger(__name__)


class JobMessage(NamedTuple):
    """A job has changed its status."""

    tenant: str
    workflow_id: str
    response: pb.WatchJobsResponse


class RobotMessage(NamedTuple):
    """A robot was heard of, or is gone."""

    tenant: str
    response: pb.WatchRobotsResponse


class Told(NamedTuple):
    """What was told of a job last: its fencing token and the rank of its state, which only grow, and its status."""

    token: int = -1
    rank: int = -1
    status: job_view.Status = job_pb2.Job.STATUS_UNSPECIFIED


class Hub:
    """Hands out messages to whoever watches."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        fan_out: FanOut = ALONE,
        *,
        kept_messages: int = KEPT_MESSAGES,
        job_period_seconds: float = JOB_PERIOD_SECONDS,
        robot_period_seconds: float = ROBOT_PERIOD_SECONDS,
        queue_period_seconds: float = QUEUE_PERIOD_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._fan_out = fan_out
        self._job_period_seconds = job_period_seconds
        self._robot_period_seconds = robot_period_seconds
        self._queue_period_seconds = queue_period_seconds
        self._jobs: Newest[JobMessage] = Newest(count=kept_messages)
        self._robots: Newest[RobotMessage] = Newest(count=kept_messages)
        # By tenant, None for all jobs; there while somebody watches.
        self._depths: dict[str | None, Newest[pb.WatchQueueResponse]] = {}
        self._looking = asyncio.Lock()
        # When each robot was heard of, and what it did.
        self._seen: Mapping[str, tuple[int, int]] = {}
        self._told: OrderedDict[str, Told] = OrderedDict()
        # Since when jobs may have changed without our hearing of it; None: of all changes we have heard.
        self._unheard_since: int | None = None
        fan_out.hear(_TOPIC, self._heard, missed=self._missed)

    def job_changed(self, job: TaskRow) -> None:
        """Tell of a job, unless this was told before or the job has moved on since. A listener of the kernel."""
        change = JobChange(job.id, job.tenant, job.subject, job.state, job.fencing_token)
        if self._tell(change) and not self._fan_out.alone:
            self._fan_out.tell(_TOPIC, orjson.dumps(tuple(change)))

    async def look_at_jobs(self) -> None:
        """Tell of the jobs that have changed while others were not heard, as they stand now."""
        now, deaf = self._clock(), self._fan_out.deaf
        overlapping = now - OVERLAP_SECONDS * SECOND
        since = self._unheard_since or (overlapping if deaf else None)
        if since is None:
            return
        self._unheard_since = overlapping if deaf else None
        try:
            changed = await self._database.scan(lambda connection: job_store.changed_since(connection, since))
        except BaseException:
            self._unheard_since = since
            raise
        for job in changed:
            self._tell(job)

    async def look_at_robots(self) -> list[RobotMessage]:
        """Tell of the robots that were heard of, or fell silent, since the last look, and return all as they are now.

        They are read from the database, where all servers note them about once a second.
        """
        async with self._looking:
            now = self._clock()
            rows = await self._database.scan(lambda connection: robot_store.statuses(connection, now))
            messages = [_robot(row, now) for row in rows]
            seen = {row.id: (row.last_heartbeat, row.status) for row in rows}
            changed = [
                (message, 0)
                for row, message in zip(rows, messages, strict=True)
                if self._seen.get(row.id) != seen[row.id]
            ]
            self._seen = seen
            self._robots.add(changed)
        return messages

    @property
    def next_job(self) -> int:
        """Where a reader of jobs begins who wants what happens from now on."""
        return self._jobs.next

    @property
    def next_robot(self) -> int:
        """Where a reader of robots begins who wants what happens from now on."""
        return self._robots.next

    async def follow_jobs(
        self, place: int, *, tenant: str | None, job_id: str = "", workflow_id: str = ""
    ) -> AsyncGenerator[pb.WatchJobsResponse, None]:
        """Yield what happens to jobs from `place` on: those of a tenant, a job, a workflow, as far as they are given.

        Raises:
            ReaderTooSlow: what comes next is no longer kept.
        """
        async with aclosing(_walk(self._jobs, place)) as messages:
            async for message in messages:
                of_job = job_id in ("", message.response.job_id)
                if of_job and tenant in (None, message.tenant) and workflow_id in ("", message.workflow_id):
                    yield message.response

    async def follow_robots(
        self, place: int, *, tenant: str | None, robot_id: str = ""
    ) -> AsyncGenerator[pb.WatchRobotsResponse, None]:
        """Yield what robots do from `place` on: those of a tenant, or one of them, as far as they are given.

        Raises:
            ReaderTooSlow: what comes next is no longer kept.
        """
        async with aclosing(_walk(self._robots, place)) as messages:
            async for message in messages:
                if tenant in (None, message.tenant) and robot_id in ("", message.response.robot_id):
                    yield message.response

    async def follow_depth(self, *, tenant: str | None) -> AsyncGenerator[pb.WatchQueueResponse, None]:
        """Yield how many jobs wait, of a tenant if given: now, and then every 5 s.

        Raises:
            ReaderTooSlow: what comes next is no longer kept.
        """
        with self._counted(tenant) as depths:
            place = depths.next
            yield await self._depth(tenant)
            async with aclosing(_walk(depths, place)) as messages:
                async for message in messages:
                    yield message

    async def run(self) -> None:
        """Look at robots and count what waits, for those who watch, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(_repeat(self._tell_jobs, self._job_period_seconds))
            group.create_task(_repeat(self._tell_robots, self._robot_period_seconds))
            group.create_task(_repeat(self._tell_depths, self._queue_period_seconds))

    def _tell(self, job: JobChange) -> bool:
        """Tell of a job here, and return whether it is news."""
        before = self._told.get(job.job_id, Told())
        now = Told(job.fencing_token, _RANK.get(job.state, _FINAL_RANK), job_view.STATUS[job.state])
        if now[:2] <= before[:2]:
            return False
        self._told[job.job_id] = now
        self._told.move_to_end(job.job_id)
        if len(self._told) > KNOWN_JOBS:
            self._told.popitem(last=False)
        if now.status != before.status:
            response = pb.WatchJobsResponse(job_id=job.job_id, status=now.status, timestamp=to_timestamp(self._clock()))
            self._jobs.add([(JobMessage(job.tenant, job_view.workflow_id(job.subject), response), 0)])
        return True

    def _heard(self, parts: Parts) -> None:
        self._tell(JobChange(*orjson.loads(parts[0])))

    def _missed(self) -> None:
        self._unheard_since = self._unheard_since or self._clock() - OVERLAP_SECONDS * SECOND

    async def _tell_jobs(self) -> None:
        if self._jobs.readers:
            await self.look_at_jobs()
        else:
            # Nobody is there who could miss anything.
            self._unheard_since = None

    async def _tell_robots(self) -> None:
        if self._robots.readers:
            await self.look_at_robots()

    async def _tell_depths(self) -> None:
        for tenant, depths in list(self._depths.items()):
            depths.add([(await self._depth(tenant), 0)])

    @contextmanager
    def _counted(self, tenant: str | None) -> Iterator[Newest[pb.WatchQueueResponse]]:
        """Have the jobs of a tenant counted while the block runs."""
        depths = self._depths.setdefault(tenant, Newest(count=16))
        depths.readers += 1
        try:
            yield depths
        finally:
            depths.readers -= 1
            if not depths.readers:
                self._depths.pop(tenant, None)

    async def _depth(self, tenant: str | None) -> pb.WatchQueueResponse:
        states = await self._database.read(lambda connection: task_counts.by_state(connection, KINDS, tenant=tenant))
        return pb.WatchQueueResponse(depth=states.get(Task.STATE_QUEUED, 0), timestamp=to_timestamp(self._clock()))


async def _repeat(work: Callable[[], Awaitable[None]], period_seconds: float) -> None:
    while True:
        await asyncio.sleep(period_seconds)
        try:
            await work()
        except BREAKS:
            log.warning("those who watch were not told; the next turn tells them", exc_info=True)


def _robot(row: RobotRow, now: int) -> RobotMessage:
    gone = row.status == robot_pb2.Robot.STATUS_OFFLINE
    response = pb.WatchRobotsResponse(
        robot_id=row.id,
        status=row.status,
        cpu_percent=row.cpu_percent,
        memory_mb=row.memory_mb,
        timestamp=to_timestamp(now if gone else row.last_heartbeat),
    )
    return RobotMessage(row.tenant, response)


async def _walk(newest: Newest[T], place: int) -> AsyncGenerator[T, None]:
    async with aclosing(newest.walk(place)) as entries:
        async for _, message in entries:
            if message is None:
                raise ReaderTooSlow()
            yield message
