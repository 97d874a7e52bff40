"""Where secrets are kept: functions over a connection. What is stored of a value is encrypted already."""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

import sqlalchemy as sa

from server.database.locks import lock
from server.database.text import storable
from server.errors import NotFound, TooLarge
from server.orchestrator.tables import WORKFLOW_SECRETS

# Source: the comment of `SecretService.PutSecret`.
MOST_OF_TENANT: Final = 1000


class SecretRow(NamedTuple):
    """A secret without its value. Times are micros."""

    name: str
    create_time: int
    update_time: int
    updated_by: str


def page(connection: sa.Connection, tenant: str, *, after: str, limit: int) -> list[SecretRow]:
    """Return at most `limit` secrets by name, those behind `after`."""
    rows = connection.execute(_PAGE, {"tenant": tenant, "after": storable(after), "limit": limit})
    return [SecretRow(*row) for row in rows]


def put(connection: sa.Connection, tenant: str, name: str, sealed: bytes, *, by: str, now: int) -> SecretRow:
    """Store a secret, new or with another value, and return it.

    Raises:
        TooLarge: it would be one more than a tenant may have.
    """
    # Two who count at the same time would both find room for the last one.
    lock(connection, f"workflow_secrets:{tenant}")
    row = connection.execute(_ONE, {"tenant": tenant, "name": name}).first()
    if row is None:
        return _insert(connection, tenant, SecretRow(name, now, now, by), sealed)
    changed = SecretRow(*row)._replace(update_time=now, updated_by=by)
    values = {"at_tenant": tenant, "at_name": name, "now": now, "by": by, "new_sealed": sealed}
    connection.execute(_UPDATE, values)
    return changed


def delete(connection: sa.Connection, tenant: str, name: str) -> None:
    """Forget a secret.

    Raises:
        NotFound: there is none of that name.
    """
    if connection.execute(_DELETE, {"at_tenant": tenant, "at_name": storable(name)}).rowcount == 0:
        raise NotFound(f"Secret not found: {name}", name=name)


def sealed_values(connection: sa.Connection, tenant: str, names: Collection[str]) -> Mapping[str, bytes]:
    """Return what is stored of the values of `names`; those that do not exist are missing."""
    rows = connection.execute(_SEALED, {"tenant": tenant, "names": list(names)})
    return {row.name: bytes(row.sealed) for row in rows}


def _insert(connection: sa.Connection, tenant: str, row: SecretRow, sealed: bytes) -> SecretRow:
    if connection.execute(_COUNT, {"tenant": tenant}).scalar_one() >= MOST_OF_TENANT:
        raise TooLarge(f"there may be at most {MOST_OF_TENANT:,} secrets")
    connection.execute(_INSERT, {"tenant": tenant, **row._asdict(), "sealed": sealed})
    return row


_OF_TENANT: Final = WORKFLOW_SECRETS.c.tenant == sa.bindparam("tenant")
_SHOWN: Final = sa.select(*(WORKFLOW_SECRETS.c[name] for name in SecretRow._fields)).where(_OF_TENANT)
_PAGE: Final = (
    _SHOWN.where(WORKFLOW_SECRETS.c.name > sa.bindparam("after"))
    .order_by(WORKFLOW_SECRETS.c.name)
    .limit(sa.bindparam("limit"))
)
_ONE: Final = _SHOWN.where(WORKFLOW_SECRETS.c.name == sa.bindparam("name"))
_COUNT: Final = sa.select(sa.func.count()).select_from(WORKFLOW_SECRETS).where(_OF_TENANT)
_SEALED: Final = sa.select(WORKFLOW_SECRETS.c.name, WORKFLOW_SECRETS.c.sealed).where(
    _OF_TENANT, WORKFLOW_SECRETS.c.name.in_(sa.bindparam("names", expanding=True))
)
_AT: Final = (
    WORKFLOW_SECRETS.c.tenant == sa.bindparam("at_tenant"),
    WORKFLOW_SECRETS.c.name == sa.bindparam("at_name"),
)
_INSERT: Final = sa.insert(WORKFLOW_SECRETS)
_UPDATE: Final = (
    sa.update(WORKFLOW_SECRETS)
    .where(*_AT)
    .values(update_time=sa.bindparam("now"), updated_by=sa.bindparam("by"), sealed=sa.bindparam("new_sealed"))
)
_DELETE: Final = sa.delete(WORKFLOW_SECRETS).where(*_AT)
