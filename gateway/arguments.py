"""The command line of a gateway that runs apart from its server."""

import argparse
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from gateway.contract.services import DEFAULT_MAX_BODY_BYTES, MAIN_LISTENER
from gateway.http.metadata import EXPOSED_METADATA, FORWARDED_HEADERS
from gateway_options.v1 import options_pb2

DEFAULT_LISTEN: Final = "127.0.0.1:8000"
ERROR_SHAPES: Final = {
    "status": options_pb2.ServiceOptions.ERROR_SHAPE_UNSPECIFIED,
    "detail": options_pb2.ServiceOptions.ERROR_SHAPE_DETAIL,
    "coded": options_pb2.ServiceOptions.ERROR_SHAPE_CODED,
}
UNKNOWN: Final = {
    "refuse": options_pb2.ServiceOptions.UNKNOWN_POLICY_UNSPECIFIED,
    "ignore": options_pb2.ServiceOptions.UNKNOWN_POLICY_IGNORE,
}
FRAMINGS: Final = {"ndjson": options_pb2.Stream.FRAMING_NDJSON, "sse": options_pb2.Stream.FRAMING_SSE}
EPILOG: Final = """\
Environment: GATEWAY_TOKEN is sent to the server as metadata x-gateway-token, so that it believes what the gateway says
of the client (its address, whether it is local). GATEWAY_RATE_LIMIT_STORAGE stands for --rate-limit-storage, whose URL
may have a password that the list of processes must not show.

Example: buf build -o api.binpb && python -m gateway --backend 127.0.0.1:50051 --descriptor-set api.binpb
"""


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line. Exits with 2 and a message when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway",
        description="Serves a gRPC service as HTTP/JSON by its google.api.http annotations, as Connect and gRPC-Web.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_backend_arguments(parser)
    add_listening_arguments(parser)
    add_route_arguments(parser)
    add_caller_arguments(parser)
    add_limit_arguments(parser)
    add_header_arguments(parser)
    add_answer_arguments(parser)
    add_service_arguments(parser)
    asked = parser.parse_args(arguments)
    asked.listen = [one if one.listener else replace(one, listener=asked.listener) for one in listen_at(asked)]
    refuse_contradictions(parser, asked)
    return asked


def add_backend_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where the server is, and how it is known what it serves."""
    parser.add_argument(
        "--backend",
        required=True,
        type=addresses,
        metavar="HOST:PORT[,...]",
        help="the gRPC server, or several that do the same work; unix:PATH works too",
    )
    add_tls_arguments(parser)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--descriptor-set", type=Path, metavar="FILE", help="FileDescriptorSet with imports")
    source.add_argument("--reflection", action="store_true", help="ask the server what it serves")


def add_listening_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where to listen, for clients and for whoever watches."""
    parser.add_argument(
        "--listen",
        action="append",
        type=listening,
        metavar="[LISTENER=]HOST:PORT",
        help=f"{DEFAULT_LISTEN}; may be repeated, each for a listener of its own",
    )
    parser.add_argument(
        "--probes", type=host_and_port, metavar="HOST:PORT", help="answer /healthz and /readyz there (nowhere)"
    )
    parser.add_argument(
        "--drain",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="after a signal to stop go on so long, while /readyz says no (0)",
    )
    parser.add_argument(
        "--listener",
        default=MAIN_LISTENER,
        help="serve what names this listener where --listen names none (%(default)s)",
    )


