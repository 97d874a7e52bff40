"""A thousand jobs, and ten robots that are killed at random moments: each job ends exactly once, and no figure lies."""

import asyncio
import hashlib
import random
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import grpc
import pytest
import sqlalchemy as sa

from server.clock import now_micros
from server.orchestrator.metrics import activity_store
from server.orchestrator.metrics.activity_store import Filters
from server.orchestrator.robots import robot_store
from server.tasks.tables import JOB, TASKS
from switchyard.orchestrator.v1 import robot_service_pb2 as pb
from switchyard.orchestrator.v1.metrics_service_pb2 import ActivityEvent
from switchyard.orchestrator.v1.robot_pb2 import Robot
from switchyard.tasks.v1.task_pb2 import Task
from tests.integration.orchestrator.robots.fleet import Fleet
from tests.integration.orchestrator.serving import serving

ROOT = Path(__file__).parents[4]
JOBS = 1_000
NAMES = [f"r{number}" for number in range(10)]
TOKEN = "token-of"
LIVE = (Task.STATE_RUNNING, Task.STATE_CANCELLING)


class Robots:
    """The processes of robots, which are killed and begin anew under the same names."""

    def __init__(self, fleet: Fleet, folder: Path) -> None:
        self.kills = 0
        self._fleet = fleet
        self._folder = folder
        self._processes: dict[str, asyncio.subprocess.Process] = {}

    async def start(self, robot_id: str) -> None:
        module = "tests.integration.orchestrator.robots.killed_robot"
        site = self._fleet.site
        given = (site.address, f"{TOKEN}-{robot_id}", robot_id, str(self._folder / f"{robot_id}.record"))
        self._processes[robot_id] = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *given, cwd=ROOT, env={"PYTHONPATH": f"{ROOT}:{ROOT / 'generated/python'}"}
        )

    async def kill(self, robot_id: str) -> None:
        process = self._processes.pop(robot_id)
        assert process.returncode is None, f"{robot_id} has ended by itself"
        process.send_signal(signal.SIGKILL)
        await process.wait()
        self.kills += 1

    async def kill_at_random(self) -> None:
        """Kill one after the other, for as long as this is not cancelled."""
        while True:
            await asyncio.sleep(random.uniform(0.1, 0.4))
            robot_id = random.choice(list(self._processes))
            await self.kill(robot_id)
            await self.start(robot_id)

    @contextmanager
    def halted(self) -> Iterator[None]:
        """Have them stand still, each in the middle of its work, so that what is counted twice is the same."""
        processes = list(self._processes.values())
        for process in processes:
            process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for process in processes:
                with suppress(ProcessLookupError):
                    process.send_signal(signal.SIGCONT)

    async def end(self) -> None:
        for robot_id in list(self._processes):
            await self.kill(robot_id)

    def told(self) -> list[tuple[str, int, str]]:
        """What robots were told of the jobs they have ended: job, token, word."""
        lines = [line.split() for path in self._folder.glob("*.record") for line in path.read_text().splitlines()]
        return [(job_id, int(token), word) for job_id, token, word in lines]


@pytest.mark.timeout(180)
async def test_each_job_ends_exactly_once_whoever_is_killed(tmp_path: Path) -> None:
    tokens = ",".join(f"{name}:{hashlib.sha256(f'{TOKEN}-{name}'.encode()).hexdigest()}" for name in NAMES)
    environ: dict[str, Any] = {
        "METRICS_RATE_LIMIT_ENABLED": "false",
        "ROBOT_AUTH_ENABLED": "true",
        "ROBOT_TOKENS": tokens,
    }
    async with serving(tmp_path / "data", **environ) as site:
        fleet = Fleet(site)
        await fleet.store_workflow()
        robots = Robots(fleet, tmp_path)
        for name in NAMES:
            await robots.start(name)
        compared: Counter[str] = Counter()
        queueing = asyncio.Lock()
        killing = asyncio.create_task(robots.kill_at_random())
        watching = asyncio.create_task(_compare_figures(fleet, robots, queueing, compared))
        try:
            for _ in range(JOBS):
                async with queueing:
                    await fleet.queue()
            async with asyncio.timeout(150):
                while (await _states(fleet)).keys() != {Task.STATE_SUCCEEDED}:
                    await asyncio.sleep(0.1)
        finally:
            for task in (killing, watching):
                task.cancel()
            await asyncio.gather(killing, watching, return_exceptions=True)
            await robots.end()

        assert not killing.done() or killing.cancelled(), killing.exception()
        assert watching.cancelled(), watching.exception()
        assert robots.kills >= 5
        assert compared["busy"] >= 5, compared
        assert await _states(fleet) == {Task.STATE_SUCCEEDED: JOBS}
        assert await _ends_told(fleet) == JOBS
        _check_what_robots_were_told(robots.told(), await _last_tokens(fleet))
        await _late_reports_are_refused(fleet)


