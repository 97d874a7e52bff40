"""Looks tokens up on every call, and notes to the minute when they were used."""

import asyncio
import hashlib
from typing import Final

import structlog

from server.accounts.api_tokens import api_token_store
from server.accounts.tokens import EXPIRED
from server.clock import SECOND, Clock
from server.database.away import BREAKS
from server.database.database import Database
from server.errors import CredentialExpired
from server.rpc.caller import Caller

MINUTE: Final = 60 * SECOND
FLUSH_SECONDS: Final = 5.0

log: Final = structlog.get_logger(__name__)


def digest_of(secret: str) -> bytes:
    """Return what is stored of a secret. It has 256 random bits, so a plain hash is as good as a slow one."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()


class KnownTokens:
    """Answers whom a token speaks for."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        # Minutes of use by token id that are not stored yet.
        self._uses: dict[str, int] = {}

    async def find(self, secret: str, address: str) -> Caller | None:
        """Return the caller a token speaks for, None for one that is not known, was revoked or has lost its maker.

        Raises:
            CredentialExpired: it was good once.
        """
        digest = digest_of(secret)
        token = await self._database.read(lambda connection: api_token_store.find(connection, digest))
        if token is None:
            return None
        now = self._clock()
        if token.expire_time is not None and token.expire_time <= now:
            raise CredentialExpired(EXPIRED)
        minute = now - now % MINUTE
        if token.use_time is None or token.use_time < minute:
            self._uses[token.id] = minute
        return Caller(
            name=f"token:{token.name}",
            role=token.rights.role,
            tenant_id=token.rights.tenant_id,
            address=address,
            token_id=token.id,
            scopes=token.scopes,
        )

    async def run(self) -> None:
        """Store uses until cancelled."""
        try:
            while True:
                await asyncio.sleep(FLUSH_SECONDS)
                await self._flush_or_tell()
        finally:
            await self._flush_or_tell()

    async def flush(self) -> None:
        """Store the uses noted so far."""
        uses, self._uses = self._uses, {}
        if uses:
            await self._database.write(lambda connection: api_token_store.note_uses(connection, uses.items()))

    async def _flush_or_tell(self) -> None:
        try:
            await self.flush()
        except BREAKS:
            log.warning("uses of API tokens could not be stored", exc_info=True)
