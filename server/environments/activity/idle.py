"""Whether an environment that runs goes on: the rule of idleness and of the hard maximum. Pure.

The first rule that applies decides:

| rule             | applies when                                                                            |      |
| ---------------- | --------------------------------------------------------------------------------------- | ---- |
| max_run          | `max_run_minutes` have passed since it was started                                      | stop |
| keep_awake_until | it is kept awake until a time that is to come                                           | keep |
| keep_awake_task  | it is kept awake by a Task that has not ended                                           | keep |
| never            | `auto_stop_minutes` is 0                                                                | keep |
| connections      | the newest report has open connections, and is not older than 24 hours                  | keep |
| recent           | it was started or used within `auto_stop_minutes`                                       | keep |
| idle             | none of these                                                                           | stop |
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from server.clock import SECOND, to_timestamp
from server.environments.activity import keep_awake
from server.environments.environment_row import EnvironmentRow
from server.environments.lifecycle import RUNNING
from switchyard.tasks.v1.task_pb2 import Task

TaskState: TypeAlias = Task.State.ValueType

MINUTE: Final = 60 * SECOND
# A connection that nobody has told of since then is not believed to be open any more.
CONNECTIONS_COUNT: Final = 24 * 60 * MINUTE

STOPS: Final = frozenset({"max_run", "idle"})


@dataclass(frozen=True, slots=True)
class Verdict:
    """What comes of a look at an environment: the `rule` that decided, why in a sentence, and from what."""

    rule: str
    reason: str
    inputs: Mapping[str, Any]

    @property
    def stops(self) -> bool:
        """Whether it is to be stopped."""
        return self.rule in STOPS

    @property
    def action(self) -> str:
        """What is done, in the words of a Decision."""
        return "stop" if self.stops else "keep"


def judge(row: EnvironmentRow, task_state: TaskState | None, *, now: int) -> Verdict | None:
    """Return what is to be done about `row` at `now`, in micros; None unless it is RUNNING.

    `task_state` is that of the Task that keeps it awake, None when there is none, or none any more.
    """
    rule = rule_of(row, task_state, now=now)
    if rule is None:
        return None
    return Verdict(rule, _REASONS[rule](row), {"rule": rule, **_facts(row, task_state)})


def rule_of(row: EnvironmentRow, task_state: TaskState | None, *, now: int) -> str | None:
    """Return the rule by which `judge` decides, which costs much less than to say why; None where it says None."""
    if row.status != RUNNING:
        return None
    if row.max_run_minutes and now >= _since(row) + row.max_run_minutes * MINUTE:
        return "max_run"
    if keep_awake.lasts(row, task_state, now=now):
        return "keep_awake_task" if row.keep_awake_until is None else "keep_awake_until"
    if not row.auto_stop_minutes:
        return "never"
    if _connected(row, now=now):
        return "connections"
    return "recent" if now < _last_activity(row) + row.auto_stop_minutes * MINUTE else "idle"


def _connected(row: EnvironmentRow, *, now: int) -> bool:
    if row.report_time is None or row.ide_connections + row.ssh_connections == 0:
        return False
    return now <= row.report_time + CONNECTIONS_COUNT


def _last_activity(row: EnvironmentRow) -> int:
    return max(_since(row), row.ide_time or 0, row.ssh_time or 0)


def _since(row: EnvironmentRow) -> int:
    # What runs has a time since when it does; without one nothing is known to be older than the last change.
    return row.update_time if row.running_since is None else row.running_since


_REASONS: Final[Mapping[str, Callable[[EnvironmentRow], str]]] = {
    "max_run": lambda row: f"It has run for {_minutes(row.max_run_minutes)}, which is the most it may",
    "keep_awake_until": lambda row: f"It is kept awake until {_text(row.keep_awake_until)}: {row.keep_awake_reason}",
    "keep_awake_task": lambda row: (
        f"It is kept awake until task {row.keep_awake_task} has ended: {row.keep_awake_reason}"
    ),
    "never": lambda _: "It is never stopped for want of activity",
    "connections": lambda _: "The newest report has open connections",
    "recent": lambda row: f"It was started or used within the last {_minutes(row.auto_stop_minutes)}",
    "idle": lambda row: f"It was neither started nor used within the last {_minutes(row.auto_stop_minutes)}",
}


def _facts(row: EnvironmentRow, task_state: TaskState | None) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "running_since": _text(row.running_since),
        "auto_stop_minutes": row.auto_stop_minutes,
        "max_run_minutes": row.max_run_minutes,
        "report_time": _text(row.report_time),
        "last_ide_activity": _text(row.ide_time),
        "last_ssh_activity": _text(row.ssh_time),
        "active_ide_connections": row.ide_connections,
        "active_ssh_connections": row.ssh_connections,
        "keep_awake_until": _text(row.keep_awake_until),
        "keep_awake_task_id": row.keep_awake_task,
        "keep_awake_task_state": None if task_state is None else Task.State.Name(task_state).removeprefix("STATE_"),
    }
    return {name: fact for name, fact in facts.items() if fact is not None}


def _minutes(count: int) -> str:
    return "minute" if count == 1 else f"{count} minutes"


def _text(micros: int | None) -> str | None:
    return None if micros is None else to_timestamp(micros).ToJsonString()