def add_route_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what changes the routes of the contract."""
    parser.add_argument("--service-config", type=Path, metavar="FILE", help="YAML whose HTTP rules replace annotations")
    parser.add_argument(
        "--trailing-slash", choices=("strict", "ignore"), default="strict", help="at the end of a path (%(default)s)"
    )
    parser.add_argument(
        "--unannotated-rpcs", action="store_true", help="serve rpcs without an HTTP rule too, over Connect and gRPC-Web"
    )


def add_caller_arguments(parser: argparse.ArgumentParser) -> None:
    """Add who may call from where."""
    parser.add_argument("--allowed-origin", action="append", default=[], help="CORS; may be repeated; * for all")
    parser.add_argument("--trusted-proxy", action="append", type=network, default=[], metavar="CIDR")
    parser.add_argument("--pages-guard", metavar="/PACKAGE.SERVICE/RPC", help="must answer before the pages do")


def add_limit_arguments(parser: argparse.ArgumentParser) -> None:
    """Add how often may be called, and where that is counted."""
    parser.add_argument(
        "--rate-limit",
        action="append",
        type=named_limit,
        default=[],
        metavar="NAME=REQUESTS/SECONDS",
        help="in place of the limit that the contract gives under this name; NAME=off for none; may be repeated",
    )
    parser.add_argument(
        "--rate-limit-storage",
        default=os.environ.get("GATEWAY_RATE_LIMIT_STORAGE") or "memory://",
        metavar="URL",
        help="memory:// or redis://...",
    )


def add_answer_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the gateway says by itself."""
    parser.add_argument("--title", default="API", help="title of the OpenAPI document (%(default)s)")
    parser.add_argument("--api-version", default="1", metavar="VERSION", help="version in it (%(default)s)")
    parser.add_argument(
        "--unknown-path-errors",
        action="append",
        type=listeners_shape,
        default=[],
        metavar="LISTENER=SHAPE",
        help=f"body of refusals of paths that resemble no route: {', '.join(ERROR_SHAPES)} (what services agree on)",
    )


def refuse_contradictions(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> None:
    """End the program where two arguments do not go together."""
    named = [one.listener for one in asked.listen]
    if len(set(named)) < len(named):
        parser.error("--listen names a listener twice")
    if (asked.tls_cert is None) != (asked.tls_key is None):
        parser.error("--tls-cert and --tls-key go together")
    if (asked.backend_cert is None) != (asked.backend_key is None):
        parser.error("--backend-cert and --backend-key go together")
    if not asked.backend_tls and (asked.backend_ca or asked.backend_cert):
        parser.error("--backend-ca and --backend-cert need --backend-tls")


@dataclass(frozen=True, slots=True)
class Listening:
    """An address to listen at, and the listener that is served there; "" for the one of --listener."""

    host: str
    port: int
    listener: str = ""


def listen_at(asked: argparse.Namespace) -> Sequence[Listening]:
    """What --listen says, or its default."""
    return asked.listen or [listening(DEFAULT_LISTEN)]


def add_tls_arguments(parser: argparse.ArgumentParser) -> None:
    """Add how connections on either side are protected. All files are PEM."""
    group = parser.add_argument_group("TLS")
    group.add_argument("--backend-tls", action="store_true", help="connect to the server over TLS")
    group.add_argument("--backend-ca", type=Path, metavar="FILE", help="authorities to trust (those gRPC brings along)")
    group.add_argument("--backend-cert", type=Path, metavar="FILE", help="certificate to show to the server")
    group.add_argument("--backend-key", type=Path, metavar="FILE", help="its key")
    group.add_argument("--tls-cert", type=Path, metavar="FILE", help="listen for HTTPS with this certificate")
    group.add_argument("--tls-key", type=Path, metavar="FILE", help="its key")


def add_service_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what holds for services that do not say it themselves, in options of gateway.v1."""
    group = parser.add_argument_group("services that do not say it themselves")
    group.add_argument("--unknown-parameters", choices=UNKNOWN, default="refuse", help="in queries (%(default)s)")
    group.add_argument("--unknown-fields", choices=UNKNOWN, default="refuse", help="in JSON bodies (%(default)s)")
    group.add_argument("--proto-names", action="store_true", help="keys of answers are names of the .proto files")
    nulls = group.add_mutually_exclusive_group()
    nulls.add_argument("--print-defaults", action="store_true", help="answers have fields at their default too")
    nulls.add_argument("--print-nulls", action="store_true", help="and fields that are unset, as null")
    group.add_argument("--integers-as-numbers", action="store_true", help="64-bit integers are JSON numbers")
    group.add_argument("--enums-as-numbers", action="store_true", help="enums of answers are numbers")
    group.add_argument("--error-shape", choices=ERROR_SHAPES, default="status", help="body of refusals (%(default)s)")
    group.add_argument("--default-stream-framing", choices=FRAMINGS, default="ndjson", help="(%(default)s)")
    group.add_argument(
        "--max-body-bytes", type=positive, default=DEFAULT_MAX_BODY_BYTES, metavar="N", help="(%(default)s)"
    )


def service_defaults(asked: argparse.Namespace) -> options_pb2.ServiceOptions:
    """Options for services that do not state them."""
    options = options_pb2.ServiceOptions(
        error_shape=ERROR_SHAPES[asked.error_shape],
        unknown_fields=UNKNOWN[asked.unknown_fields],
        unknown_parameters=UNKNOWN[asked.unknown_parameters],
        default_framing=FRAMINGS[asked.default_stream_framing],
        max_body_bytes=asked.max_body_bytes,
    )
    if asked.proto_names:
        options.name_style = options_pb2.ServiceOptions.NAME_STYLE_PROTO
    if asked.print_defaults:
        options.null_policy = options_pb2.ServiceOptions.NULL_POLICY_OMIT
    if asked.print_nulls:
        options.null_policy = options_pb2.ServiceOptions.NULL_POLICY_NULL
    if asked.integers_as_numbers:
        options.integer_style = options_pb2.ServiceOptions.INTEGER_STYLE_NUMBER
    if asked.enums_as_numbers:
        options.enum_style = options_pb2.ServiceOptions.ENUM_STYLE_NUMBER
    return options


def positive(text: str) -> int:
    """A whole number from 1 on. Raises argparse.ArgumentTypeError."""
    if not text.isascii() or not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} must be a positive whole number")
    return int(text)


def add_header_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what decides on headers and bodies. Lists have commas between their names and replace the default."""
    group = parser.add_argument_group("headers and bodies")
    group.add_argument(
        "--forwarded-headers",
        type=names,
        default=", ".join(FORWARDED_HEADERS),
        metavar="NAMES",
        help="headers that go on as metadata (%(default)s)",
    )
    group.add_argument("--forwarded-cookies", type=names, default="", metavar="NAMES", help="cookies that go on (none)")
    group.add_argument(
        "--exposed-metadata",
        type=names,
        default=", ".join(EXPOSED_METADATA),
        metavar="NAMES",
        help="metadata that comes back as headers; grpc-metadata-* for all (%(default)s)",
    )
    group.add_argument(
        "--longest-call", type=seconds, metavar="SECONDS", help="how long a call with one answer may take (no limit)"
    )
    group.add_argument("--no-etags", action="store_true", help="no entity tags but those of the server")
    group.add_argument("--no-compression", action="store_true", help="send all answers plain")


def names(text: str) -> tuple[str, ...]:
    """Names with commas between them."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def seconds(text: str) -> float:
    """A positive number. Raises argparse.ArgumentTypeError."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} must be a positive number of seconds")
    return number


