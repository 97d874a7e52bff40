"""Ports for servers that tests start."""

import secrets
import socket
from typing import Final

# Below those that the system gives to whoever connects: such a one could be a client's before its server is up.
# Source: ip(7), ip_local_port_range.
PORTS: Final = range(10_240, 32_768)


def free_port() -> int:
    """Return a port nobody listens on at the moment, by chance, so that two who ask at once get two."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
