"""A gateway that runs apart from its server: `python -m gateway --help`."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from socket import socket
from typing import Final

import uvicorn

from gateway.app import Gateway, GatewayOptions
from gateway.arguments import read_arguments, service_defaults
from gateway.backend.channel import ChannelBackend
from gateway.backend.connection import CertificateUnusable, ServerAddress, check_pair, tls_credentials
from gateway.contract.service_config import ServiceConfigInvalid, read_service_config
from gateway.contract.services import ContractInvalid
from gateway.contract.source import SourceUnusable, ask_server, read_descriptor_set
from gateway.http.metadata import NameRefused
from gateway.http.rate_limit import StorageInvalid
from gateway.routing import RouteConflict
from gateway.serving.http_connection import HttpConnection
from gateway.serving.socket_connection import SocketConnection

log = logging.getLogger("gateway.access")

# So long a request may go on after a signal to stop.
STOP_SECONDS: Final = 30
# What the command line, or a file it names, may be wrong about. Messages say what it is.
CANNOT_START: Final = (
    CertificateUnusable,
    ContractInvalid,
    NameRefused,
    RouteConflict,
    ServiceConfigInvalid,
    SourceUnusable,
    StorageInvalid,
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal comes. Returns 0 after a proper stop, 1 if the gateway could not start."""
    asked = read_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(serve(asked))
    except (*CANNOT_START, OSError) as error:
        print(f"gateway: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def serve(asked: argparse.Namespace) -> None:
    """Build the gateway and serve it."""
    host, port = asked.listen
    server = server_address(asked)
    if asked.tls_cert is not None:
        check_pair(asked.tls_cert, asked.tls_key)
    options = {
        "service_defaults": service_defaults(asked),
        "http_rules": None if asked.service_config is None else read_service_config(asked.service_config),
        "unannotated_rpcs": asked.unannotated_rpcs,
        "ignore_trailing_slash": asked.trailing_slash == "ignore",
        "listener": asked.listener,
        "listener_is_loopback": is_loopback(host),
        "allowed_origins": tuple(asked.allowed_origin),
        "trusted_proxies": tuple(asked.trusted_proxy),
        "token": os.environ.get("GATEWAY_TOKEN", ""),
        "record": record,
        "pages_guard": asked.pages_guard,
        "title": asked.title,
        "rate_limits": dict(asked.rate_limit),
        "rate_limit_storage": asked.rate_limit_storage,
        "forwarded_headers": asked.forwarded_headers,
        "forwarded_cookies": asked.forwarded_cookies,
        "exposed_metadata": asked.exposed_metadata,
        "longest_call_seconds": asked.longest_call,
        "etags": not asked.no_etags,
        "compression": not asked.no_compression,
    }
    if asked.descriptor_set is None:
        services = await asyncio.to_thread(ask_server, server)
    else:
        services, enums, comments = read_descriptor_set(asked.descriptor_set)
        options |= {"error_reasons": tuple(enums), "comments": comments}
    async with server.open() as channel:
        app = Gateway(services, ChannelBackend(channel), GatewayOptions(**options))
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=HttpConnection,
            ws=SocketConnection,
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
            ssl_certfile=asked.tls_cert,
            ssl_keyfile=asked.tls_key,
        )
        await StoppingServer(config, app).serve()


def server_address(asked: argparse.Namespace) -> ServerAddress:
    """Where calls go. Raises CertificateUnusable."""
    if not asked.backend_tls:
        return ServerAddress(asked.backend)
    credentials = tls_credentials(asked.backend_ca, asked.backend_cert, asked.backend_key)
    return ServerAddress(asked.backend, credentials)


class StoppingServer(uvicorn.Server):
    """Ends open streams first, so that their readers do not hold up the stop."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway) -> None:
        super().__init__(config)
        self._gateway = gateway

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take a signal as the wish to stop, which ends in exit status 0; uvicorn itself would die of it afterwards."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """Stop, streams first."""
        self._gateway.close_streams()
        await super().shutdown(sockets)


def is_loopback(host: str) -> bool:
    """Whether a listener on `host` can be reached from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def record(**fields: object) -> None:
    """Write the access line of one request."""
    log.info("request served %s", " ".join(f"{name}={value}" for name, value in fields.items()))


if __name__ == "__main__":
    sys.exit(main())
