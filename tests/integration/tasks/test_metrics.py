"""What is counted of Tasks, whichever way they go: once each, and only what is on disk."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from server.database.database import Database
from server.tasks import metrics, store
from server.tasks.kernel import Kernel
from server.tasks.lifecycle import Failed, Succeeded
from server.tasks.log_hub import LogHub
from server.tasks.log_store import LogLineRow
from tests.integration.tasks.parts import HandClock, claim, claimed, run

Counted = Callable[..., float]


@pytest.fixture
def counted() -> Counted:
    """How much a sample has grown since the test began: metrics are those of the process."""
    registry = CollectorRegistry()
    for metric in metrics.METRICS:
        registry.register(metric)

    before = {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in registry.collect()
        for sample in family.samples
    }

    def grown(name: str, **labels: str) -> float:
        return (registry.get_sample_value(name, labels) or 0.0) - before.get((name, *sorted(labels.items())), 0.0)

    return grown


async def test_the_wait_is_from_when_a_task_was_due(kernel: Kernel, clock: HandClock, counted: Counted) -> None:
    await kernel.create(run(not_before=clock.now + 60_000_000))
    clock.advance(62)

    await claim(kernel)

    assert counted("switchyard_task_queue_seconds_count", kind="run_bot") == 1
    assert counted("switchyard_task_queue_seconds_sum", kind="run_bot") == pytest.approx(2.0)


async def test_a_task_that_was_given_back_has_waited_once(kernel: Kernel, counted: Counted) -> None:
    row = await claimed(kernel)
    await kernel.release(row.id, row.fencing_token)

    await claim(kernel)

    assert counted("switchyard_task_queue_seconds_count", kind="run_bot") == 1


async def test_an_end_is_counted_once_with_its_time(kernel: Kernel, clock: HandClock, counted: Counted) -> None:
    row = await claimed(kernel)
    clock.advance(7)

    for _ in range(2):
        await kernel.finish(row.id, row.fencing_token, Succeeded())

    assert counted("switchyard_tasks_ended_total", kind="run_bot", state="succeeded") == 1
    assert counted("switchyard_task_run_seconds_sum", kind="run_bot") == pytest.approx(7.0)


async def test_a_task_that_never_ran_has_no_run_time(kernel: Kernel, counted: Counted) -> None:
    row = await kernel.create(run())

    await kernel.cancel(row.id, "not wanted")

    assert counted("switchyard_tasks_ended_total", kind="run_bot", state="cancelled") == 1
    assert counted("switchyard_task_run_seconds_count", kind="run_bot") == 0


async def test_an_attempt_that_is_repeated_is_no_end(kernel: Kernel, counted: Counted) -> None:
    row = await claimed(kernel, run(max_attempts=2))

    await kernel.finish(row.id, row.fencing_token, Failed("Broken", "it broke", retryable=True))

    assert counted("switchyard_task_retries_total", kind="run_bot") == 1
    assert counted("switchyard_tasks_ended_total", kind="run_bot", state="failed") == 0


async def test_a_worker_that_is_silent_loses_its_lease(kernel: Kernel, clock: HandClock, counted: Counted) -> None:
    await claimed(kernel)
    clock.advance(kernel.lease_seconds)

    await kernel.expire_leases()

    assert counted("switchyard_task_leases_lost_total", kind="run_bot") == 1
    assert counted("switchyard_tasks_ended_total", kind="run_bot", state="failed") == 1


async def test_what_is_undone_is_not_counted(kernel: Kernel, database: Database, counted: Counted) -> None:
    row = await kernel.create(run())

    def cancel_and_fail(connection: sa.Connection) -> None:
        store.cancel(connection, row.id, reason="", now=kernel.clock(), hooks={})
        raise ValueError("something else went wrong")

    with pytest.raises(ValueError, match="something else"):
        await database.write(cancel_and_fail)

    assert counted("switchyard_tasks_ended_total", kind="run_bot", state="cancelled") == 0


async def test_log_lines_are_counted_when_they_are_stored(kernel: Kernel, hub: LogHub, counted: Counted) -> None:
    row = await claimed(kernel)

    hub.publish(row.id, [LogLineRow(1, 0, 1, "one"), LogLineRow(2, 0, 1, "two")])
    hub.publish(row.id, [])

    assert counted("switchyard_log_lines_total") == 2
