"""What was decided about environments without anybody having asked: functions over a connection, each part of its
caller's transaction.

Whoever adds a decision holds the lock of its environment, which counts them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import orjson
import sqlalchemy as sa

from server.environments import environment_store
from server.environments.environment_row import EnvironmentRow
from server.environments.tables import ENVIRONMENT_DECISIONS
from switchyard.environments.v1.activity_service_pb2 import Decision

Kind: TypeAlias = Decision.Kind.ValueType

# Decisions kept of each environment.
KEPT: Final = 1_000


class DecisionRow(NamedTuple):
    """One row of the table `environment_decisions`, in the order of its columns. `inputs` is a JSON object."""

    environment_number: int
    number: int
    kind: Kind
    action: str
    reason: str
    inputs: str
    decide_time: int
    task_id: str | None


def add(
    connection: sa.Connection,
    row: EnvironmentRow,
    kind: Kind,
    action: str,
    reason: str,
    inputs: Mapping[str, Any],
    *,
    now: int,
    task_id: str | None = None,
) -> EnvironmentRow:
    """Store a decision about `row`, whose lock the caller holds, and return the row as it is now.

    Args:
        connection: the caller's unit of work.
        row: the environment.
        kind: who decided.
        action: what, as the contract's Decision lists it.
        reason: why, in a sentence.
        inputs: from what; values that JSON has, times in RFC 3339.
        now: when, in micros.
        task_id: the Task that came of it.
    """
    decision = next_row(row, kind, action, reason, inputs, now=now, task_id=task_id)
    add_all(connection, [decision])
    return environment_store.update(connection, row, decision_count=decision.number)


def add_all(connection: sa.Connection, decisions: Sequence[DecisionRow]) -> None:
    """Store decisions about several environments, as `add` does one; the caller stores that they were counted."""
    if decisions:
        connection.execute(_INSERT, [one._asdict() for one in decisions])
    for one in decisions:
        if one.number > KEPT:
            connection.execute(_FORGET, {"of_environment": one.environment_number, "up_to": one.number - KEPT})


def next_row(
    row: EnvironmentRow,
    kind: Kind,
    action: str,
    reason: str,
    inputs: Mapping[str, Any],
    *,
    now: int,
    task_id: str | None = None,
) -> DecisionRow:
    """Return the decision that comes next about `row`; arguments are those of `add`."""
    number = row.decision_count + 1
    return DecisionRow(row.number, number, kind, action, reason, orjson.dumps(inputs).decode(), now, task_id)


def page(connection: sa.Connection, row: EnvironmentRow, *, limit: int, before: int | None = None) -> list[DecisionRow]:
    """Return at most `limit` decisions about `row`, newest first; with `before` only those of lower numbers."""
    query = _OF_ENVIRONMENT.limit(limit)
    if before is not None:
        query = query.where(ENVIRONMENT_DECISIONS.c.number < before)
    return [DecisionRow._make(found) for found in connection.execute(query, {"of_environment": row.number})]


def newest(connection: sa.Connection, row: EnvironmentRow, kind: Kind) -> DecisionRow | None:
    """Return the newest decision of `kind` about `row`, None when there is none."""
    query = _OF_ENVIRONMENT.where(ENVIRONMENT_DECISIONS.c.kind == kind).limit(1)
    found = connection.execute(query, {"of_environment": row.number}).first()
    return None if found is None else DecisionRow._make(found)


_INSERT: Final = sa.insert(ENVIRONMENT_DECISIONS)
_MINE: Final = ENVIRONMENT_DECISIONS.c.environment_number == sa.bindparam("of_environment")
_OF_ENVIRONMENT: Final = (
    sa.select(*ENVIRONMENT_DECISIONS.c).where(_MINE).order_by(ENVIRONMENT_DECISIONS.c.number.desc())
)
_FORGET: Final = sa.delete(ENVIRONMENT_DECISIONS).where(_MINE, ENVIRONMENT_DECISIONS.c.number <= sa.bindparam("up_to"))
