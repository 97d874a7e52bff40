"""When an environment that runs is stopped, and by which rule."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.environments.activity import idle
from server.environments.environment_row import EnvironmentRow
from server.environments.lifecycle import (
    CREATING,
    DELETING,
    ERROR,
    RUNNING,
    STARTING,
    STOPPED,
    STOPPING,
)
from switchyard.tasks.v1.task_pb2 import Task
from tests.unit.environments.rows import HOUR, MINUTE, NOW, environment

QUEUED, RUNS, DONE = Task.STATE_QUEUED, Task.STATE_RUNNING, Task.STATE_SUCCEEDED
LONG_AGO = NOW - 100 * HOUR
UNUSED = {"running_since": LONG_AGO}


def rule(task_state: Any = None, **columns: Any) -> str:
    verdict = idle.judge(environment(**columns), task_state, now=NOW)
    assert verdict is not None
    return verdict.rule


@pytest.mark.parametrize(
    ("columns", "task_state", "expected"),
    [
        # Neither started nor used for so long.
        ({"running_since": NOW - 30 * MINUTE + 1}, None, "recent"),
        ({"running_since": NOW - 30 * MINUTE}, None, "idle"),
        (UNUSED | {"ide_time": NOW - 30 * MINUTE + 1}, None, "recent"),
        (UNUSED | {"ssh_time": NOW - 30 * MINUTE + 1}, None, "recent"),
        (UNUSED | {"ide_time": NOW - 30 * MINUTE, "ssh_time": LONG_AGO}, None, "idle"),
        # Reports come by themselves, and are no use.
        (UNUSED | {"report_time": NOW}, None, "idle"),
        # Open connections, for a day.
        (UNUSED | {"report_time": NOW, "ide_connections": 1}, None, "connections"),
        (UNUSED | {"report_time": NOW - 24 * HOUR, "ssh_connections": 1}, None, "connections"),
        (UNUSED | {"report_time": NOW - 24 * HOUR - 1, "ssh_connections": 1}, None, "idle"),
        # Never.
        (UNUSED | {"auto_stop_minutes": 0}, None, "never"),
        (UNUSED | {"auto_stop_minutes": 0, "max_run_minutes": 60}, None, "max_run"),
        # Kept awake.
        (UNUSED | {"keep_awake_until": NOW + 1}, None, "keep_awake_until"),
        (UNUSED | {"keep_awake_until": NOW}, None, "idle"),
        (UNUSED | {"keep_awake_task": "t"}, QUEUED, "keep_awake_task"),
        (UNUSED | {"keep_awake_task": "t"}, RUNS, "keep_awake_task"),
        (UNUSED | {"keep_awake_task": "t"}, DONE, "idle"),
        (UNUSED | {"keep_awake_task": "t"}, None, "idle"),
        # The hard maximum.
        ({"running_since": NOW - 60 * MINUTE + 1, "max_run_minutes": 60, "ide_time": NOW}, None, "recent"),
        ({"running_since": NOW - 60 * MINUTE, "max_run_minutes": 60, "ide_time": NOW}, None, "max_run"),
    ],
)
def test_the_first_rule_that_applies_decides(columns: dict[str, Any], task_state: Any, expected: str) -> None:
    assert rule(task_state, **columns) == expected


@pytest.mark.parametrize("status", [CREATING, STARTING, STOPPING, STOPPED, ERROR, DELETING])
def test_nothing_is_decided_about_what_does_not_run(status: Any) -> None:
    row = environment(status=status, running_since=LONG_AGO, max_run_minutes=1)

    assert idle.judge(row, None, now=NOW) is None


def test_a_verdict_says_why_and_from_what() -> None:
    row = environment(**UNUSED, ide_time=NOW - 45 * MINUTE, report_time=NOW - MINUTE)

    verdict = idle.judge(row, None, now=NOW)

    assert verdict is not None
    assert (verdict.stops, verdict.action) == (True, "stop")
    assert verdict.reason == "It was neither started nor used within the last 30 minutes"
    assert orjson.loads(orjson.dumps(verdict.inputs)) == {
        "rule": "idle",
        "running_since": "2026-09-17T10:13:20Z",
        "auto_stop_minutes": 30,
        "max_run_minutes": 0,
        "report_time": "2026-09-21T14:12:20Z",
        "last_ide_activity": "2026-09-21T13:28:20Z",
        "active_ide_connections": 0,
        "active_ssh_connections": 0,
    }


def test_a_verdict_names_what_keeps_it_awake() -> None:
    row = environment(**UNUSED, keep_awake_task="t-1", keep_awake_reason="the nightly build")

    verdict = idle.judge(row, RUNS, now=NOW)

    assert verdict is not None
    assert verdict.reason == "It is kept awake until task t-1 has ended: the nightly build"
    assert verdict.inputs["keep_awake_task_state"] == "RUNNING"


ago = st.integers(0, 200 * 60).map(lambda minutes: NOW - minutes * MINUTE)
rows = st.builds(
    environment,
    status=st.just(RUNNING),
    running_since=ago,
    auto_stop_minutes=st.sampled_from([0, 1, 30, 10_080]),
    max_run_minutes=st.sampled_from([0, 1, 60, 43_200]),
    ide_time=st.none() | ago,
    ssh_time=st.none() | ago,
    report_time=st.none() | ago,
    ide_connections=st.sampled_from([0, 1, 100_000]),
    ssh_connections=st.sampled_from([0, 2]),
    keep_awake_until=st.none() | st.integers(-60, 60).map(lambda minutes: NOW + minutes * MINUTE),
)


@given(rows)
def test_the_hard_maximum_holds_whatever_else(row: EnvironmentRow) -> None:
    verdict = idle.judge(row, None, now=NOW)

    assert verdict is not None
    assert row.running_since is not None
    over = row.max_run_minutes > 0 and NOW - row.running_since >= row.max_run_minutes * MINUTE
    assert (verdict.rule == "max_run") == over


@given(rows)
def test_what_was_used_just_now_is_stopped_by_the_hard_maximum_only(row: EnvironmentRow) -> None:
    verdict = idle.judge(row._replace(ide_time=NOW), None, now=NOW)

    assert verdict is not None
    assert verdict.rule != "idle"


@given(rows, ago)
def test_more_activity_never_stops_an_environment(row: EnvironmentRow, time: int) -> None:
    before = idle.judge(row, None, now=NOW)
    after = idle.judge(row._replace(ssh_time=max(time, row.ssh_time or 0)), None, now=NOW)

    assert before is not None
    assert after is not None
    assert before.stops or not after.stops


@given(rows, st.integers(0, 100_000).map(lambda minutes: NOW + minutes * MINUTE))
def test_what_is_idle_stays_so_unless_something_happens(row: EnvironmentRow, later: int) -> None:
    before, after = idle.judge(row, None, now=NOW), idle.judge(row, None, now=later)

    assert before is not None
    assert after is not None
    assert after.stops or not before.stops


@given(rows)
def test_an_environment_with_neither_limit_runs_on(row: EnvironmentRow) -> None:
    verdict = idle.judge(row._replace(auto_stop_minutes=0, max_run_minutes=0), None, now=NOW)

    assert verdict is not None
    assert not verdict.stops
