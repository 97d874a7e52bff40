"""What a gateway has to know about services, read once from their descriptors.

Works on descriptors of any pool: generated code, a descriptor set, server reflection.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from google.api import http_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from gateway.codec.dialect import Dialect
from gateway.codec.field_dialect import misfit, with_styles
from gateway.contract.error_form import ErrorForm, error_form
from gateway.contract.options import http_rule, method_options, service_options
from gateway_options.v1 import options_pb2

# Listener of a service that names none.
MAIN_LISTENER = "main"
DEFAULT_MAX_BODY_BYTES = 10 * 1024 * 1024
# RFC 9110, section 5.6.2: a method is a token. "*" is a token too.
_HTTP_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")


class ContractInvalid(Exception):
    """The descriptors ask for something that cannot be served; the message names the rpc or the field."""


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
    error_form: ErrorForm
    listeners: tuple[str, ...]
    """Names of the listeners that serve the rpc; never empty."""
    default_framing: "options_pb2.Stream.Framing.ValueType"
    """Framing of streams where neither the options of the rpc nor the request choose one. Unspecified means NDJSON."""
    max_body_bytes: int
    """Largest body, 10 MiB where no option says otherwise."""


def read_services(
    services: Iterable[ServiceDescriptor],
    defaults: options_pb2.ServiceOptions | None = None,
    rules: Mapping[str, http_pb2.HttpRule] | None = None,
) -> tuple[Method, ...]:
    """All rpcs of `services`, in their order.

    `defaults` holds where neither a service nor its file has an option. `rules` maps full names of rpcs
    ("package.Service.Name") to the rule that replaces their annotation.

    Raises:
        ContractInvalid: an annotation does not fit its rpc, an option not its field, or a rule names no rpc.
    """
    if defaults is None and not rules:
        return _read_annotated(tuple(services))
    return _read(services, defaults, dict(rules or {}))


# Every listener of a program reads the same services.
@lru_cache(maxsize=64)
def _read_annotated(services: tuple[ServiceDescriptor, ...]) -> tuple[Method, ...]:
    return _read(services, None, {})


def _read(
    services: Iterable[ServiceDescriptor],
    defaults: options_pb2.ServiceOptions | None,
    waiting: dict[str, http_pb2.HttpRule],
) -> tuple[Method, ...]:
    """Takes the rules it uses out of `waiting`."""
    methods = tuple(method for service in services for method in _methods(service, defaults, waiting))
    if waiting:
        raise ContractInvalid(f"{', '.join(waiting)}: a rule of the service config selects no rpc that is served")
    _check_fields([each for method in methods for each in (method.input, method.output)])
    return methods


def with_limits(methods: Iterable[Method], limits: Mapping[str, options_pb2.RateLimit | None]) -> tuple[Method, ...]:
    """`methods` with other limits of requests, or none (None), in place of those that have a name in `limits`.

    The body of a refusal stays the contract's.

    Raises:
        ContractInvalid: a name is that of no limit, or a limit is below one request or one second.
    """
    changed = tuple(_with_limit(method, limits) for method in methods)
    known = {method.options.rate_limit.name for method in methods}
    for name, limit in limits.items():
        if name not in known:
            raise ContractInvalid(f"{name}: no rpc has a limit of requests of this name")
        if limit is not None and (limit.requests < 1 or limit.window_seconds < 1):
            raise ContractInvalid(f"{name}: a limit is at least one request within at least one second")
    return changed


def _with_limit(method: Method, limits: Mapping[str, options_pb2.RateLimit | None]) -> Method:
    name = method.options.rate_limit.name
    if name not in limits:
        return method
    limit = limits[name]
    return _limited(method, None if limit is None else (limit.requests, limit.window_seconds))


@lru_cache(maxsize=1024)
def _limited(method: Method, limit: tuple[int, int] | None) -> Method:
    """`method` with as many requests within as many seconds, or without a limit."""
    options = options_pb2.MethodOptions()
    options.CopyFrom(method.options)
    if limit is None:
        options.ClearField("rate_limit")
    else:
        options.rate_limit.requests, options.rate_limit.window_seconds = limit
    return replace(method, options=options)


def _methods(
    service: ServiceDescriptor, defaults: options_pb2.ServiceOptions | None, rules: dict[str, http_pb2.HttpRule]
) -> Iterator[Method]:
    """Takes the rules it uses out of `rules`."""
    options = service_options(service, defaults)
    if options.default_framing == options_pb2.Stream.FRAMING_WEBSOCKET:
        raise ContractInvalid(
            f"{service.full_name}: default_framing cannot be WebSocket, which a client asks for itself"
        )
    dialect, form = _dialect(options), _error_form(service, options)
    listeners = tuple(options.listeners) or (MAIN_LISTENER,)
    for method in service.methods:
        rule = rules.pop(method.full_name, None) or http_rule(method)
        own = method_options(method)
        yield Method(
            full_name=f"/{service.full_name}/{method.name}",
            descriptor=method,
            input=method.input_type,
            output=method.output_type,
            input_class=message_factory.GetMessageClass(method.input_type),
            output_class=message_factory.GetMessageClass(method.output_type),
            client_streaming=method.client_streaming,
            server_streaming=method.server_streaming,
            bindings=tuple(_bindings(method, rule)),
            options=own,
            dialect=dialect,
            error_form=form,
            listeners=listeners,
            default_framing=options.default_framing,
            max_body_bytes=own.max_body_bytes or options.max_body_bytes or DEFAULT_MAX_BODY_BYTES,
        )


def _dialect(options: options_pb2.ServiceOptions) -> Dialect:
    ignore = options_pb2.ServiceOptions.UNKNOWN_POLICY_IGNORE
    dialect = Dialect(
        proto_names=options.name_style == options_pb2.ServiceOptions.NAME_STYLE_PROTO,
        number_enums=options.enum_style == options_pb2.ServiceOptions.ENUM_STYLE_NUMBER,
        heeds_options=True,
        ignore_unknown_fields=options.unknown_fields == ignore,
        ignore_unknown_parameters=options.unknown_parameters == ignore,
    )
    return with_styles(dialect, options)


def _error_form(service: ServiceDescriptor, options: options_pb2.ServiceOptions) -> ErrorForm:
    try:
        return error_form(options)
    except ValueError as error:
        raise ContractInvalid(f"{service.full_name}: {error}") from error


def _check_fields(roots: Iterable[Descriptor]) -> None:
    """Refuse options about JSON that do not fit their field, in `roots` and in all messages these may hold."""
    waiting = list(roots)
    known = set(waiting)
    while waiting:
        for field in waiting.pop().fields:
            reason = misfit(field)
            if reason:
                raise ContractInvalid(f"{field.full_name}: {reason}")
            inner = field.message_type
            if inner is not None and inner not in known:
                known.add(inner)
                waiting.append(inner)


def _bindings(method: MethodDescriptor, rule: http_pb2.HttpRule) -> Iterator[HttpBinding]:
    for one in (rule, *rule.additional_bindings):
        if one is not rule and one.additional_bindings:
            raise ContractInvalid(f"{method.full_name}: an additional binding has additional bindings of its own")
        pattern = one.WhichOneof("pattern")
        if pattern is not None:
            yield _binding(method, one, pattern)
        elif one is not rule or one.body or one.response_body:
            raise ContractInvalid(f"{method.full_name}: a binding of google.api.http has no path")


def _binding(method: MethodDescriptor, rule: http_pb2.HttpRule, pattern: str) -> HttpBinding:
    if pattern == "custom":
        http_method, template = rule.custom.kind.upper(), rule.custom.path
    else:
        http_method, template = pattern.upper(), getattr(rule, pattern)
    if not _HTTP_METHOD.fullmatch(http_method):
        raise ContractInvalid(f"{method.full_name}: {rule.custom.kind!r} is no HTTP method")
    if rule.body not in ("", "*") and rule.body not in method.input_type.fields_by_name:
        raise ContractInvalid(f"{method.full_name}: body {rule.body!r} is no field of {method.input_type.full_name}")
    if rule.response_body and rule.response_body not in method.output_type.fields_by_name:
        raise ContractInvalid(
            f"{method.full_name}: response_body {rule.response_body!r} is no field of {method.output_type.full_name}"
        )
    return HttpBinding(http_method, template, rule.body, rule.response_body)
