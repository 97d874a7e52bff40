"""Schedules of a workflow, a scheduler that fires when told to, and what both left in the database."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from server.clock import SECOND
from server.database.database import Database
from server.orchestrator.jobs.new_job import KINDS
from server.orchestrator.schedules import occurrence_store, schedule_store
from server.orchestrator.schedules.schedule_row import NewSchedule, OccurrenceRow, ScheduleRow
from server.orchestrator.schedules.scheduler import Scheduler
from server.orchestrator.tables import OCCURRENCES, SCHEDULES, WORKFLOW_VERSIONS, WORKFLOWS
from server.tasks.kernel import Kernel
from server.tasks.tables import TASKS
from server.tasks.task import TaskRow
from tests.integration.orchestrator.serving import TurnableClock

WORKFLOW = "550e8400-e29b-41d4-a716-446655440000"
MINUTE, HOUR = 60 * SECOND, 3600 * SECOND


def at(text: str) -> int:
    """Return "2026-06-01 09:00" of UTC in micros."""
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


def insert_workflow(connection: sa.Connection, workflow_id: str = WORKFLOW, *, tenant: str = "") -> None:
    """Store a workflow without nodes."""
    values = {
        "id": workflow_id,
        "tenant": tenant,
        "name": "Daily Report",
        "folded_name": "daily report",
        "version": 3,
        "trigger_type": 1,
        "execution_mode": 1,
        "priority": 10,
        "timeout_seconds": 600,
        "node_count": 0,
        "metadata": "",
        "create_time": 0,
        "update_time": 0,
    }
    number = connection.execute(sa.insert(WORKFLOWS).returning(WORKFLOWS.c.number), values).scalar_one()
    version = {
        "workflow_number": number,
        "version": 3,
        "node_count": 0,
        "size_bytes": 12,
        "sha256": "",
        "created_by": "",
        "create_time": 0,
        "workflow_json": '{"nodes":{}}',
        "graph": b"",
    }
    connection.execute(sa.insert(WORKFLOW_VERSIONS), version)


@dataclass
class Bench:
    """A database with a workflow in it, and a scheduler over it whose clock is turned by hand."""

    database: Database
    kernel: Kernel
    clock: TurnableClock
    scheduler: Scheduler

    def set(self, text: str) -> None:
        """Turn the clock to "2026-06-01 09:00" and stop it there."""
        self.clock.stopped_at, self.clock.ahead = at(text), 0

    async def tick(self, text: str) -> None:
        """Turn the clock, and fire what is due then as a server does that has been running."""
        self.set(text)
        await self.scheduler.fire_due()

    async def restart(self, text: str) -> None:
        """Turn the clock, and fire what is due then as a server does that starts then."""
        self.set(text)
        self.scheduler = Scheduler(self.database, self.kernel, self.clock)
        self.scheduler.begin()
        await self.scheduler.fire_due()

    async def add(self, cron: str = "0 * * * *", **fields: Any) -> ScheduleRow:
        """Store a schedule of the workflow."""
        new = NewSchedule(**{"workflow_id": WORKFLOW, "tenant": "", "name": "Hourly Sync", "cron": cron} | fields)
        return await self.database.write(lambda connection: schedule_store.insert(connection, new, now=self.clock()))

    async def get(self, row: ScheduleRow) -> ScheduleRow:
        """Read a schedule again."""
        return await self.database.read(lambda connection: schedule_store.require(connection, row.id, tenant_id=None))

    async def ledger(self, row: ScheduleRow) -> list[OccurrenceRow]:
        """Return the rows of the ledger, the oldest first."""
        rows = await self.database.read(
            lambda connection: occurrence_store.page(connection, row.number, limit=1_000_000)
        )
        return rows[::-1]

    async def told(self, row: ScheduleRow) -> list[str]:
        """Return the ledger in short: "09:00 fired"."""
        return [f"{clock_time(one.fire_time)} {status(one)}" for one in await self.ledger(row)]

    async def jobs(self) -> list[TaskRow]:
        """Return every job, the oldest first."""
        query = sa.select(*TASKS.c).where(TASKS.c.kind.in_(KINDS)).order_by(TASKS.c.number)
        return [TaskRow(*row) for row in await self.database.read(lambda connection: connection.execute(query).all())]

    async def consistent(self) -> None:
        """Assert that jobs, rows of the ledger and counters say the same."""

        def read(connection: sa.Connection) -> tuple[list[ScheduleRow], list[OccurrenceRow]]:
            schedules = [ScheduleRow(*row) for row in connection.execute(sa.select(*SCHEDULES.c))]
            return schedules, [OccurrenceRow(*row) for row in connection.execute(sa.select(*OCCURRENCES.c))]

        schedules, records = await self.database.scan(read)
        with_jobs = [record.job_id for record in records if record.job_id is not None]
        assert sorted(with_jobs) == sorted(job.id for job in await self.jobs())
        for schedule in schedules:
            of_it = [record for record in records if record.schedule_number == schedule.number]
            assert schedule.record_count == len(of_it)
            assert schedule.run_count == sum(record.job_id is not None for record in of_it)


def clock_time(micros: int) -> str:
    """Return the time of day in UTC."""
    return f"{datetime.fromtimestamp(micros / SECOND, UTC):%H:%M}"


def status(row: OccurrenceRow) -> str:
    """Return the word of the contract."""
    return ["", "fired", "late", "skipped", "missed", "triggered"][row.status]
