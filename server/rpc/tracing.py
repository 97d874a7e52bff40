"""Traces of calls for OpenTelemetry: one span for each, whose parent is the one the caller names in `traceparent`.

Source: https://www.w3.org/TR/trace-context/, and of names
https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/

Loaded only where traces are wanted. The other variables of OpenTelemetry hold: for the sampler, the headers and
certificates of the receiver, the name of the service.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any, Final

import grpc
from opentelemetry.context import Context as TraceContext
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, format_span_id, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.contextvars import bind_contextvars, unbind_contextvars

from server.rpc.errors import code_of
from server.rpc.request_id import REQUEST_ID

SERVICE: Final = "switchyard-server"
# A receiver that is away must not keep a server from stopping for long: so long each of the last batches may take.
EXPORT_SECONDS: Final = 2.0
PARENT_KEYS: Final = frozenset({"traceparent", "tracestate"})
NO_CONTEXT: Final = TraceContext()
# Source: as above, "gRPC", "Server" spans: the others are faults of the caller.
FAULTS: Final = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)

CallContext = Any  # grpc.aio.ServicerContext, or the context of a backend in process


class Tracing:
    """Makes spans and sends them to the receiver at `endpoint`, as in "http://127.0.0.1:4317", over gRPC."""

    def __init__(self, endpoint: str, *, version: str) -> None:
        resource = Resource({"service.name": SERVICE, "service.version": version})
        self._provider = TracerProvider(
            resource=resource.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
        )
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint, timeout=EXPORT_SECONDS)))
        self._tracer = self._provider.get_tracer("switchyard.server", version)
        self._propagator = TraceContextTextMapPropagator()

    def unary(
        self, name: str, handle: Callable[[Any, CallContext], Awaitable[Any]]
    ) -> Callable[[Any, CallContext], Awaitable[Any]]:
        """Wrap the handler of a method with one answer; `name` is as in "/package.Service/Method"."""

        async def traced(request: Any, context: CallContext) -> Any:
            with self._span(name, context):
                return await handle(request, context)

        return traced

    def stream(
        self, name: str, handle: Callable[[Any, CallContext], AsyncIterator[Any]]
    ) -> Callable[[Any, CallContext], AsyncIterator[Any]]:
        """Wrap the handler of a method with a stream of answers; its span lasts as long as the stream."""

        async def traced(request: Any, context: CallContext) -> AsyncIterator[Any]:
            with self._span(name, context):
                async with aclosing(handle(request, context)) as answers:  # type: ignore[type-var]
                    async for answer in answers:
                        yield answer

        return traced

    async def run(self) -> None:
        """Wait until cancelled, at the end of the server, then send what was not sent yet."""
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(self._provider.shutdown)

    @contextmanager
    def _span(self, name: str, context: CallContext) -> Iterator[None]:
        span = self._begin(name, context)
        code = grpc.StatusCode.OK
        try:
            yield
        except BaseException as error:
            code = code_of(error, context)
            raise
        finally:
            _end(span, code)

    def _begin(self, name: str, context: CallContext) -> Span:
        """Begin a span, and have the lines of the log name it."""
        sent = {key: value for key, value in context.invocation_metadata() or () if key in PARENT_KEYS}
        parent = self._propagator.extract(sent, context=NO_CONTEXT)
        method = name.removeprefix("/")
        attributes = {"rpc.system.name": "grpc", "rpc.method": method}
        span = self._tracer.start_span(method, parent, SpanKind.SERVER, attributes)
        made = span.get_span_context()
        bind_contextvars(trace_id=format_trace_id(made.trace_id), span_id=format_span_id(made.span_id))
        return span


def _end(span: Span, code: grpc.StatusCode) -> None:
    span.set_attribute("rpc.response.status_code", code.name)
    span.set_attribute("switchyard.request_id", REQUEST_ID.get())
    if code in FAULTS:
        span.set_attribute("error.type", code.name)
        span.set_status(Status(StatusCode.ERROR))
    span.end()
    unbind_contextvars("trace_id", "span_id")
