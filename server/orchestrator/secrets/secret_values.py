"""The values of secrets, for runs only."""

from collections.abc import Collection, Mapping
from typing import Final

import structlog
from cryptography.fernet import InvalidToken

from server.database.database import Database
from server.orchestrator.secrets import secret_store
from server.secret_box import SecretBox

log: Final = structlog.get_logger(__name__)


class SecretValues:
    """Reads and decrypts secrets of a tenant."""

    def __init__(self, database: Database, secret_box: SecretBox) -> None:
        self._database = database
        self._secret_box = secret_box

    async def of(self, tenant: str, names: Collection[str]) -> Mapping[str, str]:
        """Return the values of `names`, by name; those that do not exist, or cannot be decrypted, are missing."""
        if not names:
            return {}
        sealed = await self._database.read(lambda connection: secret_store.sealed_values(connection, tenant, names))
        opened = {name: self._open(name, stored) for name, stored in sealed.items()}
        return {name: value for name, value in opened.items() if value is not None}

    def _open(self, name: str, stored: bytes) -> str | None:
        try:
            return self._secret_box.decrypt(stored)
        except InvalidToken:
            # The run fails at the node that needs it, and says its name; why is for whoever keeps the server.
            log.error("a secret cannot be decrypted; secret.key is not the one it was stored with", name=name)
            return None
