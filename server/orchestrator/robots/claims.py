"""Gives jobs to robots: at once, or as soon as there is one.

A job is given within one unit of work that looks at the robot too: whether it is there, may take jobs, and has room. A
caller who leaves before he has it gives it back.
"""

import asyncio
import time
from collections.abc import Mapping
from enum import Enum
from functools import partial
from typing import Final

import sqlalchemy as sa
import structlog

from server.database.after_commit import after_commit
from server.database.away import BREAKS
from server.database.database import Database
from server.errors import LeaseLost, NotFound
from server.fan_out import FanOut, Parts
from server.orchestrator.job_runs.beginnings import Beginnings
from server.orchestrator.job_runs.versions import Versions
from server.orchestrator.jobs import job_view
from server.orchestrator.jobs.new_job import KINDS
from server.orchestrator.robots import robot_store
from server.orchestrator.robots.assignment import to_assignment
from server.orchestrator.robots.board import Board
from server.orchestrator.robots.waiting_room import Call, Taste, WaitingRoom
from server.tasks import claiming
from server.tasks.kernel import LOOK_SECONDS, Kernel
from server.tasks.lifecycle import Failed
from server.tasks.tables import TASKS, WAITING
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1.robot_pb2 import Assignment
from switchyard.tasks.v1.task_pb2 import Task

_TOPIC: Final = "orchestrator.robot_calls"

log: Final = structlog.get_logger(__name__)


class Refusal(Enum):
    """Why a robot gets no job."""

    NO_JOB = "none waits"
    NO_ROOM = "it has as many jobs as it takes, or is draining"


def key_of(robot_id: str) -> str:
    """Return the key under which the kernel's `Changes` tell that a robot may have got room."""
    return f"robots/{robot_id}"


