"""How the address of a proxy is written, so that one proxy is not there twice. Pure."""

import ipaddress
from typing import Final

from server.errors import InvalidArgument

PORTS: Final = range(1, 65_536)


def normal_url(url: str) -> str:
    """Return `url`, which has the form that the contract asks for, in small letters and with a plain port.

    Raises:
        InvalidArgument: the port or the IPv6 address is none.
    """
    scheme, mark, address = url.rpartition("://")
    host, _, port = address.rpartition(":")
    if int(port) not in PORTS:
        raise InvalidArgument.field("url", "must have a port from 1 to 65,535")
    return f"{scheme}{mark}{_normal_host(host)}:{int(port)}"


def _normal_host(host: str) -> str:
    if not host.startswith("["):
        return host.lower()
    try:
        return f"[{ipaddress.IPv6Address(host[1:-1])}]"
    except ValueError as error:
        raise InvalidArgument.field("url", "must have an IPv6 address in its brackets") from error
