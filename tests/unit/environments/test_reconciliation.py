"""What becomes of an environment that differs from what its provider has, or on which nobody works."""

from collections.abc import Sequence
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.clock import SECOND
from server.environments import lifecycle
from server.environments.environment_row import EnvironmentRow
from server.environments.lifecycle import (
    CHANGING,
    CREATING,
    DELETING,
    ERROR,
    RUNNING,
    STARTING,
    STOPPED,
    STOPPING,
    Status,
)
from server.environments.reconciliation import judging
from server.environments.reconciliation.judging import LEAVE, Action, Verdict, Work
from server.environments.reconciliation.reconciling import is_news
from switchyard.environments.v1.environment_pb2 import Environment
from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from switchyard.tasks.v1.task_pb2 import Task
from tests.unit.environments.rows import HOUR, MINUTE, NOW, environment

Seen: TypeAlias = "FoundEnvironment.Standing.ValueType | None"

RUNS = FoundEnvironment.STANDING_RUNNING
RESTS = FoundEnvironment.STANDING_STOPPED
AT_WORK = FoundEnvironment.STANDING_CHANGING
BROKEN = FoundEnvironment.STANDING_FAILED
NOTHING = None
BEGAN = NOW - MINUTE

QUEUED = Work(Task.STATE_QUEUED, None, 60)
HELD = Work(Task.STATE_RUNNING, NOW - MINUTE, 60)
OVERDUE = Work(Task.STATE_RUNNING, NOW - HOUR, 60)
WITHOUT_END = Work(Task.STATE_CANCELLING, NOW - HOUR, 60)


def settled(status: Status, **columns: object) -> EnvironmentRow:
    return environment(**{"status": status, "provider": "azure", "update_time": NOW - HOUR, "drift": ""} | columns)


def found(standing: Seen) -> FoundEnvironment | None:
    return None if standing is None else FoundEnvironment(environment_id="env-a", standing=standing)


def judge(row: EnvironmentRow, standing: Seen, work: Sequence[Work] = ()) -> Verdict:
    return judging.compare(row, work, found(standing), began=BEGAN, now=NOW)


@pytest.mark.parametrize(
    ("stored", "standing", "action", "status"),
    [
        (RUNNING, RUNS, Action.AGREE, None),
        (RUNNING, RESTS, Action.CORRECT, STOPPED),
        (RUNNING, AT_WORK, Action.LEAVE, None),
        (RUNNING, BROKEN, Action.CORRECT, ERROR),
        (RUNNING, NOTHING, Action.CORRECT, ERROR),
        (STOPPED, RUNS, Action.DRIVE_ON, None),
        (STOPPED, RESTS, Action.AGREE, None),
        (STOPPED, AT_WORK, Action.LEAVE, None),
        (STOPPED, BROKEN, Action.SHOW, None),
        (STOPPED, NOTHING, Action.SHOW, None),
        (ERROR, RUNS, Action.SHOW, None),
        (ERROR, RESTS, Action.AGREE, None),
        (ERROR, AT_WORK, Action.LEAVE, None),
        (ERROR, BROKEN, Action.AGREE, None),
        # A creation that failed leaves nothing.
        (ERROR, NOTHING, Action.AGREE, None),
    ],
)
def test_what_differs_is_put_right_or_shown(
    stored: Status, standing: Seen, action: Action, status: Status | None
) -> None:
    verdict = judge(settled(stored), standing)

    assert verdict.action is action
    assert status is None or verdict.status == status
    assert bool(verdict.reason) == (action not in {Action.LEAVE, Action.AGREE})


@pytest.mark.parametrize("stored", [CREATING, STARTING, STOPPING])
def test_what_nobody_works_on_is_driven_on_once_and_then_given_up(stored: Status) -> None:
    first = judging.look(settled(stored, drive_count=0), (), now=NOW)
    second = judging.look(settled(stored, drive_count=1), (), now=NOW)

    assert (first.action, second.action, second.status) == (Action.DRIVE_ON, Action.GIVE_UP, ERROR)


@pytest.mark.parametrize("drive_count", [0, 1, 20])
def test_a_deletion_is_driven_on_until_it_is_gone(drive_count: int) -> None:
    assert judging.look(settled(DELETING, drive_count=drive_count), (), now=NOW).action is Action.DRIVE_ON


