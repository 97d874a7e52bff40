"""Keys by which robots enrol, and the tokens they get and rotate.

A key is good once and for a while. A token is good for 90 days; a robot rotates it long before. After a rotation the
old one is good until the new one is first used, so that a robot that never heard the answer still gets in.
"""

import secrets
from collections.abc import Callable
from typing import Final, NamedTuple

import sqlalchemy as sa

from server.clock import SECOND, Clock
from server.database.database import Database
from server.errors import AlreadyExists, CredentialInvalid, NotEnrolled, PermissionDenied
from server.orchestrator.robots import robot_store, token_store
from server.orchestrator.robots.token_store import Enrolment
from server.rpc.caller import RobotCredential

KEY_PREFIX: Final = "swe_"
TOKEN_PREFIX: Final = "swr_"  # noqa: S105 - how tokens begin, none of them
TOKEN_SECONDS: Final = 90 * 86_400
# Source: the comment of RotateRobotToken.
OVERLAP_SECONDS: Final = 3_600
# Source: the comment of EnrolRobot.
INVALID: Final = "Invalid or expired API token"


class Secret(NamedTuple):
    """A key or a token, shown once, and until when it is good (micros)."""

    text: str
    expire_time: int


class Enrolments:
    """Makes keys, and exchanges them and tokens for tokens."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(self, enrolment: Enrolment, *, seconds: int) -> Secret:
        """Make a key that is good for so long."""
        key = Secret(KEY_PREFIX + secrets.token_urlsafe(32), self._clock() + seconds * SECOND)
        await self._database.write(
            lambda connection: token_store.add_enrolment(connection, key.text, enrolment, expire_time=key.expire_time)
        )
        return key

    async def enrol(self, key: str, robot_id: str) -> Secret:
        """Exchange a key for a token of that robot, whose earlier tokens end. A key that is refused is not used up.

        Raises:
            CredentialInvalid: it is no key, or no longer good.
            PermissionDenied: it is for another robot.
            AlreadyExists: it is for any robot, and this one is known.
        """

        def work(connection: sa.Connection) -> Secret:
            now = self._clock()
            enrolment = token_store.use_enrolment(connection, key, now=now)
            if enrolment is None:
                raise CredentialInvalid(INVALID)
            if enrolment.robot_id is None:
                _require_free(connection, robot_id, now=now)
            elif enrolment.robot_id != robot_id:
                raise PermissionDenied(f"the key is for robot {enrolment.robot_id}", robot_id=enrolment.robot_id)
            token_store.end_tokens(connection, robot_id)
            return self._new_token(connection, robot_id, enrolment.tenant)

        return await self._database.write(work)

    async def rotate(self, robot_id: str, may_see: Callable[[str], bool]) -> Secret:
        """Give a robot a new token. `may_see` says whether the caller may speak for robots of a tenant.

        Raises:
            NotEnrolled: it has none that came from an enrolment.
        """

        def work(connection: sa.Connection) -> Secret:
            now = self._clock()
            tenant = token_store.tenant_of(connection, robot_id, now=now)
            if tenant is None or not may_see(tenant):
                raise NotEnrolled(f"Robot {robot_id} has no token to rotate", robot_id=robot_id)
            token_store.replace_soon(connection, robot_id, until=now + OVERLAP_SECONDS * SECOND)
            return self._new_token(connection, robot_id, tenant)

        return await self._database.write(work)

    async def find_robot(self, token: str) -> RobotCredential | None:
        """Return whose token it is, None when it is none or no longer good."""
        if not token.startswith(TOKEN_PREFIX):
            return None
        token_hash = token_store.digest(token)
        found = await self._database.read(lambda connection: token_store.find_token(connection, token_hash))
        if found is None or found.expire_time <= self._clock():
            return None
        if not found.used:
            await self._database.write(lambda connection: token_store.note_use(connection, token_hash, found.robot_id))
        return RobotCredential(found.robot_id, found.tenant or None)

    def _new_token(self, connection: sa.Connection, robot_id: str, tenant: str) -> Secret:
        token = Secret(TOKEN_PREFIX + secrets.token_urlsafe(32), self._clock() + TOKEN_SECONDS * SECOND)
        token_store.add_token(connection, token.text, robot_id=robot_id, tenant=tenant, expire_time=token.expire_time)
        return token


def _require_free(connection: sa.Connection, robot_id: str, *, now: int) -> None:
    known = robot_store.facts(connection, robot_id) is not None
    if known or token_store.tenant_of(connection, robot_id, now=now) is not None:
        raise AlreadyExists(f"Robot {robot_id} is there already", robot_id=robot_id)
