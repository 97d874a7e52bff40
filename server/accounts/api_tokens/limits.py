"""What an API token may do: what it was made for, as far as its maker may do that now. Pure; times are micros."""

from dataclasses import dataclass

from server.accounts.roles import Roles
from server.errors import PermissionDenied
from server.rpc.caller import Caller
from switchyard.auth.v1 import access_pb2


@dataclass(frozen=True, slots=True)
class Rights:
    """A role within a tenant, or within every tenant for None."""

    role: access_pb2.Role.ValueType
    tenant_id: str | None


def check_grant(wanted: Rights, caller: Caller) -> None:
    """Refuse a token that could do more than `caller`.

    Raises:
        PermissionDenied: it could, or `caller` is a token itself: who finds one must not be able to outlive its end.
    """
    if caller.token_id is not None:
        raise PermissionDenied("Insufficient permissions. A token cannot make tokens")
    if wanted.role > caller.role:
        raise PermissionDenied("Insufficient permissions. A token can have no higher role than its maker")
    if caller.tenant_id is not None and wanted.tenant_id != caller.tenant_id:
        raise PermissionDenied(
            f"Insufficient permissions. Tokens of tenant {caller.tenant_id} only", tenant_id=caller.tenant_id
        )


def left_of(granted: Rights, *, roles: Roles, tenant_id: str | None) -> Rights | None:
    """Return what is left of `granted` while its maker has `roles` within `tenant_id`; None when nothing is.

    A maker who is bound to a tenant binds what saw every tenant; what belongs to another tenant is over.
    """
    if granted.tenant_id is not None and tenant_id not in (None, granted.tenant_id):
        return None
    return Rights(min(granted.role, max(roles)), granted.tenant_id or tenant_id)
