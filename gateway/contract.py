"""What a gateway has to know about services, read once from their descriptors.

Works on descriptors of any pool: generated code, a descriptor set, server reflection.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from google.api import http_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from gateway.codec.dialect import Dialect, Nulls
from gateway.descriptor_options import http_rule, method_options, service_options
from gateway_options.v1 import options_pb2

# Listener of a service that names none.
MAIN_LISTENER = "main"

_NULLS = {
    options_pb2.ServiceOptions.NULL_POLICY_UNSPECIFIED: Nulls.PROTO_JSON,
    options_pb2.ServiceOptions.NULL_POLICY_NULL: Nulls.NULL,
    options_pb2.ServiceOptions.NULL_POLICY_OMIT: Nulls.OMIT,
}


class ContractInvalid(Exception):
    """The descriptors ask for something that cannot be served; the message names the rpc."""


@dataclass(frozen=True, slots=True, eq=False)
class HttpBinding:
    """One HTTP method and path that lead to an rpc. Compared by identity."""

    http_method: str
    """Upper case, or "*" for every method."""
    template: str
    """Path template in the grammar of google/api/http.proto."""
    body: str
    """"" for no body, "*" for the whole request, else a top-level field of the request."""
    response_body: str
    """"" for the whole response, else a top-level field of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """An rpc with everything the gateway reads about it. Compared by identity."""

    full_name: str
    """As in a gRPC call: "/package.Service/Name"."""
    descriptor: MethodDescriptor
    input: Descriptor
    output: Descriptor
    input_class: type[Message]
    output_class: type[Message]
    client_streaming: bool
    server_streaming: bool
    bindings: tuple[HttpBinding, ...]
    """In the order of the annotation; empty when the rpc has no HTTP form."""
    options: options_pb2.MethodOptions
    dialect: Dialect
    error_shape: "options_pb2.ServiceOptions.ErrorShape.ValueType"
    listeners: tuple[str, ...]
    """Names of the listeners that serve the rpc; never empty."""


def read_services(services: Iterable[ServiceDescriptor]) -> tuple[Method, ...]:
    """All rpcs of `services`, in their order.

    Raises:
        ContractInvalid: an annotation does not fit its rpc.
    """
    return tuple(method for service in services for method in _methods(service))


def _methods(service: ServiceDescriptor) -> Iterator[Method]:
    options = service_options(service)
    dialect = _dialect(options)
    listeners = tuple(options.listeners) or (MAIN_LISTENER,)
    for method in service.methods:
        yield Method(
            full_name=f"/{service.full_name}/{method.name}",
            descriptor=method,
            input=method.input_type,
            output=method.output_type,
            input_class=message_factory.GetMessageClass(method.input_type),
            output_class=message_factory.GetMessageClass(method.output_type),
            client_streaming=method.client_streaming,
            server_streaming=method.server_streaming,
            bindings=tuple(_bindings(method)),
            options=method_options(method),
            dialect=dialect,
            error_shape=options.error_shape,
            listeners=listeners,
        )


def _dialect(options: options_pb2.ServiceOptions) -> Dialect:
    ignore = options_pb2.ServiceOptions.UNKNOWN_POLICY_IGNORE
    return Dialect(
        proto_names=options.name_style == options_pb2.ServiceOptions.NAME_STYLE_PROTO,
        nulls=_NULLS[options.null_policy],
        offset_times=options.time_style == options_pb2.ServiceOptions.TIME_STYLE_OFFSET,
        number_integers=options.integer_style == options_pb2.ServiceOptions.INTEGER_STYLE_NUMBER,
        ignore_unknown_fields=options.unknown_fields == ignore,
        ignore_unknown_parameters=options.unknown_parameters == ignore,
    )


def _bindings(method: MethodDescriptor) -> Iterator[HttpBinding]:
    rule = http_rule(method)
    for one in (rule, *rule.additional_bindings):
        pattern = one.WhichOneof("pattern")
        if pattern is not None:
            yield _binding(method, one, pattern)


def _binding(method: MethodDescriptor, rule: http_pb2.HttpRule, pattern: str) -> HttpBinding:
    if pattern == "custom":
        http_method, template = rule.custom.kind.upper(), rule.custom.path
    else:
        http_method, template = pattern.upper(), getattr(rule, pattern)
    if rule.body not in ("", "*") and rule.body not in method.input_type.fields_by_name:
        raise ContractInvalid(f"{method.full_name}: body {rule.body!r} is no field of {method.input_type.full_name}")
    if rule.response_body and rule.response_body not in method.output_type.fields_by_name:
        raise ContractInvalid(
            f"{method.full_name}: response_body {rule.response_body!r} is no field of {method.output_type.full_name}"
        )
    return HttpBinding(http_method, template, rule.body, rule.response_body)
