"""The account everything begins with."""

from dataclasses import replace

import sqlalchemy as sa

from server.accounts import store
from server.accounts.passwords import Passwords
from server.accounts.roles import ordered
from server.accounts.store import UserRow
from server.clock import Clock
from server.database.database import Database
from switchyard.auth.v1 import access_pb2


async def ensure_admin(
    database: Database, passwords: Passwords, *, username: str, password: str, given: bool, clock: Clock
) -> None:
    """See to it that there is an admin.

    A `password` that was `given` by the operator counts from now on, whatever the account was before; one that was
    generated is used only while no admin exists.
    """
    user = await database.read(lambda connection: store.get_user(connection, username))
    if given:
        if user is not None and user.sees_all and await passwords.matches(password, user.password_hash):
            return
    elif await database.read(lambda connection: store.count_admins(connection, besides="")):
        return
    password_hash = await passwords.hash(password)
    now = clock()
    fresh = UserRow(username, password_hash, (), None, now, now)

    def work(connection: sa.Connection) -> None:
        present = store.get_user(connection, username) or fresh
        admin = replace(
            present,
            password_hash=password_hash,
            roles=ordered((*present.roles, access_pb2.ROLE_ADMIN)),
            tenant_id=None,
            update_time=now,
        )
        store.put_user(connection, admin)
        store.end_sessions_of(connection, username)

    await database.write(work)
