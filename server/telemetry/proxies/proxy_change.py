"""What an UpdateProxy makes of a proxy. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from server.database.text import storable
from server.errors import InvalidArgument
from server.telemetry.proxies import proxy_rules
from server.telemetry.proxies.proxy_row import ProxyRow
from switchyard.telemetry.v1 import proxy_service_pb2 as pb

# Source: AIP-134, "Field masks".
EVERYTHING: Final = "*"
CHANGEABLE: Final = ("country", "username", "password", "enabled", "max_leases")


def meant(request: pb.UpdateProxyRequest) -> list[str]:
    """Return the fields that `request` means to change: those of its mask; without one, those that have a value.

    Raises:
        InvalidArgument: the mask names another field, or asks for `enabled` to be cleared.
    """
    if not request.HasField("update_mask"):
        return [name for name in CHANGEABLE if request.HasField(name)]
    named = list(request.update_mask.paths)
    if named == [EVERYTHING]:
        named = list(CHANGEABLE)
    for name in named:
        if name not in CHANGEABLE:
            raise InvalidArgument.field("update_mask", f"must name only {', '.join(CHANGEABLE)}")
    if "enabled" in named and not request.HasField("enabled"):
        raise InvalidArgument.field("enabled", "must be given, as update_mask names it")
    return named


def changed(row: ProxyRow, request: pb.UpdateProxyRequest, *, password: bytes | None) -> ProxyRow:
    """Return `row` as `request` means it; `password` is the encrypted one. What has no value or is empty is cleared.

    Raises:
        InvalidArgument: see `meant`.
    """
    values: Mapping[str, Any] = {
        "country": storable(request.country) or None,
        "username": storable(request.username) or None,
        "password": password,
        "enabled": request.enabled,
        "max_leases": request.max_leases if request.HasField("max_leases") else None,
    }
    named = meant(request)
    result = replace(row, managed=True, **{name: values[name] for name in named})
    if "enabled" in named and result.enabled:
        clean = proxy_rules.CLEAN
        return replace(result, failures_in_row=clean.failures_in_row, disabled_until=clean.disabled_until)
    return result