class Claims:
    """Gives jobs to the robots that call this server."""

    def __init__(
        self,
        database: Database,
        kernel: Kernel,
        board: Board,
        versions: Versions,
        beginnings: Beginnings,
        fan_out: FanOut,
    ) -> None:
        self._database = database
        self._kernel = kernel
        self.board = board
        self._versions = versions
        self._beginnings = beginnings
        self._fan_out = fan_out
        self._room = WaitingRoom()
        kernel.listen(KINDS, self._job_changed)
        # A call that was missed is made up for by `look`.
        fan_out.hear(_TOPIC, self._heard, missed=lambda: None)

    async def claim(self, robot_id: str, *, wait_seconds: float, graph_only: bool) -> Assignment | None:
        """Give a robot the best job it may take, None when there is none within `wait_seconds`.

        Raises:
            NotFound: there is no such robot.
        """
        end = time.monotonic() + wait_seconds
        while not self._room.closed:
            robot = await self.board.find(robot_id)
            got = await self._wait(robot_id, Taste(robot.kinds, robot.tenant), end, graph_only)
            left = end - time.monotonic()
            if got is not Refusal.NO_ROOM or left <= 0:
                return got if isinstance(got, Assignment) else None
            with self._kernel.changes.watch(key_of(robot_id)) as watch:
                await watch.wait(min(left, LOOK_SECONDS))
        return None

    async def give_back(self, assignment: Assignment) -> None:
        """Take a job back that could not be delivered."""
        try:
            await self._kernel.release(assignment.job_id, assignment.fencing_token)
        except LeaseLost:
            return
        log.info("a job could not be delivered and waits again", job_id=assignment.job_id)

    @property
    def closed(self) -> bool:
        """Whether nobody may wait any more."""
        return self._room.closed

    def waiting(self) -> Mapping[Taste, int]:
        """Return how many robots wait for which jobs."""
        return self._room.waiting()

    def close(self) -> None:
        """Let nobody wait any more, because the server stops."""
        self._room.close()

    async def run(self) -> None:
        """Look from time to time for jobs that nobody has told of here, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except BREAKS:
                log.warning("waiting jobs could not be counted; the next turn counts them", exc_info=True)

    async def look(self) -> None:
        """Call robots for jobs that wait: other servers have queued them, or their time has come."""
        now = self._kernel.clock()
        for taste, robots in self.waiting().items():
            jobs = await self._database.read(partial(_waiting_jobs, taste=taste, limit=robots, now=now))
            for kind, tenant in jobs:
                self._room.call(Call(kind, tenant))

    async def _wait(self, robot_id: str, taste: Taste, end: float, graph_only: bool) -> Assignment | Refusal:
        """Look for a job, and wait for one until `end`, on the clock of `time.monotonic`."""
        with self._room.place(taste) as place:
            call: Call | None = None
            looking = end <= time.monotonic() or not self._room.anybody_before(place)
            while True:
                got = await self._take(robot_id, graph_only) if looking else Refusal.NO_JOB
                if call is not None and got is Refusal.NO_ROOM:
                    self._call(call)
                left = end - time.monotonic()
                if got is not Refusal.NO_JOB or left <= 0 or self._room.closed:
                    return got
                call = await self._room.wait(place, left)
                looking = call is not None

    async def _take(self, robot_id: str, graph_only: bool) -> Assignment | Refusal:
        """Give a robot a job if there is one; to a caller who leaves meanwhile none."""
        taking = asyncio.ensure_future(self._take_now(robot_id, graph_only))
        try:
            return await asyncio.shield(taking)
        except asyncio.CancelledError:
            got = await taking
            if isinstance(got, Assignment):
                await self.give_back(got)
            raise

    async def _take_now(self, robot_id: str, graph_only: bool) -> Assignment | Refusal:
        while True:
            row = await self._database.write(partial(self._claim, robot_id=robot_id))
            if isinstance(row, Refusal):
                return row
            payload = job_view.payload(row)
            try:
                version = await self._versions.get(payload.workflow_id, payload.version)
            except NotFound:
                gone = Failed("WorkflowGone", "the workflow is not there any more")
                await self._kernel.finish(row.id, row.fencing_token, gone)
                continue
            beginning = await self._beginnings.of(row, version)
            return to_assignment(row, payload, version, beginning, graph_only=graph_only)

    def _claim(self, connection: sa.Connection, *, robot_id: str) -> TaskRow | Refusal:
        now = self._kernel.clock()
        robot = robot_store.require_locked(connection, robot_id)
        if robot.draining or robot_store.job_count(connection, robot_id) >= robot.max_jobs:
            return Refusal.NO_ROOM
        row = claiming.claim(
            connection,
            worker_id=robot_id,
            worker_host=robot.hostname,
            kinds=robot.kinds,
            lease_seconds=self._kernel.lease_seconds,
            now=now,
            hooks=self._kernel.claim_hooks,
            tenant=robot.tenant or None,
        )
        if row is None:
            return Refusal.NO_JOB
        after_commit(connection, partial(self._kernel.announce, (row,)))
        return row

    def _job_changed(self, row: TaskRow) -> None:
        """Call a robot for a job that waits; whose job ended or went back may have room."""
        if row.last_worker_id and row.worker_id == "":
            self._kernel.changes.notify((key_of(row.last_worker_id),))
        due = row.not_before is None or row.not_before <= self._kernel.clock()
        if row.state == Task.STATE_QUEUED and due:
            self._call(Call(row.kind, row.tenant))

    def _call(self, call: Call) -> None:
        """Call a robot for a job; where none waits here, one of those that wait at other servers."""
        if not self._room.call(call):
            self._fan_out.tell(_TOPIC, call.kind.encode(), call.tenant.encode())

    def _heard(self, parts: Parts) -> None:
        kind, tenant = parts
        self._room.call(Call(kind.decode(), tenant.decode()))


def _waiting_jobs(connection: sa.Connection, *, taste: Taste, limit: int, now: int) -> list[tuple[str, str]]:
    """Return kind and tenant of at most `limit` jobs that wait and are due."""
    given = {"kinds": list(taste.kinds), "tenant": taste.tenant, "now": now, "limit": limit}
    return [(kind, tenant) for kind, tenant in connection.execute(_WAITING_JOBS, given)]


_TENANT: Final = sa.bindparam("tenant", type_=sa.Text)
_WAITING_JOBS: Final = (
    sa.select(TASKS.c.kind, TASKS.c.tenant)
    .where(
        WAITING,
        sa.or_(TASKS.c.not_before.is_(None), TASKS.c.not_before <= sa.bindparam("now", type_=sa.BigInteger)),
        TASKS.c.kind.in_(sa.bindparam("kinds", expanding=True)),
        sa.or_(_TENANT == "", TASKS.c.tenant == _TENANT),
    )
    .order_by(TASKS.c.priority, TASKS.c.number)
    .limit(sa.bindparam("limit"))
)
