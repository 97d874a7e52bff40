"""Where enrolment keys and tokens of robots are kept, as SHA-256 only: functions over a connection."""

import hashlib
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from server.database.point_read import PointRead
from server.orchestrator.tables import ROBOT_ENROLMENTS, ROBOT_TOKENS


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What a key is good for: `robot_id` alone, or any that is not taken for None; a robot of `tenant`, or of all."""

    robot_id: str | None
    tenant: str


@dataclass(frozen=True, slots=True)
class TokenRow:
    """Whose a token is, until when it is good, and whether it was ever used. Times are micros."""

    robot_id: str
    tenant: str
    expire_time: int
    used: bool


def digest(secret: str) -> str:
    """Return what is kept of a key or a token. They are random, so that nothing slower is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def add_enrolment(connection: sa.Connection, key: str, enrolment: Enrolment, *, expire_time: int) -> None:
    """Keep a key."""
    values = {"robot_id": enrolment.robot_id, "tenant": enrolment.tenant, "expire_time": expire_time}
    connection.execute(sa.insert(ROBOT_ENROLMENTS), {"key_hash": digest(key), **values})


def use_enrolment(connection: sa.Connection, key: str, *, now: int) -> Enrolment | None:
    """Use a key up and return what it was good for, None when it was none or no longer good."""
    row = connection.execute(_USE, {"key": digest(key), "now": now}).first()
    return None if row is None else Enrolment(*row)


def tenant_of(connection: sa.Connection, robot_id: str, *, now: int) -> str | None:
    """Return the tenant of a robot that has a token that is good, None when it has none."""
    return connection.execute(_TENANT_OF, {"robot": robot_id, "now": now}).scalar()


def add_token(connection: sa.Connection, token: str, *, robot_id: str, tenant: str, expire_time: int) -> None:
    """Keep a token that was not used yet."""
    values = {"robot_id": robot_id, "tenant": tenant, "expire_time": expire_time, "used": False}
    connection.execute(sa.insert(ROBOT_TOKENS), {"token_hash": digest(token), **values})


def find_token(connection: sa.Connection, token_hash: str) -> TokenRow | None:
    """Return what is kept of a token, None when it is none."""
    row = _FIND.first(connection, token=token_hash)
    return None if row is None else TokenRow(row[0], row[1], row[2], bool(row[3]))


def note_use(connection: sa.Connection, token_hash: str, robot_id: str) -> None:
    """Note the first use of a token: it ends all others of its robot."""
    if connection.execute(_NOTE_USE, {"token": token_hash}).rowcount:
        connection.execute(_END_OTHERS, {"robot": robot_id, "token": token_hash})


def replace_soon(connection: sa.Connection, robot_id: str, *, until: int) -> None:
    """Let the tokens of a robot that are in use be good until then at most, and end those that were never used."""
    connection.execute(_END_UNUSED, {"robot": robot_id})
    connection.execute(_SHORTEN, {"robot": robot_id, "until": until})


def end_all(connection: sa.Connection, robot_id: str) -> None:
    """End every token of a robot, and every key for it."""
    connection.execute(_END_ALL, {"robot": robot_id})
    connection.execute(_END_ENROLMENTS, {"robot": robot_id})


def end_tokens(connection: sa.Connection, robot_id: str) -> None:
    """End every token of a robot."""
    connection.execute(_END_ALL, {"robot": robot_id})


def forget_expired(connection: sa.Connection, *, now: int) -> None:
    """Delete keys and tokens that are no longer good."""
    for table in (ROBOT_ENROLMENTS, ROBOT_TOKENS):
        connection.execute(sa.delete(table).where(table.c.expire_time <= now))


_NOW: Final = sa.bindparam("now", type_=sa.BigInteger)
_UNTIL: Final = sa.bindparam("until", type_=sa.BigInteger)
_OF_ROBOT: Final = ROBOT_TOKENS.c.robot_id == sa.bindparam("robot")
_THIS: Final = ROBOT_TOKENS.c.token_hash == sa.bindparam("token")
_USED: Final = ROBOT_TOKENS.c.used == sa.true()

_USE: Final = (
    sa.delete(ROBOT_ENROLMENTS)
    .where(ROBOT_ENROLMENTS.c.key_hash == sa.bindparam("key"), ROBOT_ENROLMENTS.c.expire_time > _NOW)
    .returning(ROBOT_ENROLMENTS.c.robot_id, ROBOT_ENROLMENTS.c.tenant)
)
_TENANT_OF: Final = sa.select(ROBOT_TOKENS.c.tenant).where(_OF_ROBOT, ROBOT_TOKENS.c.expire_time > _NOW).limit(1)
_FIND: Final = PointRead(
    sa.select(ROBOT_TOKENS.c.robot_id, ROBOT_TOKENS.c.tenant, ROBOT_TOKENS.c.expire_time, ROBOT_TOKENS.c.used).where(
        _THIS
    )
)
_NOTE_USE: Final = sa.update(ROBOT_TOKENS).where(_THIS, sa.not_(_USED)).values(used=True)
_END_OTHERS: Final = sa.delete(ROBOT_TOKENS).where(_OF_ROBOT, sa.not_(_THIS))
_END_UNUSED: Final = sa.delete(ROBOT_TOKENS).where(_OF_ROBOT, sa.not_(_USED))
_SHORTEN: Final = (
    sa.update(ROBOT_TOKENS).where(_OF_ROBOT, ROBOT_TOKENS.c.expire_time > _UNTIL).values(expire_time=_UNTIL)
)
_END_ALL: Final = sa.delete(ROBOT_TOKENS).where(_OF_ROBOT)
_END_ENROLMENTS: Final = sa.delete(ROBOT_ENROLMENTS).where(ROBOT_ENROLMENTS.c.robot_id == sa.bindparam("robot"))