def host_and_port(text: str) -> tuple[str, int]:
    """ "127.0.0.1:8000" or "[::1]:8000" as host and port. Raises argparse.ArgumentTypeError."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} must be HOST:PORT")
    return host.strip("[]"), int(port)


def listening(text: str) -> Listening:
    """ "HOST:PORT", or "LISTENER=HOST:PORT". Raises argparse.ArgumentTypeError."""
    listener, _, address = text.rpartition("=")
    return Listening(*host_and_port(address), listener)


def addresses(text: str) -> tuple[str, ...]:
    """Addresses with commas between them. Raises argparse.ArgumentTypeError."""
    found = names(text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} must name a server as HOST:PORT")
    return found


def listeners_shape(text: str) -> "tuple[str, options_pb2.ServiceOptions.ErrorShape.ValueType]":
    """Name of a listener and shape of errors in `text`. Raises argparse.ArgumentTypeError."""
    listener, _, shape = text.partition("=")
    if not listener or shape not in ERROR_SHAPES:
        raise argparse.ArgumentTypeError(f"{text!r} must be LISTENER=SHAPE with a shape of {', '.join(ERROR_SHAPES)}")
    return listener, ERROR_SHAPES[shape]


def network(text: str) -> str:
    """`text`, if it is a network or an address. Raises argparse.ArgumentTypeError."""
    try:
        ip_network(text, strict=False)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} must be a network, like 10.0.0.0/8, or an address") from error
    return text


def named_limit(text: str) -> tuple[str, options_pb2.RateLimit | None]:
    """Name and limit of requests, None for none, in `text`. Raises argparse.ArgumentTypeError."""
    name, _, limit = text.partition("=")
    if name and limit == "off":
        return name, None
    requests, _, seconds = limit.partition("/")
    try:
        return name, options_pb2.RateLimit(requests=int(requests), window_seconds=int(seconds))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} must be NAME=REQUESTS/SECONDS or NAME=off") from error