@pytest.mark.parametrize("stored", sorted(CHANGING))
def test_a_worker_that_takes_twice_its_time_counts_as_lost(stored: Status) -> None:
    for work in (OVERDUE, WITHOUT_END):
        assert judging.look(settled(stored, drive_count=0), (work,), now=NOW).action is Action.DRIVE_ON
    assert judging.look(settled(stored, drive_count=0), (HELD,), now=NOW) == LEAVE


def test_what_waits_for_a_worker_waits_however_long_it_takes() -> None:
    waiting = Work(Task.STATE_QUEUED, NOW - 100 * HOUR, 1)

    assert judging.look(settled(CREATING, drive_count=0), (waiting,), now=NOW) == LEAVE


@pytest.mark.parametrize(
    ("provider", "update_time", "left"),
    [
        # The provider may have told of what was before.
        ("azure", BEGAN + 1, True),
        ("local", BEGAN + 1, True),
        # Clouds tell of a change a while after it was made.
        ("azure", BEGAN - 119 * SECOND, True),
        ("azure", BEGAN - 120 * SECOND, False),
        # This machine does not.
        ("local", BEGAN, False),
    ],
)
def test_what_has_just_changed_is_left_to_the_next_comparison(provider: str, update_time: int, left: bool) -> None:
    row = settled(RUNNING, provider=provider, update_time=update_time)

    assert (judge(row, NOTHING).action is Action.LEAVE) == left


@pytest.mark.parametrize(
    ("row", "work", "wanted"),
    [
        (settled(RUNNING), (), True),
        (settled(STOPPED), (), True),
        (settled(ERROR), (), True),
        # What runs in it has reported only just now.
        (settled(RUNNING, report_time=NOW - MINUTE), (), False),
        (settled(RUNNING, report_time=NOW - 2 * MINUTE), (), True),
        # That it runs would take back what is shown of a difference.
        (settled(RUNNING, report_time=NOW - MINUTE, drift="its provider says that it failed"), (), True),
        (settled(STOPPED, report_time=NOW - MINUTE), (), True),
        # Nothing follows from it, however it fares.
        (settled(RUNNING, update_time=BEGAN + 1), (), False),
        (settled(RUNNING), (HELD,), False),
        *((settled(status, drive_count=0), (), False) for status in sorted(CHANGING)),
    ],
)
def test_how_it_fares_is_asked_only_where_something_follows_from_it(
    row: EnvironmentRow, work: Sequence[Work], wanted: bool
) -> None:
    assert judging.is_in_question(row, work, began=BEGAN, now=NOW) is wanted


@pytest.mark.parametrize("stored", [RUNNING, STOPPED, ERROR])
def test_what_is_there_without_a_word_of_how_it_fares_is_left_alone(stored: Status) -> None:
    assert judge(settled(stored), FoundEnvironment.STANDING_UNSPECIFIED) == LEAVE


STANDINGS = st.sampled_from([NOTHING, *FoundEnvironment.Standing.values()])
STATUSES = st.sampled_from([number for number in Environment.Status.values() if number])


@given(STATUSES, STANDINGS, st.sampled_from([QUEUED, HELD]), st.integers(0, 3))
def test_nothing_with_a_task_that_lives_is_touched(
    stored: Status, standing: Seen, work: Work, drive_count: int
) -> None:
    assert judge(settled(stored, drive_count=drive_count), standing, (work,)) == LEAVE


@given(STATUSES, STANDINGS, st.integers(0, 3), st.sampled_from(["", "it runs at its provider"]))
def test_done_twice_it_changes_nothing_more(stored: Status, standing: Seen, drive_count: int, drift: str) -> None:
    row = settled(stored, drive_count=drive_count, drift=drift)
    verdict = judge(row, standing)

    after, work = carried_out(row, verdict)

    assert not is_news(after, judging.compare(after, work, found(standing), began=BEGAN, now=NOW))


def carried_out(row: EnvironmentRow, verdict: Verdict) -> tuple[EnvironmentRow, Sequence[Work]]:
    """What is stored, and what works on it, after a verdict."""
    match verdict.action:
        case Action.AGREE:
            return row._replace(drift=""), ()
        case Action.SHOW:
            return row._replace(drift=verdict.reason), ()
        case Action.CORRECT | Action.GIVE_UP:
            return row._replace(status=verdict.status, drift="", update_time=NOW), ()
        case Action.DRIVE_ON:
            status = row.status if row.status in CHANGING else lifecycle.STOPPING
            return row._replace(status=status, drive_count=row.drive_count + 1, update_time=NOW), (QUEUED,)
    return row, ()
