"""Ports: bound by ourselves, so that a port that is taken gives one clear line and port 0 can be asked for."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import grpc
import uvicorn

from server.config import ConfigInvalid

# How long requests that are being answered may take when the server stops; whoever stops it waits 30 s.
GRACE_SECONDS: Final = 20
# Connections that may wait to be accepted; the kernel lowers it to net.core.somaxconn.
BACKLOG: Final = 2048


def bind(variable: str, host: str, port: int) -> socket.socket:
    """Return a socket that listens on `host` and `port` (0: any free one), which the setting `variable` names.

    It listens at once: whoever is told the address may connect, and is answered when the server is ready.

    Raises:
        ConfigInvalid: the address cannot be bound.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        bound = socket.socket(family, kind, protocol)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError as error:
        raise ConfigInvalid(_cannot_bind(variable, host, port, error.strerror or str(error))) from error
    bound.setblocking(False)
    return bound


def bind_grpc(server: grpc.aio.Server, host: str, port: int) -> int:
    """Let `server` listen and return the port it got.

    Raises:
        ConfigInvalid: the address cannot be bound.
    """
    if port:
        # gRPC tells only that it failed, and that in several lines; a try of our own tells why.
        bind("GRPC_PORT", host, port).close()
    try:
        return server.add_insecure_port(authority(host, port))
    except RuntimeError as error:
        raise ConfigInvalid(_cannot_bind("GRPC_PORT", host, port, "gRPC could not bind it")) from error


def authority(host: str, port: int) -> str:
    """Return host and port as URLs write them."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class HttpListener(uvicorn.Server):
    """Serves one ASGI application on one bound socket, within the running loop.

    `connection` speaks HTTP for it, and `socket_connection` WebSocket.
    """

    def __init__(
        self,
        app: Any,
        bound: socket.socket,
        connection: type[asyncio.Protocol],
        socket_connection: type[asyncio.Protocol],
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=connection,
                ws=socket_connection,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,  # the gateway looks at them itself
                timeout_keep_alive=75,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._bound = bound
        self.port: Final[int] = bound.getsockname()[1]

    async def run_until_stopped(self) -> None:
        """Serve until `stop`, then until requests that are being answered have ended."""
        await self.serve(sockets=[self._bound])

    def stop(self) -> None:
        """Take no more connections and come to an end."""
        self.should_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs this listener."""
        yield


def _cannot_bind(variable: str, host: str, port: int, reason: str) -> str:
    return (
        f"{variable}: {authority(host, port)} cannot be listened on: {reason}; stop what uses it, or change {variable}"
    )
