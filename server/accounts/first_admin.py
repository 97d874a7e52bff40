"""The account everything begins with."""

from dataclasses import replace
from functools import partial

import sqlalchemy as sa

from server.accounts import store
from server.accounts.passwords import Passwords
from server.accounts.roles import ordered
from server.accounts.store import UserRow
from server.clock import Clock
from server.database.database import Database
from server.database.locks import lock
from switchyard.auth.v1 import access_pb2


async def ensure_admin(
    database: Database, passwords: Passwords, *, username: str, password: str, given: bool, clock: Clock
) -> None:
    """See to it that there is an admin.

    A `password` that was `given` by the operator counts from now on, whatever the account was before; one that was
    generated is used only while no admin exists. Several servers may start at once.
    """
    password_hash = ""
    while True:
        user = await database.read(lambda connection: store.get_user(connection, username))
        if given:
            if user is not None and user.sees_all and await passwords.matches(password, user.password_hash):
                return
        elif await database.read(lambda connection: store.count_admins(connection, besides="")):
            return
        password_hash = password_hash or await passwords.hash(password)
        work = partial(_make_admin, username=username, password_hash=password_hash, seen=user, now=clock())
        if await database.write(work):
            return


def _make_admin(
    connection: sa.Connection, *, username: str, password_hash: str, seen: UserRow | None, now: int
) -> bool:
    """Make the user of that name an admin with that password; do nothing if it is no longer as it was `seen`."""
    lock(connection, "accounts.first_admin")
    if store.get_user(connection, username) != seen:
        return False
    present = seen or UserRow(username, password_hash, (), None, now, now)
    admin = replace(
        present,
        password_hash=password_hash,
        roles=ordered((*present.roles, access_pb2.ROLE_ADMIN)),
        tenant_id=None,
        update_time=now,
    )
    store.put_user(connection, admin)
    store.end_sessions_of(connection, username)
    return True
