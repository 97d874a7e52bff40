"""Where environments are kept: functions over a connection, each part of its caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from server.database.text import storable
from server.environments.environment_row import EnvironmentRow
from server.environments.lifecycle import STOPPED, Status
from server.environments.tables import ENVIRONMENT_DECISIONS, ENVIRONMENT_SCHEDULES, ENVIRONMENTS
from server.errors import NotFound
from switchyard.environments.v1.quota_service_pb2 import Amounts


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose environments a caller meets; None: everybody's."""

    tenant: str | None = None
    user_id: str | None = None

    def narrowed(self, user_id: str) -> "Whose":
        """Return those of them that are of `user_id`; empty: all of them. Who meets only their own meets these."""
        return self if self.user_id is not None or not user_id else replace(self, user_id=user_id)


EVERYBODY: Final = Whose()


def insert(connection: sa.Connection, values: dict[str, Any]) -> EnvironmentRow:
    """Store an environment of these columns, those without a value left out, and return it."""
    connection.execute(sa.insert(ENVIRONMENTS), _BLANK | values)
    return require(connection, values["id"])


def get(connection: sa.Connection, environment_id: str, whose: Whose = EVERYBODY) -> EnvironmentRow | None:
    """Return the environment of that id, None when there is none for that caller."""
    return _one(connection, _BY_ID, environment_id, whose)


def require(connection: sa.Connection, environment_id: str, whose: Whose = EVERYBODY) -> EnvironmentRow:
    """Return the environment of that id. Raises NotFound when there is none for that caller."""
    return _found(get(connection, environment_id, whose), environment_id)


def get_locked(connection: sa.Connection, environment_id: str) -> EnvironmentRow | None:
    """Return the environment, which no other unit of work changes before this one ends; None when there is none."""
    return _one(connection, _BY_ID_LOCKED, environment_id, EVERYBODY)


def require_locked(connection: sa.Connection, environment_id: str, whose: Whose = EVERYBODY) -> EnvironmentRow:
    """Return the environment as `get_locked` does. Raises NotFound when there is none for that caller."""
    return _found(_one(connection, _BY_ID_LOCKED, environment_id, whose), environment_id)


def at_numbers_locked(connection: sa.Connection, numbers: Sequence[int]) -> list[EnvironmentRow]:
    """Return the environments of these numbers, oldest first, and hold them as `get_locked` does."""
    return [EnvironmentRow._make(row) for row in connection.execute(_BY_NUMBERS_LOCKED, {"numbers": numbers})]


def of_token(connection: sa.Connection, token_digest: str) -> EnvironmentRow | None:
    """Return the environment that has the token with this SHA-256, in hexadecimal."""
    row = connection.execute(_ALL.where(ENVIRONMENTS.c.token_digest == token_digest)).first()
    return None if row is None else EnvironmentRow._make(row)


def page(
    connection: sa.Connection, whose: Whose, *, status: Status | None, limit: int, offset: int
) -> tuple[list[EnvironmentRow], int]:
    """Return `limit` environments behind the `offset` newest ones, and how many there are at all."""
    conditions = _conditions(whose)
    if status:
        conditions.append(ENVIRONMENTS.c.status == status)
    query = _ALL.where(*conditions).order_by(ENVIRONMENTS.c.number.desc()).limit(limit).offset(offset)
    rows = [EnvironmentRow._make(row) for row in connection.execute(query)]
    total = connection.execute(sa.select(sa.func.count()).select_from(ENVIRONMENTS).where(*conditions)).scalar_one()
    return rows, total


def update(connection: sa.Connection, row: EnvironmentRow, **values: Any) -> EnvironmentRow:
    """Store other values of a row whose lock the caller holds, and return it as it is now."""
    changed = row._replace(**values)
    columns = {_COLUMN_OF.get(name, name): value for name, value in values.items()}
    connection.execute(sa.update(ENVIRONMENTS).where(ENVIRONMENTS.c.number == row.number).values(columns))
    return changed


def update_all(connection: sa.Connection, rows: Sequence[EnvironmentRow], names: Sequence[str]) -> None:
    """Store the values that `rows`, whose locks the caller holds, have in the columns `names`."""
    columns: dict[str, Any] = {_COLUMN_OF.get(name, name): sa.bindparam(f"new_{name}") for name in names}
    statement = sa.update(ENVIRONMENTS).where(ENVIRONMENTS.c.number == sa.bindparam("at_number")).values(columns)
    values = [{"at_number": row.number} | {f"new_{name}": getattr(row, name) for name in names} for row in rows]
    if values:
        connection.execute(statement, values)


