"""The ledger over every change of clocks from 2020 to 2030, in every zone of the tz database."""

from collections import defaultdict

import pytest
import sqlalchemy as sa

from server.clock import SECOND
from server.orchestrator.schedules import schedule_store
from server.orchestrator.schedules.schedule_row import NewSchedule, ScheduleRow
from tests.integration.database.databases import USUAL_DIALECT
from tests.integration.orchestrator.schedules.parts import WORKFLOW, Bench
from tests.unit.orchestrator.schedules.slow_calendar import (
    HOUR,
    Night,
    expressions_of,
    nights,
    slow_fire_times,
    walls,
)

AROUND = 4 * HOUR


@pytest.mark.timeout(240)
@pytest.mark.parametrize("bench", [USUAL_DIALECT], indirect=True)
async def test_the_ledger_has_exactly_the_rows_of_the_slow_calendar(bench: Bench) -> None:
    at_once: dict[int, list[tuple[Night, str]]] = defaultdict(list)
    for number, night in enumerate(nights()):
        expressions = expressions_of(night)
        at_once[night.change].append((night, expressions[number % len(expressions)]))

    for change, found in at_once.items():
        bench.clock.stopped_at = (change - AROUND) * SECOND
        rows = await add_all(bench, found)
        bench.clock.stopped_at = (change + AROUND) * SECOND
        bench.scheduler.begin()
        await bench.scheduler.fire_due()
        for night, expression in found:
            expected = slow_fire_times(expression, walls(night.zone, change - AROUND, change + AROUND))
            for row in rows[night]:
                recorded = [record.fire_time // SECOND for record in await bench.ledger(row)]
                assert recorded == expected, (row.zone, expression)
        await bench.database.write(lambda connection: schedule_store.delete_of_workflow(connection, WORKFLOW))


async def add_all(bench: Bench, found: list[tuple[Night, str]]) -> dict[Night, list[ScheduleRow]]:
    """Store a schedule in each zone of each night."""

    def insert(connection: sa.Connection, zone: str, expression: str) -> ScheduleRow:
        new = NewSchedule(workflow_id=WORKFLOW, tenant="", name=zone, cron=expression, zone=zone)
        return schedule_store.insert(connection, new, now=bench.clock())

    return await bench.database.write(
        lambda connection: {
            night: [insert(connection, zone, expression) for zone in sorted(night.zones)] for night, expression in found
        }
    )
