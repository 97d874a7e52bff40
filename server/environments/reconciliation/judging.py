"""What becomes of an environment that is not what its provider has of it, or on which nobody works any more. Pure.

An environment is left alone while a Task works on it, and where it has changed so shortly before a comparison began, or
after, that the provider may have told of what was before. Else:

| stored               | runs     | stopped | at work | failed   | nothing there |
| -------------------- | -------- | ------- | ------- | -------- | ------------- |
| RUNNING              | agrees   | STOPPED | wait    | ERROR    | ERROR         |
| STOPPED              | stop it  | agrees  | wait    | show     | show          |
| ERROR                | show     | agrees  | wait    | agrees   | agrees        |
| CREATING, STARTING,  | drive on, and when that has ended without an end as well, ERROR     |
| STOPPING             |                                                                     |
| DELETING             | drive on until it is gone                                           |

For the last rows nobody is asked: that the Task has gone without moving the environment is enough. What is there, and
nobody has told how it fares, waits too.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from server.clock import SECOND
from server.environments.environment_row import EnvironmentRow
from server.environments.lifecycle import CHANGING, DELETING, ERROR, RUNNING, STOPPED, Status
from server.tasks.task import FINAL
from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from switchyard.tasks.v1.task_pb2 import Task

Standing: TypeAlias = "FoundEnvironment.Standing.ValueType"

# Clouds tell of a change a while after it has been made; this machine tells at once.
SETTLE_SECONDS: Final = 120
_AT_ONCE: Final = frozenset({"local"})
# Supervisors report each minute. One that has reported since then runs, and so does the environment around it.
REPORT_SECONDS: Final = 120
# What takes so many times as long as an attempt may take has no worker that would end it.
OVERDUE_TIMES: Final = 2


class Action(Enum):
    """What is done. Values are those of Decision.action; without one nothing is to be told."""

    LEAVE = ""
    # It is as the provider says. What was shown of a difference is taken back.
    AGREE = "keep"
    SHOW = "show"
    CORRECT = "correct"
    # Begin the operation anew: the one under way, or the end of what runs although it was stopped.
    DRIVE_ON = "drive on"
    GIVE_UP = "give up"


class Verdict(NamedTuple):
    """What is done, why, and where the environment stands then if it is corrected."""

    action: Action
    reason: str = ""
    status: Status = ERROR


class Work(NamedTuple):
    """A Task of an environment that is not final. Times are micros."""

    state: "Task.State.ValueType"
    start_time: int | None
    attempt_timeout_seconds: int


LEAVE: Final = Verdict(Action.LEAVE)
AGREE: Final = Verdict(Action.AGREE)

_TABLE: Final[Mapping[Status, Mapping["Standing | None", Verdict]]] = {
    RUNNING: {
        FoundEnvironment.STANDING_RUNNING: AGREE,
        FoundEnvironment.STANDING_STOPPED: Verdict(Action.CORRECT, "its provider has stopped it", STOPPED),
        FoundEnvironment.STANDING_FAILED: Verdict(Action.CORRECT, "its provider says that it failed"),
        None: Verdict(Action.CORRECT, "its container is gone; start makes it anew"),
    },
    STOPPED: {
        FoundEnvironment.STANDING_RUNNING: Verdict(Action.DRIVE_ON, "it runs although it was stopped"),
        FoundEnvironment.STANDING_STOPPED: AGREE,
        FoundEnvironment.STANDING_FAILED: Verdict(Action.SHOW, "its provider says that it failed"),
        None: Verdict(Action.SHOW, "nothing of it is there any more; start makes it anew, without its files"),
    },
    ERROR: {
        FoundEnvironment.STANDING_RUNNING: Verdict(Action.SHOW, "it runs at its provider"),
        FoundEnvironment.STANDING_STOPPED: AGREE,
        FoundEnvironment.STANDING_FAILED: AGREE,
        None: AGREE,
    },
}


def compare(
    row: EnvironmentRow, work: Sequence[Work], found: FoundEnvironment | None, *, began: int, now: int
) -> Verdict:
    """Return what becomes of an environment.

    Args:
        row: the environment.
        work: its Tasks that are not final.
        found: what its provider has of it; None for nothing.
        began: when the comparison began, in micros.
        now: the time, in micros.
    """
    if row.status in CHANGING:
        return look(row, work, now=now)
    settle_seconds = 0 if row.provider in _AT_ONCE else SETTLE_SECONDS
    if work or row.update_time > began - settle_seconds * SECOND:
        return LEAVE
    return _TABLE[row.status].get(None if found is None else found.standing, LEAVE)


def is_in_question(row: EnvironmentRow, work: Sequence[Work], *, began: int, now: int) -> bool:
    """Whether anything follows from how an environment fares of which something is there; see `compare`.

    Nothing does of one that is to run while its supervisor reports.
    """
    reports = row.report_time is not None and row.report_time > now - REPORT_SECONDS * SECOND
    if row.status == RUNNING and reports and not row.drift:
        return False
    standings = (FoundEnvironment(standing=standing) for standing in FoundEnvironment.Standing.values())
    return len({compare(row, work, found, began=began, now=now) for found in standings}) > 1


def look(row: EnvironmentRow, work: Sequence[Work], *, now: int) -> Verdict:
    """Return what becomes of an environment without a word of its provider; arguments are those of `compare`."""
    if row.status not in CHANGING or (work and not any(_overdue(one, now=now) for one in work)):
        return LEAVE
    if row.status == DELETING:
        return Verdict(Action.DRIVE_ON, "nobody is deleting it any more")
    if row.drive_count:
        return Verdict(Action.GIVE_UP, "the work on it was lost twice")
    return Verdict(Action.DRIVE_ON, "nobody is working on it any more")


def _overdue(work: Work, *, now: int) -> bool:
    """Whether a worker has it for so long that no end of it can be expected. What waits for a worker is not lost."""
    if work.state in FINAL or work.state == Task.STATE_QUEUED or work.start_time is None:
        return False
    return now - work.start_time > OVERDUE_TIMES * work.attempt_timeout_seconds * SECOND
