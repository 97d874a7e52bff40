"""What every call passes on its way to a servicer, over gRPC and in process alike.

In order: request id, access, bounds of the request, the servicer; then errors become a status and the call is counted.
What it changes, or that it was turned away, is noted in the audit log on the way. It runs on every call, so a method's
handler is wrapped once and everything that can be is compiled beforehand.
"""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import Any, Final, Protocol

import grpc
import structlog
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message

from gateway_options.v1 import options_pb2
from server.database.away import is_away
from server.database.first_change import FIRST_CHANGE, FirstChange
from server.errors import CredentialInvalid, InvalidArgument, PermissionDenied, SwitchyardError
from server.rpc import errors
from server.rpc.access import (
    INVALID_TOKEN,
    AccessMissing,
    Gate,
    Rule,
    Way,
    read_metadata,
    read_way,
    rule_of,
    stranger,
)
from server.rpc.audit import DENIALS, Audit, Audited, MethodAudit, Subject, audited_of
from server.rpc.bounds import compile_check
from server.rpc.caller import CALLER
from server.rpc.metrics import CallMetrics, MethodMetrics
from server.rpc.request_id import METADATA_KEY, REQUEST_ID, request_id
from switchyard.auth.v1 import access_pb2

log: Final = structlog.get_logger()

# Services of gRPC itself, which carry none of our options. Reflection tells no more than the published contract.
_WELL_KNOWN: Final[Mapping[str, Rule]] = {
    "grpc.health.v1.Health": Rule(anyone=True),
    "grpc.reflection.v1alpha.ServerReflection": Rule(role=access_pb2.ROLE_VIEWER, local=True),
}

Context = Any  # grpc.aio.ServicerContext, or the context of a backend in process
Handler = Any  # grpc.RpcMethodHandler, which is generic in the stubs only
SessionLasts = Callable[[str], Awaitable[bool]]
Unary = Callable[[Any, Context], Awaitable[Any]]
Stream = Callable[[Any, Context], AsyncIterator[Any]]


class Tracing(Protocol):
    """Follows calls from outside of everything else."""

    def unary(self, name: str, handle: Unary) -> Unary:
        """Wrap the handler of the method `name` with one answer."""

    def stream(self, name: str, handle: Stream) -> Stream:
        """Wrap the handler of the method `name` with a stream of answers."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the contract says of one method: who may call it, and what its request (the first one) must look like."""

    rule: Rule
    check: Callable[[Message], None] | None
    audited: Audited | None = None


@dataclass(frozen=True, slots=True)
class _Method:
    policy: Policy
    metrics: MethodMetrics
    audit: MethodAudit | None
    name: str


@dataclass(frozen=True, slots=True)
class _Unreadable:
    """Stands for a request whose bytes are no message of its type, until the call is let in and can be refused."""

    reason: DecodeError

    def refusal(self) -> InvalidArgument:
        """Return what the caller is told."""
        refusal = InvalidArgument("the request must be a message of the method's type")
        refusal.__cause__ = self.reason
        return refusal


def policies_of(services: Sequence[ServiceDescriptor]) -> dict[str, Policy]:
    """Return the policy of each method by its full name, as in "/package.Service/Method".

    Raises:
        AccessMissing: a method does not state who may call it, or is for robots or environments and does not say which
            one calls.
    """
    return {
        f"/{service.full_name}/{method.name}": _policy_of(service, method)
        for service in services
        for method in service.methods
    }


@cache
def _policy_of(service: ServiceDescriptor, method: MethodDescriptor) -> Policy:
    well_known = _WELL_KNOWN.get(service.full_name)
    if well_known is not None:
        return Policy(well_known, None)
    rule = rule_of(method)
    for is_for, field in ((rule.robot, "robot_id"), (rule.environment_too, "environment_id")):
        if is_for and field not in method.input_type.fields_by_name:
            raise AccessMissing(f"{method.full_name} must have the {field} of its caller in its request")
    return Policy(rule, compile_check(method.input_type, json_names=_in_camel_case(method)), audited_of(method))


def _in_camel_case(method: MethodDescriptor) -> bool:
    """Whether the API that `method` belongs to spells fields as JSON does."""
    service = method.containing_service
    options = options_pb2.ServiceOptions()
    options.MergeFrom(service.file.GetOptions().Extensions[options_pb2.every_service])
    options.MergeFrom(service.GetOptions().Extensions[options_pb2.service])
    has_rule = method.GetOptions().HasExtension(annotations_pb2.http)
    return has_rule and options.name_style != options_pb2.ServiceOptions.NAME_STYLE_PROTO


class Interceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Stands before every method of `policies`; methods without a policy do not exist.

    `loopback_listener`: the gRPC port can be reached from this machine only. `session_lasts` answers whether the login
    of that id has not ended. `audit` None: no log is kept. `tracing` None: nobody follows calls, at no cost.
    """

    def __init__(
        self,
        policies: Mapping[str, Policy],
        gate: Gate,
        *,
        gateway_token: str,
        loopback_listener: bool,
        session_lasts: SessionLasts,
        metrics: CallMetrics,
        audit: Audit | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self._audit = audit
        self._tracing = tracing
        self._policies = policies
        self._gate = gate
        self._gateway_token = gateway_token.encode()
        self._loopback_listener = loopback_listener
        self._session_lasts = session_lasts
        self._metrics = metrics
        self._wrapped: dict[str, Handler] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Return the wrapped handler of the method, or None for a method that does not exist."""
        name: str = handler_call_details.method
        wrapped = self._wrapped.get(name)
        if wrapped is not None:
            return wrapped
        handler = await continuation(handler_call_details)
        policy = self._policies.get(name)
        if handler is None or policy is None:
            return None  # gRPC answers UNIMPLEMENTED
        wrapped = self._wrap(handler, _Method(policy, self._metrics.of_method(name), self._audit_of(policy), name))
        self._wrapped[name] = wrapped
        return wrapped

    def _audit_of(self, policy: Policy) -> MethodAudit | None:
        if self._audit is None or policy.audited is None:
            return None
        return self._audit.of_method(policy.audited)

    def _wrap(self, handler: Handler, method: _Method) -> Handler:
        """Return a handler of the same kind, or None for a method that the servicer leaves to its generated base."""
        kind = (bool(handler.request_streaming), bool(handler.response_streaming))
        behavior, make = {
            (False, False): (handler.unary_unary, grpc.unary_unary_rpc_method_handler),
            (False, True): (handler.unary_stream, grpc.unary_stream_rpc_method_handler),
            (True, False): (handler.stream_unary, grpc.stream_unary_rpc_method_handler),
            (True, True): (handler.stream_stream, grpc.stream_stream_rpc_method_handler),
        }[kind]
        if inspect.isasyncgenfunction(behavior):
            wrapped: Any = self._followed_stream(method, self._stream(behavior, method))
        elif inspect.iscoroutinefunction(behavior):  # one answer, or a stream the method writes itself
            wrapped = self._followed_unary(method, self._unary(behavior, method))
        else:
            return None
        return make(wrapped, _reader(handler.request_deserializer), handler.response_serializer)

    def _followed_unary(self, method: _Method, handle: Unary) -> Unary:
        return handle if self._tracing is None else self._tracing.unary(method.name, handle)

    def _followed_stream(self, method: _Method, handle: Stream) -> Stream:
        return handle if self._tracing is None else self._tracing.stream(method.name, handle)

    def _unary(self, behavior: Callable[..., Awaitable[Any]], method: _Method) -> Callable[..., Awaitable[Any]]:
        ended = method.metrics.ended

        async def handle(request: Any, context: Context) -> Any:
            started = perf_counter()
            code = grpc.StatusCode.OK
            subject = Subject()
            first = _begin(method.audit, subject)
            try:
                return await behavior(await self._enter(method.policy, request, context, subject), context)
            except BaseException as error:
                code = errors.code_of(error, context)
                _note_denial(method.audit, subject, code, error)
                await _leave(error, method.name, context)
                raise
            finally:
                if first is not None:
                    first.give_up()
                ended(code, perf_counter() - started)

        return handle

    def _stream(
        self, behavior: Callable[..., AsyncIterator[Any]], method: _Method
    ) -> Callable[..., AsyncIterator[Any]]:
        metrics = method.metrics

        async def handle(request: Any, context: Context) -> AsyncIterator[Any]:
            code = grpc.StatusCode.OK
            metrics.streams.inc()
            subject = Subject()
            first = _begin(method.audit, subject)
            try:
                request = await self._enter(method.policy, request, context, subject)
                async with aclosing(behavior(request, context)) as answers:  # type: ignore[type-var]
                    async for answer in answers:
                        yield answer
            except BaseException as error:
                code = errors.code_of(error, context)
                _note_denial(method.audit, subject, code, error)
                await _leave(error, method.name, context)
                raise
            finally:
                if first is not None:
                    first.give_up()
                metrics.streams.dec()
                metrics.ended(code, None)

        return handle

    async def _enter(self, policy: Policy, request: Any, context: Context, subject: Subject) -> Any:
        """Let the call in or raise. Returns the request, or a stream of requests whose first one is checked."""
        sent = read_metadata(context.invocation_metadata() or ())
        current = request_id(sent.get(METADATA_KEY))
        REQUEST_ID.set(current)
        context.set_trailing_metadata(((METADATA_KEY, current),))
        way = read_way(
            sent,
            context.peer(),
            gateway_token=self._gateway_token,
            loopback_listener=self._loopback_listener,
        )
        if isinstance(request, Message):
            subject.request = request
        await self._admit(policy.rule, sent, way)
        if isinstance(request, _Unreadable):
            raise request.refusal()
        if not isinstance(request, Message):
            return _checked(request, policy, subject)
        _check(request, policy)
        return request

    async def _admit(self, rule: Rule, sent: Mapping[str, str], way: Way) -> None:
        """Set who calls, as far as it is known, and let him in or raise."""
        CALLER.set(stranger(way.address))
        caller = await self._gate.identify(rule, sent, way)
        if caller.session_id is not None and not await self._session_lasts(caller.session_id):
            raise CredentialInvalid(INVALID_TOKEN)
        # Whoever is turned away because of what he may do is known by name.
        CALLER.set(caller)
        self._gate.permit(rule, caller)


