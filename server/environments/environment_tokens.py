"""Tokens of environments: what runs in one reports with it, for that environment and nothing else."""

import hashlib

from server.database.database import Database
from server.environments import environment_store
from server.rpc.caller import EnvironmentCredential


def digest_of(token: str) -> str:
    """Return what is stored of a token: its SHA-256 in hexadecimal. It is random, so that nothing slower is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


class EnvironmentTokens:
    """Answers which environment a token is of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, token: str) -> EnvironmentCredential | None:
        """Return the environment with that token, None when there is none, or none any more."""
        digest = digest_of(token)
        row = await self._database.read(lambda connection: environment_store.of_token(connection, digest))
        return None if row is None else EnvironmentCredential(row.id, row.tenant)
