"""The audit log as the calls see it."""

import sqlalchemy as sa

from server.accounts.audit import audit_store
from server.accounts.audit.denials import Denials
from server.rpc.audit import Entry


class AuditTrail:
    """Stores entries of changes with the changes, and hands those of denials to `denials`."""

    def __init__(self, denials: Denials) -> None:
        self._denials = denials

    def insert(self, connection: sa.Connection, entry: Entry) -> None:
        """Store the entry of a change within its unit of work."""
        audit_store.insert(connection, entry)

    def deny(self, entry: Entry) -> None:
        """Note that a call was turned away. Returns at once."""
        self._denials.note(entry)