async def _compare_figures(fleet: Fleet, robots: Robots, queueing: asyncio.Lock, compared: Counter[str]) -> None:
    """Compare what is told of the fleet with the rows, again and again, while no job is queued, taken or ended."""
    while True:
        async with queueing:
            with robots.halted():
                # What they had asked for before is still done.
                while (shown := await _fleet_figures(fleet)) is None:
                    continue
        told, counted = shown
        assert told == counted
        compared["busy" if counted["active_robots"] else "idle"] += 1
        await asyncio.sleep(0.2)


async def _fleet_figures(fleet: Fleet) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Return the figures of the fleet as they are told, and as the rows say; None if these moved meanwhile."""
    counted, claims = await fleet.site.database.scan(_count)
    answer = await fleet.site.http.get("/api/v1/metrics/fleet")
    again = await fleet.site.database.scan(_count)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    if again != (counted, claims):
        return None
    return {name: told[name] for name in counted}, counted


def _count(connection: sa.Connection) -> tuple[dict[str, int], int]:
    """Return the figures, and how many claims there ever were: what is claimed and given back leaves figures alike."""
    states = Counter(connection.execute(sa.select(TASKS.c.state).where(JOB)).scalars())
    busy = set(connection.execute(sa.select(TASKS.c.worker_id).where(JOB, TASKS.c.state.in_(LIVE))).scalars())
    robots = robot_store.statuses(connection, now_micros())
    assert {row.id for row in robots if row.status == Robot.STATUS_BUSY} == busy
    figures = {
        "total_robots": len(robots),
        "active_robots": len(busy),
        "idle_robots": len(robots) - len(busy),
        "offline_robots": 0,
        "active_jobs": sum(states[state] for state in LIVE),
        "queue_depth": states[Task.STATE_QUEUED],
        "total_jobs_today": sum(states.values()),
    }
    return figures, int(connection.execute(sa.select(sa.func.sum(TASKS.c.fencing_token)).where(JOB)).scalar_one() or 0)


async def _states(fleet: Fleet) -> Counter[int]:
    query = sa.select(TASKS.c.state).where(JOB)
    return Counter(await fleet.site.database.scan(lambda connection: list(connection.execute(query).scalars())))


async def _last_tokens(fleet: Fleet) -> dict[str, int]:
    query = sa.select(TASKS.c.id, TASKS.c.finish_token).where(JOB)
    rows = await fleet.site.database.scan(lambda connection: list(connection.execute(query)))
    return {row.id: row.finish_token for row in rows}


async def _ends_told(fleet: Fleet) -> int:
    """How many ends of jobs the activity feed tells of."""
    ended = Filters(type=ActivityEvent.TYPE_JOB_COMPLETED)
    return await fleet.site.database.scan(lambda connection: activity_store.count(connection, ended))


def _check_what_robots_were_told(told: list[tuple[str, int, str]], last_tokens: dict[str, int]) -> None:
    """Nobody was told that he had completed a job with a token that did not end it, and no two were told of one."""
    completed = [(job_id, token) for job_id, token, word in told if word == "completed"]
    lost = [(job_id, token) for job_id, token, word in told if word == "lost"]
    assert all(last_tokens[job_id] == token for job_id, token in completed)
    assert all(last_tokens[job_id] != token for job_id, token in lost)
    assert max(Counter(job_id for job_id, _ in completed).values()) == 1


async def _late_reports_are_refused(fleet: Fleet) -> None:
    """A robot that comes back from the dead with a token that is not the newest changes nothing."""
    query = sa.select(TASKS.c.id, TASKS.c.last_worker_id, TASKS.c.fencing_token).where(JOB, TASKS.c.fencing_token > 1)
    rows = await fleet.site.database.scan(lambda connection: list(connection.execute(query.limit(20))))
    assert rows, "no robot was killed with a job in its hands"
    for row in rows:
        late = pb.CompleteJobRequest(robot_id=row.last_worker_id, job_id=row.id, fencing_token=row.fencing_token - 1)
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await fleet.robots.CompleteJob(late, metadata=fleet.site.admin)
        assert refusal.value.code() == grpc.StatusCode.FAILED_PRECONDITION
