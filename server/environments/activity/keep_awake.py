"""What keeps an environment awake, for a time or as long as a Task is not final. Pure."""

from typing import Any, Final, TypeAlias

from server.clock import SECOND, from_timestamp
from server.database.text import storable
from server.environments.environment_row import EnvironmentRow
from server.errors import InvalidArgument
from server.tasks.task import FINAL, TaskRow
from switchyard.environments.v1.activity_service_pb2 import KeepAwakeRequest
from switchyard.tasks.v1.task_pb2 import Task

TaskState: TypeAlias = Task.State.ValueType

# Source: the comment of `KeepAwakeRequest.until`.
LONGEST: Final = 7 * 24 * 3600 * SECOND

# The columns of an environment that nothing keeps awake.
NOTHING: Final[dict[str, Any]] = {"keep_awake_until": None, "keep_awake_task": None, "keep_awake_reason": ""}


def is_asked_for(row: EnvironmentRow) -> bool:
    """Whether somebody wants it kept awake, or did until a while ago."""
    return row.keep_awake_until is not None or row.keep_awake_task is not None


def lasts(row: EnvironmentRow, task_state: TaskState | None, *, now: int) -> bool:
    """Whether it is kept awake at `now`. `task_state` None: the Task that keeps it awake is gone, or there is none."""
    if row.keep_awake_until is not None:
        return now < row.keep_awake_until
    return row.keep_awake_task is not None and task_state is not None and task_state not in FINAL


def until(request: KeepAwakeRequest, *, now: int) -> dict[str, Any]:
    """Return the columns of an environment that `request` keeps awake until a time.

    Raises:
        InvalidArgument: the time has passed, or is more than 7 days ahead.
    """
    time = from_timestamp(request.until)
    if not now < time <= now + LONGEST:
        raise InvalidArgument.field("until", "must be a time to come, at most 7 days ahead")
    return NOTHING | {"keep_awake_until": time, "keep_awake_reason": storable(request.reason)}


def as_long_as(task: TaskRow, request: KeepAwakeRequest) -> dict[str, Any]:
    """Return the columns of an environment that `request` keeps awake until `task` has ended.

    Raises:
        InvalidArgument: it has ended already.
    """
    if task.final:
        raise InvalidArgument.field("taskId", "must be that of a task that has not ended")
    return NOTHING | {"keep_awake_task": task.id, "keep_awake_reason": storable(request.reason)}


def check(request: KeepAwakeRequest) -> None:
    """Refuse a request that says neither how long, or says it twice.

    Raises:
        InvalidArgument: exactly one of `until` and `task_id` must be given.
    """
    if request.HasField("until") == bool(request.task_id):
        raise InvalidArgument.field("until", "or taskId must be given, and not both")
