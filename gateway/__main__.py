"""A gateway that runs apart from its server: `python -m gateway --help`."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path
from socket import socket
from typing import Final

import grpc
import uvicorn

from gateway.app import Gateway, GatewayOptions
from gateway.backend.channel import ChannelBackend
from gateway.contract import MAIN_LISTENER, ContractInvalid
from gateway.http_connection import HttpConnection
from gateway.routing import RouteConflict
from gateway.service_source import SourceUnusable, ask_server, read_descriptor_set

log = logging.getLogger("gateway.access")

DEFAULT_LISTEN: Final = "127.0.0.1:8000"
# So long a request may go on after a signal to stop.
STOP_SECONDS: Final = 30
# The default of gRPC is 4 MiB each way; the gateway bounds bodies itself.
CHANNEL_OPTIONS: Final = (("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1))
EPILOG: Final = """\
Environment: GATEWAY_TOKEN is sent to the server as metadata x-gateway-token, so that it believes what the gateway says
of the client (its address, whether it is local).

Example: buf build -o api.binpb && python -m gateway --backend 127.0.0.1:50051 --descriptor-set api.binpb
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal comes. Returns 0 after a proper stop, 1 if the gateway could not start."""
    asked = read_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(serve(asked))
    except (SourceUnusable, ContractInvalid, RouteConflict, OSError) as error:
        print(f"gateway: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


async def serve(asked: argparse.Namespace) -> None:
    """Build the gateway and serve it."""
    host, port = asked.listen
    options = {
        "listener": asked.listener,
        "listener_is_loopback": is_loopback(host),
        "allowed_origins": tuple(asked.allowed_origin),
        "trusted_proxies": tuple(asked.trusted_proxy),
        "token": os.environ.get("GATEWAY_TOKEN", ""),
        "record": record,
        "pages_guard": asked.pages_guard,
        "title": asked.title,
        "rate_limit_storage": asked.rate_limit_storage,
    }
    if asked.descriptor_set is None:
        services = await asyncio.to_thread(ask_server, asked.backend)
    else:
        services, enums, comments = read_descriptor_set(asked.descriptor_set)
        options |= {"error_reasons": tuple(enums), "comments": comments}
    async with grpc.aio.insecure_channel(asked.backend, options=CHANNEL_OPTIONS) as channel:
        app = Gateway(services, ChannelBackend(channel), GatewayOptions(**options))
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            http=HttpConnection,
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        await StoppingServer(config, app).serve()


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


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line. Exits with 2 and a message when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway",
        description="Serves a gRPC service as HTTP/JSON, by its google.api.http annotations.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--backend", required=True, metavar="HOST:PORT", help="the gRPC server; unix:PATH works too")
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--descriptor-set", type=Path, metavar="FILE", help="FileDescriptorSet with imports")
    source.add_argument("--reflection", action="store_true", help="ask the server what it serves")
    parser.add_argument("--listen", type=host_and_port, default=DEFAULT_LISTEN, metavar="HOST:PORT", help="%(default)s")
    parser.add_argument("--listener", default=MAIN_LISTENER, help="serve what names this listener (%(default)s)")
    parser.add_argument("--allowed-origin", action="append", default=[], help="CORS; may be repeated; * for all")
    parser.add_argument("--trusted-proxy", action="append", type=network, default=[], metavar="CIDR")
    parser.add_argument("--pages-guard", metavar="/PACKAGE.SERVICE/RPC", help="must answer before the pages do")
    parser.add_argument("--rate-limit-storage", default="memory://", metavar="URL", help="memory:// or redis://...")
    parser.add_argument("--title", default="API", help="title of the OpenAPI document (%(default)s)")
    return parser.parse_args(arguments)


def host_and_port(text: str) -> tuple[str, int]:
    """ "127.0.0.1:8000" or "[::1]:8000" as host and port. Raises argparse.ArgumentTypeError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} must be HOST:PORT")
    return host.strip("[]"), int(port)


def network(text: str) -> str:
    """`text`, if it is a network or an address. Raises argparse.ArgumentTypeError."""
    try:
        ip_network(text, strict=False)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} must be a network, like 10.0.0.0/8, or an address") from error
    return text


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