def _begin(audit: MethodAudit | None, subject: Subject) -> FirstChange | None:
    """Have the first change of the present call leave an entry, if such calls are noted."""
    first = audit.begin(subject) if audit is not None else None
    FIRST_CHANGE.set(first)
    return first


def _note_denial(audit: MethodAudit | None, subject: Subject, code: grpc.StatusCode, error: BaseException) -> None:
    if audit is not None and code in DENIALS:
        audit.deny(subject, str(error))


def _check(request: Message, policy: Policy) -> None:
    """Refuse a request, the first one of a stream, that is somebody else's or out of bounds."""
    if policy.rule.robot:
        _check_robot(request)
    if policy.rule.environment_too:
        _check_environment(request)
    if policy.check is not None:
        policy.check(request)


def _check_robot(request: Any) -> None:
    """Refuse that a robot speaks for another one. Every request of a method for robots has `robot_id`."""
    own = CALLER.get().robot_id
    if own is not None and request.robot_id != own:
        raise PermissionDenied(f"Insufficient permissions. Robot {own} only", robot_id=own)


def _check_environment(request: Any) -> None:
    """Refuse that an environment speaks for another one. Every request of a method for them has `environment_id`."""
    own = CALLER.get().environment_id
    if own is not None and request.environment_id != own:
        raise PermissionDenied(f"Insufficient permissions. Environment {own} only", environment_id=own)


async def _checked(
    requests: AsyncIterator[Message | _Unreadable], policy: Policy, subject: Subject
) -> AsyncIterator[Message]:
    """Yield the requests of a stream; only the first one has bounds, and says who calls."""
    async for request in requests:
        if isinstance(request, _Unreadable):
            raise request.refusal()
        if subject.request is None:
            subject.request = request
            _check(request, policy)
        yield request


def _reader(read: Callable[[bytes], Message]) -> Callable[[bytes], Message | _Unreadable]:
    """Wrap `read`, whose exceptions gRPC would answer in its own words."""

    def read_or_tell(data: bytes) -> Message | _Unreadable:
        try:
            return read(data)
        except DecodeError as error:
            return _Unreadable(error)

    return read_or_tell


async def _leave(error: BaseException, method: str, context: Context) -> None:
    """End the call with the status of `error`. Returns only when the error itself is to be passed on."""
    if isinstance(error, grpc.aio.AbortError) or not isinstance(error, Exception):
        return
    if isinstance(error, SwitchyardError):
        wire = errors.of_refusal(error)
    elif is_away(error):
        log.warning("A call failed, as the database is away.", method=method, error=type(error).__name__)
        wire = errors.of_loss()
    else:
        log.error("A call failed by a fault of ours.", method=method, exc_info=error)
        wire = errors.of_fault(REQUEST_ID.get())
    trailing = ((errors.DETAILS_KEY, wire.details), (METADATA_KEY, REQUEST_ID.get()))
    await context.abort(wire.code, wire.message, trailing)
