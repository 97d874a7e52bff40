"""Of what a list of the provider does not tell how it fares, what has to be looked at by itself."""

from collections.abc import Iterable

import sqlalchemy as sa

from server.environments import environment_store
from server.environments.new_task import environment_subject
from server.environments.packed import unpacked
from server.environments.reconciliation import reconciliation_store
from server.environments.reconciliation.judging import is_in_question
from server.tasks.task import TaskRow
from switchyard.environments.v1.provisioning_service_pb2 import CompareEnvironments, FoundEnvironment


def wanted(connection: sa.Connection, task: TaskRow, found: Iterable[FoundEnvironment], *, now: int) -> list[str]:
    """Return the ids of those of `found`, told to the comparison `task`, that have no standing where it matters.

    What is of no environment needs none: an orphan is shown however it fares.
    """
    untold = [one.environment_id for one in found if one.standing == FoundEnvironment.STANDING_UNSPECIFIED]
    if not untold:
        return []
    provider = unpacked(task.payload, CompareEnvironments()).provider
    rows = environment_store.of_ids(connection, provider, untold)
    work = reconciliation_store.work_of(connection, [environment_subject(row.id) for row in rows])
    began = task.start_time or task.create_time
    return [
        row.id for row in rows if is_in_question(row, work.get(environment_subject(row.id), ()), began=began, now=now)
    ]
