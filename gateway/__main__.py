"""A gateway that runs apart from its server: `python -m gateway --help`."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from ipaddress import ip_address
from socket import socket
from typing import Any, Final

import uvicorn
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor import ServiceDescriptor

from gateway.app import Gateway, GatewayOptions
from gateway.arguments import Listening, read_arguments, service_defaults
from gateway.backend.connection import CertificateUnusable, ServerAddress, check_pair, tls_credentials
from gateway.backend.several import open_servers
from gateway.contract.service_config import ServiceConfigInvalid, read_service_config
from gateway.contract.services import ContractInvalid
from gateway.contract.source import SourceUnusable, ask_server, read_descriptor_set
from gateway.http.metadata import NameRefused
from gateway.http.rate_limit import StorageInvalid
from gateway.probes import Probes
from gateway.routing import RouteConflict
from gateway.serving.http_connection import HttpConnection
from gateway.serving.socket_connection import SocketConnection

log = logging.getLogger("gateway.access")

# So long a request may go on after a signal to stop.
STOP_SECONDS: Final = 30
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
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
    """Build a gateway for each listener and serve them until a signal comes."""
    if asked.tls_cert is not None:
        check_pair(asked.tls_cert, asked.tls_key)
    servers = server_addresses(asked)
    http_rules = None if asked.service_config is None else read_service_config(asked.service_config)
    services, described = await describe(asked, servers)
    async with open_servers(servers) as backend:
        options = [gateway_options(asked, place, http_rules, described) for place in asked.listen]
        gateways = [Gateway(services, backend, one) for one in options]
        listeners = [
            StoppingServer(configuration(asked, place, gateway), gateway)
            for place, gateway in zip(asked.listen, gateways, strict=True)
        ]
        stopping = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            for listener in listeners:
                group.create_task(listener.serve())
            probes = open_probes(asked, lambda: not stopping.is_set() and backend.serving())
            if probes is not None:
                group.create_task(probes.serve())
            group.create_task(stop_on_signal(stopping, asked.drain, [*listeners, *([probes] if probes else [])]))


def server_addresses(asked: argparse.Namespace) -> Sequence[ServerAddress]:
    """Where calls go. Raises CertificateUnusable."""
    credentials = None
    if asked.backend_tls:
        credentials = tls_credentials(asked.backend_ca, asked.backend_cert, asked.backend_key)
    return [ServerAddress(target, credentials) for target in asked.backend]


async def describe(
    asked: argparse.Namespace, servers: Sequence[ServerAddress]
) -> tuple[Sequence[ServiceDescriptor], Mapping[str, Any]]:
    """Return the services, and what else is known of them, as options. Raises SourceUnusable."""
    if asked.descriptor_set is not None:
        services, enums, comments = read_descriptor_set(asked.descriptor_set)
        return services, {"error_reasons": tuple(enums), "comments": comments}
    *others, last = servers
    for server in others:
        with suppress(SourceUnusable):
            return await asyncio.to_thread(ask_server, server), {}
    return await asyncio.to_thread(ask_server, last), {}


def gateway_options(
    asked: argparse.Namespace,
    place: Listening,
    http_rules: Mapping[str, HttpRule] | None,
    described: Mapping[str, Any],
) -> GatewayOptions:
    """Return the options of the gateway of one listener."""
    return GatewayOptions(
        service_defaults=service_defaults(asked),
        http_rules=http_rules,
        unannotated_rpcs=asked.unannotated_rpcs,
        ignore_trailing_slash=asked.trailing_slash == "ignore",
        listener=place.listener,
        listener_is_loopback=is_loopback(place.host),
        allowed_origins=tuple(asked.allowed_origin),
        trusted_proxies=tuple(asked.trusted_proxy),
        token=os.environ.get("GATEWAY_TOKEN", ""),
        record=record,
        pages_guard=asked.pages_guard,
        title=asked.title,
        version=asked.api_version,
        default_error_shape=dict(asked.unknown_path_errors).get(place.listener),
        rate_limits=dict(asked.rate_limit),
        rate_limit_storage=asked.rate_limit_storage,
        forwarded_headers=asked.forwarded_headers,
        forwarded_cookies=asked.forwarded_cookies,
        exposed_metadata=asked.exposed_metadata,
        longest_call_seconds=asked.longest_call,
        etags=not asked.no_etags,
        compression=not asked.no_compression,
        **described,
    )


def configuration(asked: argparse.Namespace, place: Listening, gateway: Gateway) -> uvicorn.Config:
    """Return how one listener is served."""
    return uvicorn.Config(
        gateway,
        host=place.host,
        port=place.port,
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


def open_probes(asked: argparse.Namespace, ready: Callable[[], bool]) -> "QuietServer | None":
    """Return what answers probes, where they are wanted. In the clear: whoever probes has no certificate."""
    if asked.probes is None:
        return None
    host, port = asked.probes
    return QuietServer(
        uvicorn.Config(
            Probes(ready), host=host, port=port, lifespan="off", ws="none", access_log=False, log_config=None
        )
    )


async def stop_on_signal(stopping: asyncio.Event, drain_seconds: float, servers: Sequence[uvicorn.Server]) -> None:
    """Wait for a signal to stop, and then so long that whoever sends requests has noticed; then stop `servers`.

    A second signal ends the process at once.
    """
    loop = asyncio.get_running_loop()

    def stop_once() -> None:
        stopping.set()
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop_once)
    await stopping.wait()
    await asyncio.sleep(drain_seconds)
    for server in servers:
        server.should_exit = True


class QuietServer(uvicorn.Server):
    """Leaves signals to the program, which has several servers."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none; uvicorn itself would die of it after a proper stop."""
        yield


class StoppingServer(QuietServer):
    """Ends open streams first, so that their readers do not hold up the stop."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway) -> None:
        super().__init__(config)
        self._gateway = gateway

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
