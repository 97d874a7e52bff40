"""Where the parts of the system are, seen from this machine."""

import socket
from ipaddress import ip_address
from pathlib import Path

from server import credentials
from server.config import ServerConfig


def credentials_file(config: ServerConfig) -> Path:
    """Return where the server keeps the secrets it made."""
    return config.data_dir / credentials.FILE_NAME


def reachable(host: str) -> str:
    """Return the address at which a server bound to `host` is reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- compared, not bound


def shown(host: str) -> str:
    """Return `host` as it stands in an address with a port."""
    return f"[{host}]" if ":" in host else host


def is_this_machine(address: str) -> bool:
    """Say whether `address` (HOST:PORT, or unix:PATH) can only lead to this machine."""
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].removeprefix("[").removesuffix("]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def refused_binding(host: str, port: int) -> OSError | None:
    """Return why nobody could listen on `host` and `port` now; None when somebody could."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
    except OSError as error:
        return error
    return None
