"""Carries out what `reconciliation` finds: parts of units of work, whose callers hold the locks of the environments."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from server.clock import to_timestamp
from server.environments import environment_store, lifecycle, operations
from server.environments.decisions import decision_store
from server.environments.decisions.decision_store import DecisionRow
from server.environments.environment_row import EnvironmentRow
from server.environments.reconciliation.judging import Action, Verdict, Work
from server.tasks.store import FinalHooks
from server.tasks.task import TaskRow
from switchyard.environments.v1.activity_service_pb2 import Decision
from switchyard.environments.v1.environment_pb2 import Environment
from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment

# Actions after which nothing is left of the difference, or soon will not be.
CORRECTING: Final = frozenset({Action.CORRECT, Action.DRIVE_ON, Action.GIVE_UP})

# Actions that begin Tasks; all others only store other values.
_BEGINNING: Final = frozenset({Action.DRIVE_ON, Action.GIVE_UP})
_STORED: Final = ("status", "update_time", "running_since", "run_seconds", "error", "drift", "decision_count")


class Judged(NamedTuple):
    """An environment, what is to be done to it, and the facts that this was decided from."""

    row: EnvironmentRow
    verdict: Verdict
    facts: Mapping[str, Any]


def is_news(row: EnvironmentRow, verdict: Verdict) -> bool:
    """Whether there is something to do: what was shown before is not shown again."""
    if verdict.action is Action.AGREE:
        return bool(row.drift)
    if verdict.action is Action.SHOW:
        return row.drift != verdict.reason
    return verdict.action is not Action.LEAVE


def carry_out(connection: sa.Connection, judged: Iterable[Judged], *, now: int, hooks: FinalHooks) -> list[TaskRow]:
    """Do what was found about some environments, store that it was decided, and return Tasks for `Kernel.announce`."""
    tasks: list[TaskRow] = []
    rows: list[EnvironmentRow] = []
    decisions: list[DecisionRow] = []
    for one in judged:
        if one.verdict.action in _BEGINNING:
            tasks += _begin(connection, one, now=now, hooks=hooks)
        else:
            row, decided = _stored(one, now=now)
            rows.append(row)
            decisions += decided
    # Many may differ at once, when a provider fails: they are stored together.
    environment_store.update_all(connection, rows, _STORED)
    decision_store.add_all(connection, decisions)
    return tasks


def inputs(
    row: EnvironmentRow, work: Sequence[Work], found: FoundEnvironment | None = None, *, began: int | None = None
) -> dict[str, Any]:
    """Return what a verdict was made from, as it is stored with it. `began` None: no provider was asked."""
    facts: dict[str, Any] = {
        "status": Environment.Status.Name(row.status).removeprefix("STATUS_"),
        "since": _text(row.update_time),
        "tasks_at_work": len(work),
        "drive_count": row.drive_count,
    }
    if began is None:
        return facts
    facts |= {"provider": row.provider, "compare_time": _text(began), "found": None}
    if found is not None:
        standing = FoundEnvironment.Standing.Name(found.standing).removeprefix("STANDING_")
        facts |= {"found": standing, "detail": found.detail, "resources": list(found.resources)}
    return facts


def _begin(connection: sa.Connection, judged: Judged, *, now: int, hooks: FinalHooks) -> Sequence[TaskRow]:
    row, verdict, facts = judged
    task_id = None
    if verdict.action is Action.GIVE_UP:
        row, tasks = operations.give_up(connection, row, _sentence(verdict.reason), now=now)
    else:
        if row.status == lifecycle.STOPPED:
            row = operations.settle(connection, row, lifecycle.STOPPING, now=now, drift="")
        row, tasks = operations.again(connection, row, now=now, hooks=hooks)
        task_id = row.task_id
    action, reason = verdict.action.value, verdict.reason
    decision_store.add(connection, row, Decision.KIND_RECONCILIATION, action, reason, facts, now=now, task_id=task_id)
    return tasks


def _stored(judged: Judged, *, now: int) -> tuple[EnvironmentRow, Sequence[DecisionRow]]:
    """Return the row as it is to be stored, and the decision about it."""
    row, verdict, facts = judged
    if verdict.action is Action.AGREE:
        # Nothing was decided about it: it is as it should be.
        return row._replace(drift=""), []
    action, reason = verdict.action.value, verdict.reason
    decision = decision_store.next_row(row, Decision.KIND_RECONCILIATION, action, reason, facts, now=now)
    counted = row._replace(decision_count=decision.number)
    if verdict.action is Action.SHOW:
        return counted._replace(drift=reason), [decision]
    error = _sentence(reason) if verdict.status == lifecycle.ERROR else ""
    changed = counted._replace(**operations.settled(row, verdict.status, now=now), error=error, drift="")
    return changed, [decision]


def _sentence(reason: str) -> str:
    return reason[:1].upper() + reason[1:]


def _text(micros: int) -> str:
    return to_timestamp(micros).ToJsonString()
