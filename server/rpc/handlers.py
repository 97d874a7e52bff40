"""The handlers of all services, registered once and served both over gRPC and in process."""

from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

Handler = Any  # grpc.RpcMethodHandler and GenericRpcHandler are generic in the stubs only


class Handlers:
    """Stands in for a server where generated code registers servicers, and keeps what it is given."""

    def __init__(self) -> None:
        self.generic: list[Handler] = []

    def add_generic_rpc_handlers(self, generic_rpc_handlers: Sequence[Handler]) -> None:
        """Keep the handlers of one service."""
        self.generic += generic_rpc_handlers

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Handler]) -> None:
        """Do nothing: these are the same handlers once more."""

    def services(self) -> list[ServiceDescriptor]:
        """Return what the contract says of each service, in the order they were registered."""
        pool = descriptor_pool.Default()
        return [pool.FindServiceByName(handler.service_name()) for handler in self.generic]

    def serve_on(self, server: grpc.aio.Server) -> None:
        """Let a gRPC server serve them too."""
        server.add_generic_rpc_handlers(self.generic)