def delete(connection: sa.Connection, row: EnvironmentRow) -> None:
    """Forget an environment with its decisions and schedules. Its Tasks stay."""
    for table in (ENVIRONMENT_DECISIONS, ENVIRONMENT_SCHEDULES):
        connection.execute(sa.delete(table).where(table.c.environment_number == row.number))
    connection.execute(sa.delete(ENVIRONMENTS).where(ENVIRONMENTS.c.number == row.number))


def in_status(connection: sa.Connection, *statuses: Status) -> list[EnvironmentRow]:
    """Return the environments that stand there, oldest first."""
    query = _ALL.where(ENVIRONMENTS.c.status.in_(statuses)).order_by(ENVIRONMENTS.c.number)
    return [EnvironmentRow._make(row) for row in connection.execute(query)]


def of_provider(connection: sa.Connection, provider: str) -> list[EnvironmentRow]:
    """Return the environments that are made at that provider, oldest first."""
    query = _ALL.where(ENVIRONMENTS.c.provider == provider).order_by(ENVIRONMENTS.c.number)
    return [EnvironmentRow._make(row) for row in connection.execute(query)]


def of_ids(connection: sa.Connection, provider: str, environment_ids: Sequence[str]) -> list[EnvironmentRow]:
    """Return those of `environment_ids` that are made at that provider, oldest first."""
    given = {"of_provider": provider, "ids": environment_ids}
    return [EnvironmentRow._make(row) for row in connection.execute(_OF_IDS, given)]


def amounts(connection: sa.Connection, whose: Whose) -> Amounts:
    """Return what there is of them, what is being deleted included."""
    count, storage, cores, memory = connection.execute(_AMOUNTS.where(*_conditions(whose))).one()
    return Amounts(environments=count, cpu_cores=cores or 0, memory_gb=memory or 0, storage_gb=storage or 0)


def _conditions(whose: Whose) -> list[sa.ColumnElement[bool]]:
    conditions = []
    if whose.tenant is not None:
        conditions.append(ENVIRONMENTS.c.tenant == whose.tenant)
    if whose.user_id is not None:
        conditions.append(ENVIRONMENTS.c.user_id == storable(whose.user_id))
    return conditions


def _one(connection: sa.Connection, query: sa.Select[Any], environment_id: str, whose: Whose) -> EnvironmentRow | None:
    found = connection.execute(query.where(*_conditions(whose)), {"environment_id": storable(environment_id)}).first()
    return None if found is None else EnvironmentRow._make(found)


def _found(row: EnvironmentRow | None, environment_id: str) -> EnvironmentRow:
    if row is None:
        raise NotFound(f"environment with ID '{environment_id}' not found", environment_id=environment_id)
    return row


_COLUMN_OF: Final = {"sealed_secrets": "secrets"}
_ALL: Final = sa.select(*ENVIRONMENTS.c)
_BY_ID: Final = _ALL.where(ENVIRONMENTS.c.id == sa.bindparam("environment_id"))
_BY_ID_LOCKED: Final = _BY_ID.with_for_update()
_BY_NUMBERS_LOCKED: Final = (
    _ALL.where(ENVIRONMENTS.c.number.in_(sa.bindparam("numbers", expanding=True)))
    .order_by(ENVIRONMENTS.c.number)
    .with_for_update()
)
_OF_IDS: Final = _ALL.where(
    ENVIRONMENTS.c.provider == sa.bindparam("of_provider"),
    ENVIRONMENTS.c.id.in_(sa.bindparam("ids", expanding=True)),
).order_by(ENVIRONMENTS.c.number)
_USES_PROCESSOR: Final = ENVIRONMENTS.c.status != STOPPED
_AMOUNTS: Final = sa.select(
    sa.func.count(),
    sa.func.sum(ENVIRONMENTS.c.storage_gb),
    sa.func.sum(sa.case((_USES_PROCESSOR, ENVIRONMENTS.c.cpu_cores), else_=0)),
    sa.func.sum(sa.case((_USES_PROCESSOR, ENVIRONMENTS.c.memory_gb), else_=0)),
)
# What a new one has not had yet.
_BLANK: Final[dict[str, Any]] = {
    "error": "",
    "run_seconds": 0,
    "keep_awake_reason": "",
    "ide_connections": 0,
    "ssh_connections": 0,
    "decision_count": 0,
    "drift": "",
    "drive_count": 0,
}
