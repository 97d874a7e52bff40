"""Where leases of proxies are kept: functions over a connection, each part of its caller's transaction.

A lease that has ended stays until its proxy is leased again: the newest one tells how long the proxy has rested.
"""

import re
import secrets
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from server.database.locks import lock
from server.telemetry.tables import PROXY_LEASES

# The time of the lease in micros, so that ids are in the order of time, and what nobody can guess.
_ID: Final = re.compile(r"([0-9a-f]{16})-[0-9a-f]{16}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Lease:
    """A proxy that is in use until `expire_time`. `sticky_key` is empty when nobody may have it again."""

    id: str
    proxy_id: int
    site: str
    sticky_key: str
    expire_time: int


@dataclass(frozen=True, slots=True)
class Use:
    """How many live leases a proxy has, and the id of its newest lease, live or not; ids go by time."""

    live: int = 0
    newest: str = ""


def new_id(now: int, *, newest: str) -> str:
    """Return the id of a lease that begins at `now`, later in order than `newest`, which is empty for the first one."""
    time = max(now, _time_of(newest) + 1)
    return f"{time:016x}-{secrets.token_hex(8)}"


def is_id(text: str) -> bool:
    """Whether `text` has the form of an id."""
    return _ID.fullmatch(text) is not None


def _time_of(lease_id: str) -> int:
    match = _ID.fullmatch(lease_id)
    return 0 if match is None else int(match[1], 16)


def lock_all(connection: sa.Connection) -> None:
    """Let no other unit of work give out leases until this one ends, so that none of both exceeds a limit."""
    lock(connection, "telemetry.proxy_leases")


def uses(connection: sa.Connection, *, now: int) -> dict[int, Use]:
    """Return how each proxy is in use at `now`, by its number; proxies that were never leased are left out."""
    rows = connection.execute(_USES, {"now": now})
    return {proxy_id: Use(live, newest) for proxy_id, live, newest in rows}


def live_of(connection: sa.Connection, proxy_ids: list[int], *, now: int) -> dict[int, int]:
    """Return how many live leases each of these proxies has at `now`; those without any are left out."""
    rows = connection.execute(_LIVE_OF, {"now": now, "proxy_ids": proxy_ids})
    return {row.proxy_id: row.live for row in rows}


def find_sticky(connection: sa.Connection, sticky_key: str, site: str, *, now: int) -> Lease | None:
    """Return the live lease of a sticky key at a site, None when it has none. An empty key never has one."""
    if not sticky_key:
        return None
    row = connection.execute(_STICKY, {"at_key": sticky_key, "at_site": site, "now": now}).first()
    return None if row is None else Lease(*row)


def add(connection: sa.Connection, lease: Lease, *, now: int) -> None:
    """Store a new lease, and forget those of its proxy that have ended."""
    connection.execute(_FORGET, {"at_proxy": lease.proxy_id, "now": now})
    connection.execute(_ADD, {name: getattr(lease, name) for name in PROXY_LEASES.c.keys()})  # noqa: SIM118


def end_at(connection: sa.Connection, lease_id: str, expire_time: int) -> None:
    """Let a lease end at `expire_time`."""
    connection.execute(_END_AT, {"at_id": lease_id, "new_end": expire_time})


def release(connection: sa.Connection, lease_id: str, *, now: int) -> None:
    """Let a lease end at `now` unless it has ended before. One that is not known has ended long ago."""
    connection.execute(_RELEASE, {"at_id": lease_id, "now": now})


def forget_proxy(connection: sa.Connection, proxy_id: int) -> None:
    """Remove every lease of a proxy."""
    connection.execute(sa.delete(PROXY_LEASES).where(PROXY_LEASES.c.proxy_id == proxy_id))


_COLUMNS: Final = PROXY_LEASES.c
_LIVE: Final = _COLUMNS.expire_time > sa.bindparam("now")
_USES: Final = sa.select(
    _COLUMNS.proxy_id, sa.func.sum(sa.case((_LIVE, 1), else_=0)), sa.func.max(_COLUMNS.id)
).group_by(_COLUMNS.proxy_id)
_LIVE_OF: Final = (
    sa.select(_COLUMNS.proxy_id, sa.func.count().label("live"))
    .where(_COLUMNS.proxy_id.in_(sa.bindparam("proxy_ids", expanding=True)), _LIVE)
    .group_by(_COLUMNS.proxy_id)
)
_STICKY: Final = (
    sa.select(*_COLUMNS)
    .where(_COLUMNS.sticky_key == sa.bindparam("at_key"), _COLUMNS.site == sa.bindparam("at_site"), _LIVE)
    .order_by(_COLUMNS.id.desc())
    .limit(1)
)
_FORGET: Final = sa.delete(PROXY_LEASES).where(_COLUMNS.proxy_id == sa.bindparam("at_proxy"), sa.not_(_LIVE))
_ADD: Final = sa.insert(PROXY_LEASES)
_END_AT: Final = (
    sa.update(PROXY_LEASES).where(_COLUMNS.id == sa.bindparam("at_id")).values(expire_time=sa.bindparam("new_end"))
)
_RELEASE: Final = (
    sa.update(PROXY_LEASES).where(_COLUMNS.id == sa.bindparam("at_id"), _LIVE).values(expire_time=sa.bindparam("now"))
)
