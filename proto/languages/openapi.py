"""OpenAPI: the HTTP side of the contract in one file, as the server's gateway serves it at /openapi.json."""

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Final

import orjson
from google.protobuf.descriptor import ServiceDescriptor

from languages.language import sources

FILE: Final = "switchyard.json"
# Who may call what is told as for a server that listens on loopback, as it does unless told otherwise.
REACHABLE: Final = False


class OpenApi:
    """One document, for everything that reads OpenAPI 3.1."""

    name = "openapi"
    programs = ()
    committed = True

    def generate(self, folder: Path) -> None:
        """Write `switchyard.json`, with sorted keys and a line for each, so that a change of the contract shows."""
        document = orjson.loads(written())
        options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
        (folder / FILE).write_bytes(orjson.dumps(document, option=options))


LANGUAGE: Final = OpenApi()


def written() -> bytes:
    """Return the document of all services of the contract that the main listener shows."""
    # What these import was perhaps written a moment ago, for Python.
    from gateway.contract.services import read_services
    from gateway.errors.problem import ErrorReasons
    from gateway.openapi import openapi_document
    from gateway.options import GatewayOptions
    from gateway_options.v1 import options_pb2
    from server.rpc.access import credential_needed, rule_of, who_may_call
    from switchyard.errors.v1 import error_reason_pb2

    options = GatewayOptions(
        listener="main",
        listener_is_loopback=not REACHABLE,
        credential_needed=lambda method: credential_needed(rule_of(method), reachable=REACHABLE),
        who_may_call=lambda method: who_may_call(rule_of(method), reachable=REACHABLE),
        title="Switchyard",
        version=version("switchyard"),
        default_error_shape=options_pb2.ServiceOptions.ERROR_SHAPE_DETAIL,
        comments=(Path(error_reason_pb2.__file__).parents[2] / "contract.binpb").read_bytes(),
    )
    methods = read_services(list(services()), options.service_defaults, options.http_rules)
    shown = [method for method in methods if options.listener in method.listeners]
    return openapi_document(shown, options, ErrorReasons([error_reason_pb2.ErrorReason.DESCRIPTOR]))


def services() -> Iterator[ServiceDescriptor]:
    """Yield the services of the contract, file by file."""
    for source in sources():
        if source.startswith("switchyard"):
            module = import_module(source.removesuffix(".proto").replace("/", ".") + "_pb2")
            yield from module.DESCRIPTOR.services_by_name.values()
