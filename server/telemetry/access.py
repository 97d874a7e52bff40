"""Whom telemetry is open to."""

from server.errors import PermissionDenied
from server.rpc.caller import CALLER


def tenantless() -> None:
    """Let the present caller through unless it is bound to a tenant: sessions and proxies belong to no tenant.

    Raises:
        PermissionDenied: the caller may see one tenant only.
    """
    if CALLER.get().tenant_id is not None:
        raise PermissionDenied("Insufficient permissions. Telemetry belongs to the whole installation")
