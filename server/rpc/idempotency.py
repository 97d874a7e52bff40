"""Calls that may be repeated: the same key with the same request gives the first answer again, for 24 hours.

A service asks and answers inside the transaction that does the work, so that both are stored or neither is:

    def work(connection):
        earlier = idempotency.remember(connection, key, request, now=now)
        if earlier is not None:
            return pb.CreateThingResponse.FromString(earlier)
        response = ...
        idempotency.store_answer(connection, key, response)
        return response
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa
from google.protobuf.message import Message
from sqlalchemy.dialects import postgresql, sqlite

from server.database.text import storable
from server.errors import IdempotencyConflict
from server.rpc.caller import CALLER
from server.rpc.tables import IDEMPOTENCY_KEYS

LIFETIME_MICROS: Final = 24 * 3600 * 1_000_000


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """One key of one caller for one method. `method` is its name, as in "CreateBotInstance"."""

    key: str
    method: str
    caller: str

    @classmethod
    def of_call(cls, key: str, method: str) -> "IdempotencyKey":
        """Return the key of the present call, whoever makes it."""
        caller = CALLER.get()
        # Names of API tokens are free, their ids are not.
        return cls(storable(key), method, f"{caller.tenant_id or ''}/{caller.token_id or caller.name}")


def remember(connection: sa.Connection, key: IdempotencyKey, request: Message, *, now: int) -> bytes | None:
    """Return the serialized first answer, or None when this call is the first one. An empty key is always the first.

    Two calls at the same moment wait for one another: the second one sees the answer of the first.

    Raises:
        IdempotencyConflict: the key came with another request before.
    """
    if not key.key:
        return None
    connection.execute(_FORGET, {"oldest": now - LIFETIME_MICROS})
    digest = hashlib.sha256(request.SerializeToString(deterministic=True)).digest()
    reserve = _RESERVE[connection.dialect.name]
    if connection.execute(reserve, {**_columns(key), "request_hash": digest, "create_time": now}).rowcount == 1:
        return None
    earlier = connection.execute(_EARLIER, _parameters(key)).one()
    if earlier.request_hash != digest:
        raise IdempotencyConflict("Idempotency-Key was used with another request before", idempotency_key=key.key)
    return bytes(earlier.response)


def store_answer(connection: sa.Connection, key: IdempotencyKey, response: Message) -> None:
    """Keep the answer to the call that `remember` found to be the first. An empty key keeps nothing."""
    if key.key:
        connection.execute(_ANSWER, {**_parameters(key), "answer": response.SerializeToString()})


def _columns(key: IdempotencyKey) -> dict[str, str]:
    return {"caller": key.caller, "method": key.method, "request_key": key.key}


def _parameters(key: IdempotencyKey) -> dict[str, str]:
    return {"key_caller": key.caller, "key_method": key.method, "key_key": key.key}


_TABLE: Final = IDEMPOTENCY_KEYS
_SAME_KEY: Final = sa.and_(
    _TABLE.c.caller == sa.bindparam("key_caller"),
    _TABLE.c.method == sa.bindparam("key_method"),
    _TABLE.c.request_key == sa.bindparam("key_key"),
)
_FORGET: Final = sa.delete(_TABLE).where(_TABLE.c.create_time < sa.bindparam("oldest"))
_RESERVE: Final = {
    "sqlite": sqlite.insert(_TABLE).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(_TABLE).on_conflict_do_nothing(),
}
_EARLIER: Final = sa.select(_TABLE.c.request_hash, _TABLE.c.response).where(_SAME_KEY)
_ANSWER: Final = sa.update(_TABLE).where(_SAME_KEY).values(response=sa.bindparam("answer"))
