"""Whose environments the present caller meets, and in whose name it makes one."""

from typing import Final

from server.database.text import storable
from server.environments.environment_store import Whose
from server.errors import InvalidArgument
from server.rpc.caller import CALLER, Caller
from switchyard.auth.v1 import access_pb2

# Whose an environment is when nobody says. Source: the description of the API.
DEFAULT_USER: Final = "default-user"
# Callers who are no accounts, by the names the gate gives them; what they make is whose they say.
_NO_ACCOUNTS: Final = frozenset({"anonymous", "api-key", "dev", "local", "system", "worker"})


def whose_of_caller() -> Whose:
    """Return whose environments the present caller meets: its own, or as an admin those of its tenant, or all."""
    caller = CALLER.get()
    if _is_admin(caller):
        return Whose(tenant=caller.tenant_id)
    return Whose(tenant=caller.tenant_id or "", user_id=caller.name)


def user_of_caller(wanted: str) -> str:
    """Return whose an environment is that the present caller asks for, naming `wanted` (empty: nobody).

    Raises:
        InvalidArgument: who is no admin names somebody else.
    """
    caller = CALLER.get()
    if caller.name in _NO_ACCOUNTS:
        return storable(wanted) or DEFAULT_USER
    if wanted and wanted != caller.name and not _is_admin(caller):
        raise InvalidArgument.field("userId", "must be your own name; only an admin makes environments for others")
    return storable(wanted) or caller.name


def tenant_of_caller() -> str:
    """Return the tenant of what the present caller makes; a caller of no tenant makes what is of no tenant."""
    return CALLER.get().tenant_id or ""


def _is_admin(caller: Caller) -> bool:
    return caller.worker or caller.role >= access_pb2.ROLE_ADMIN
