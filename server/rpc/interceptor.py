"""What every call passes on its way to a servicer, over gRPC and in process alike.

In order: request id, access, bounds of the request, the servicer; then errors become a status and the call is counted.
It runs on every call, so a method's handler is wrapped once and everything that can be is compiled beforehand.
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

import grpc
import structlog
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message

from server.errors import CredentialInvalid, InvalidArgument, SwitchyardError
from server.rpc import errors
from server.rpc.access import Gate, Rule, read_metadata, read_way, rule_of
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


@dataclass(frozen=True, slots=True)
class Policy:
    """What the contract says of one method: who may call it, and what its request (the first one) must look like."""

    rule: Rule
    check: Callable[[Message], None] | None


@dataclass(frozen=True, slots=True)
class _Method:
    policy: Policy
    metrics: MethodMetrics
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
        AccessMissing: a method does not state who may call it.
    """
    return {
        f"/{service.full_name}/{method.name}": _policy_of(service, method)
        for service in services
        for method in service.methods
    }


def _policy_of(service: ServiceDescriptor, method: MethodDescriptor) -> Policy:
    well_known = _WELL_KNOWN.get(service.full_name)
    if well_known is not None:
        return Policy(well_known, None)
    return Policy(rule_of(method), compile_check(method.input_type))


class Interceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Stands before every method of `policies`; methods without a policy do not exist.

    `loopback_listener`: the gRPC port can be reached from this machine only. `session_lasts` answers whether the login
    of that id has not ended.
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
    ) -> None:
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
        wrapped = self._wrap(handler, _Method(policy, self._metrics.of_method(name), name))
        self._wrapped[name] = wrapped
        return wrapped

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
            wrapped: Any = self._stream(behavior, method)
        elif inspect.iscoroutinefunction(behavior):  # one answer, or a stream the method writes itself
            wrapped = self._unary(behavior, method)
        else:
            return None
        return make(wrapped, _reader(handler.request_deserializer), handler.response_serializer)

    def _unary(self, behavior: Callable[..., Awaitable[Any]], method: _Method) -> Callable[..., Awaitable[Any]]:
        ended = method.metrics.ended

        async def handle(request: Any, context: Context) -> Any:
            started = perf_counter()
            code = grpc.StatusCode.OK
            try:
                return await behavior(await self._enter(method.policy, request, context), context)
            except BaseException as error:
                code = _code_of(error, context)
                await _leave(error, method.name, context)
                raise
            finally:
                ended(code, perf_counter() - started)

        return handle

    def _stream(
        self, behavior: Callable[..., AsyncIterator[Any]], method: _Method
    ) -> Callable[..., AsyncIterator[Any]]:
        metrics = method.metrics

        async def handle(request: Any, context: Context) -> AsyncIterator[Any]:
            code = grpc.StatusCode.OK
            metrics.streams.inc()
            try:
                request = await self._enter(method.policy, request, context)
                async with aclosing(behavior(request, context)) as answers:  # type: ignore[type-var]
                    async for answer in answers:
                        yield answer
            except BaseException as error:
                code = _code_of(error, context)
                await _leave(error, method.name, context)
                raise
            finally:
                metrics.streams.dec()
                metrics.ended(code, None)

        return handle

    async def _enter(self, policy: Policy, request: Any, context: Context) -> Any:
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
        caller = self._gate.admit(policy.rule, sent, way)
        if caller.session_id is not None and not await self._session_lasts(caller.session_id):
            raise CredentialInvalid("Invalid authentication token")
        CALLER.set(caller)
        if isinstance(request, _Unreadable):
            raise request.refusal()
        if not isinstance(request, Message):
            return _checked(request, policy.check)
        if policy.check is not None:
            policy.check(request)
        return request


async def _checked(
    requests: AsyncIterator[Message | _Unreadable], check: Callable[[Message], None] | None
) -> AsyncIterator[Message]:
    """Yield the requests of a stream; only the first one has bounds."""
    async for request in requests:
        if isinstance(request, _Unreadable):
            raise request.refusal()
        if check is not None:
            check(request)
            check = None
        yield request


def _reader(read: Callable[[bytes], Message]) -> Callable[[bytes], Message | _Unreadable]:
    """Wrap `read`, whose exceptions gRPC would answer in its own words."""

    def read_or_tell(data: bytes) -> Message | _Unreadable:
        try:
            return read(data)
        except DecodeError as error:
            return _Unreadable(error)

    return read_or_tell


def _code_of(error: BaseException, context: Context) -> grpc.StatusCode:
    if isinstance(error, SwitchyardError):
        return error.status
    if isinstance(error, grpc.aio.AbortError):
        return grpc.StatusCode(context.code())
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return grpc.StatusCode.CANCELLED
    return grpc.StatusCode.INTERNAL


async def _leave(error: BaseException, method: str, context: Context) -> None:
    """End the call with the status of `error`. Returns only when the error itself is to be passed on."""
    if isinstance(error, grpc.aio.AbortError) or not isinstance(error, Exception):
        return
    if isinstance(error, SwitchyardError):
        wire = errors.of_refusal(error)
    else:
        log.error("A call failed by a fault of ours.", method=method, exc_info=error)
        wire = errors.of_fault(REQUEST_ID.get())
    trailing = ((errors.DETAILS_KEY, wire.details), (METADATA_KEY, REQUEST_ID.get()))
    await context.abort(wire.code, wire.message, trailing)
