"""Where quotas are kept, and whether they leave room: functions over a connection, each part of its caller's
transaction.
"""

from typing import Final

import sqlalchemy as sa

from server.database.locks import lock
from server.database.text import storable
from server.environments import environment_store
from server.environments.environment_row import EnvironmentRow
from server.environments.environment_store import Whose
from server.environments.tables import ENVIRONMENT_QUOTAS
from server.errors import QuotaExceeded
from switchyard.environments.v1.quota_service_pb2 import Amounts

# What is limited, in words.
WORDS: Final = {
    "environments": "environments",
    "cpu_cores": "processor cores in environments that are not STOPPED",
    "memory_gb": "GB of memory in environments that are not STOPPED",
    "storage_gb": "GB of storage",
}


def get(connection: sa.Connection, user_id: str) -> Amounts | None:
    """Return the quota of a user, None for that of the server."""
    found = connection.execute(_LIMITS, {"of_user": storable(user_id)}).scalar_one_or_none()
    return None if found is None else Amounts.FromString(found)


def put(connection: sa.Connection, user_id: str, limit: Amounts) -> None:
    """Set the quota of a user."""
    _lock(connection, user_id)
    delete(connection, user_id)
    values = {"user_id": storable(user_id), "limits": limit.SerializeToString()}
    connection.execute(sa.insert(ENVIRONMENT_QUOTAS), values)


def delete(connection: sa.Connection, user_id: str) -> None:
    """Give a user the quota of the server."""
    connection.execute(_DELETE, {"of_user": storable(user_id)})


def require_room(connection: sa.Connection, whose: Whose, wanted: Amounts, default: Amounts) -> None:
    """See to it that a user may have `wanted` besides what there is, until the unit of work ends.

    Args:
        connection: the caller's unit of work.
        whose: the user, within a tenant.
        wanted: what is to come.
        default: the quota of who has none of their own.

    Raises:
        QuotaExceeded: it would be more than the quota allows.
    """
    user_id = whose.user_id or ""
    # Two who count at the same time would both find room for the last one.
    _lock(connection, user_id)
    limit, used = get(connection, user_id) or default, environment_store.amounts(connection, whose)
    for name, words in WORDS.items():
        total = getattr(used, name) + getattr(wanted, name)
        if getattr(wanted, name) and limit.HasField(name) and total > getattr(limit, name):  # type: ignore[arg-type]
            raise QuotaExceeded(
                f"the quota of user {user_id!r} allows {getattr(limit, name):,} {words}, and this would make {total:,}",
                user_id=user_id,
            )


def require_room_to_start(connection: sa.Connection, row: EnvironmentRow, default: Amounts) -> None:
    """See to it that an environment that is STOPPED may be started. Raises QuotaExceeded."""
    uses = Amounts(cpu_cores=row.cpu_cores, memory_gb=row.memory_gb)
    require_room(connection, Whose(row.tenant, row.user_id), uses, default)


def _lock(connection: sa.Connection, user_id: str) -> None:
    lock(connection, f"environments.user:{user_id}")


_OF_USER: Final = ENVIRONMENT_QUOTAS.c.user_id == sa.bindparam("of_user")
_LIMITS: Final = sa.select(ENVIRONMENT_QUOTAS.c.limits).where(_OF_USER)
_DELETE: Final = sa.delete(ENVIRONMENT_QUOTAS).where(_OF_USER)
