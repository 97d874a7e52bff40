"""Handlers for services whose contract is known by descriptors only, as generated code would make them."""

from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor import ServiceDescriptor


def service_handler(service: ServiceDescriptor, behaviour: Callable[[str], Any]) -> "grpc.GenericRpcHandler[Any, Any]":
    """What serves all rpcs of `service`, each by what `behaviour` gives for its name."""
    rpcs = {}
    for method in service.methods:
        asks = "stream" if method.client_streaming else "unary"
        answers = "stream" if method.server_streaming else "unary"
        rpcs[method.name] = getattr(grpc, f"{asks}_{answers}_rpc_method_handler")(
            behaviour(method.name),
            request_deserializer=message_factory.GetMessageClass(method.input_type).FromString,
            response_serializer=message_factory.GetMessageClass(method.output_type).SerializeToString,
        )
    return grpc.method_handlers_generic_handler(service.full_name, rpcs)
