"""Everything about one binding of one rpc that can be worked out before the first request."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gateway.binding import Bind, compile_binding
from gateway.codec.printer import field_printer, message_printer
from gateway.contract import ContractInvalid, HttpBinding, Method
from gateway.exchange import JSON
from gateway.framing import Framing
from gateway.framing.http_body import content_of, is_http_body, is_http_body_field
from gateway.framing.ndjson import ndjson
from gateway.framing.shared_frames import SharedFrames
from gateway.framing.sse import sse
from gateway.options import DEFAULT_MAX_BODY_BYTES
from gateway.rate_limit import Window, read_window
from gateway_options.v1 import options_pb2

EVENT_STREAM = b"text/event-stream"


class Kind(enum.Enum):
    """How an rpc is carried over HTTP."""

    UNARY = enum.auto()
    EVENTS = enum.auto()
    """A stream of answers, framed."""
    DOWNLOAD = enum.auto()
    """A stream of HttpBody: the pieces of one body."""
    UPLOAD = enum.auto()
    """A stream of requests whose body field is an HttpBody: the pieces of one body."""
    WEBSOCKET = enum.auto()
    """Only as a WebSocket."""
    UNSUPPORTED = enum.auto()
    """Streams both ways, or streams requests that are no pieces of a body."""


class Stream(NamedTuple):
    """One framing of the answers of an rpc, with the frames its readers share."""

    framing: Framing
    frames: SharedFrames


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """One binding, made ready. Compared by identity."""

    method: Method
    kind: Kind
    bind: Bind
    takes_body: bool
    body_field: str
    """Field of the request that is an HttpBody and takes the body; empty for any other body."""
    form_part: str
    """Part of a multipart form that is the body; empty when forms are not taken apart."""
    last_field: str
    """Field of the request that marks the end of an upload; empty when nothing does."""
    max_body_bytes: int
    success_status: int
    write: Callable[[Message], tuple[bytes, bytes]]
    """Content type and body of an answer."""
    window: Window | None
    lines: Stream
    events: Stream

    def stream(self, accept: bytes | None) -> Stream:
        """Return the framing a request with this Accept gets."""
        framing = self.method.options.stream.framing
        if framing == options_pb2.Stream.FRAMING_SSE:
            return self.events
        if framing == options_pb2.Stream.FRAMING_NDJSON:
            return self.lines
        return self.events if accept is not None and EVENT_STREAM in accept else self.lines


def compile_endpoint(method: Method, binding: HttpBinding) -> Endpoint:
    """Make one binding ready.

    Raises:
        ContractInvalid: the options do not fit the rpc.
    """
    options = method.options
    if options.success_status and not 200 <= options.success_status <= 299:
        raise ContractInvalid(f"{method.full_name}: success_status must be 200 to 299")
    body_field = _body_field(method, binding)
    if options.HasField("upload") and not body_field:
        raise ContractInvalid(f"{method.full_name}: upload needs a google.api.HttpBody as body")
    if options.upload.last and not _is_mark(method, options.upload.last):
        raise ContractInvalid(f"{method.full_name}: upload.last must be a bool field of a stream of requests")
    events, lines = sse(method), ndjson(method)
    return Endpoint(
        method=method,
        kind=_kind(method, body_field),
        bind=compile_binding(method, binding),
        takes_body=bool(binding.body),
        body_field=body_field,
        form_part=options.upload.part,
        last_field=options.upload.last,
        max_body_bytes=options.max_body_bytes or DEFAULT_MAX_BODY_BYTES,
        success_status=options.success_status or 200,
        write=_writer(method, binding),
        window=read_window(method.full_name, options.rate_limit) if options.HasField("rate_limit") else None,
        lines=Stream(lines, SharedFrames(lines.encode)),
        events=Stream(events, SharedFrames(events.encode)),
    )


def _body_field(method: Method, binding: HttpBinding) -> str:
    field = method.input.fields_by_name.get(binding.body)
    return binding.body if is_http_body_field(field) else ""


def _is_mark(method: Method, name: str) -> bool:
    field = method.input.fields_by_name.get(name)
    return method.client_streaming and field is not None and field.type == FieldDescriptor.TYPE_BOOL


def _kind(method: Method, body_field: str) -> Kind:
    if method.options.stream.framing == options_pb2.Stream.FRAMING_WEBSOCKET:
        return Kind.WEBSOCKET
    if method.client_streaming:
        return Kind.UPLOAD if body_field and not method.server_streaming else Kind.UNSUPPORTED
    if method.server_streaming:
        return Kind.DOWNLOAD if is_http_body(method.output) else Kind.EVENTS
    return Kind.UNARY


def _writer(method: Method, binding: HttpBinding) -> Callable[[Message], tuple[bytes, bytes]]:
    """Return the function that gives content type and body of an answer."""
    name = binding.response_body
    if not name:
        if is_http_body(method.output):
            return content_of
        print_message = message_printer(method.output, method.dialect)
        return lambda answer: (JSON, orjson.dumps(print_message(answer)))
    if is_http_body_field(method.output.fields_by_name[name]):
        return lambda answer: content_of(_field(answer, name))
    print_field = field_printer(method.output.fields_by_name[name], method.dialect)
    return lambda answer: (JSON, orjson.dumps(print_field(answer)))


def _field(answer: Message, name: str) -> Any:
    return getattr(answer, name)
