"""Which session a caller means, and whether it takes calls."""

import sqlalchemy as sa

from server.comfy import session_store, session_view
from server.comfy.new_task import DEFAULT_SESSION
from server.comfy.session_row import SessionRow, Standing, standing
from server.database.text import storable
from server.errors import BrowserGone, NoSession
from server.rpc.caller import CALLER


def name_of(session: str) -> str:
    """Return the name that a request means."""
    return storable(session) or DEFAULT_SESSION


def tenant_of_caller() -> str:
    """Return whose sessions the present caller names. A caller of no tenant has those of no tenant."""
    return CALLER.get().tenant_id or ""


def require_ready(connection: sa.Connection, tenant: str, name: str) -> SessionRow:
    """Return the session of that name if it takes calls.

    Raises:
        NoSession: there is none, or it was stopped.
        BrowserGone: it is not ready yet, or broke off.
    """
    row = session_store.newest(connection, tenant, name)
    if row is None:
        raise NoSession(name)
    match standing(row):
        case Standing.READY:
            return row
        case Standing.STARTING | Standing.GONE:
            raise BrowserGone(session_view.reason(row))
    raise NoSession(name)


def require_living(connection: sa.Connection, tenant: str, name: str) -> SessionRow:
    """Return the session of that name, whether or not it takes calls yet. Raises NoSession once it is over."""
    row = session_store.newest(connection, tenant, name)
    if row is None or standing(row) in (Standing.GONE, Standing.OVER):
        raise NoSession(name)
    return row
