"""Everything about one binding of one rpc that can be worked out before the first request."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gateway.binding import Bind, compile_binding
from gateway.binding.form_fields import ReadForm, compile_form_fields
from gateway.codec import dumper, value_dumper
from gateway.contract.services import ContractInvalid, HttpBinding, Method
from gateway.framing import Frame, Framing
from gateway.framing.events import read_events
from gateway.framing.http_body import content_of, is_http_body, is_http_body_field
from gateway.framing.ndjson import ndjson
from gateway.framing.shared_frames import SharedFrames
from gateway.framing.sse import sse
from gateway.framing.websocket import Frames, text_frames
from gateway.http.exchange import JSON
from gateway.http.rate_limit import Window, read_window
from gateway_options.v1 import options_pb2

SSE: Final = options_pb2.Stream.FRAMING_SSE
NDJSON: Final = options_pb2.Stream.FRAMING_NDJSON
# What a request may name in Accept to choose the framing of a stream.
MEDIA_TYPES: Final = {b"text/event-stream": SSE, b"application/x-ndjson": NDJSON}

Write = Callable[[Message], tuple[bytes, bytes]]


class Kind(enum.Enum):
    """How the answers of an rpc are carried over HTTP."""

    UNARY = enum.auto()
    """One request, one answer."""
    COLLECT = enum.auto()
    """A stream of requests, one answer."""
    EVENTS = enum.auto()
    """A stream of answers, framed."""
    DOWNLOAD = enum.auto()
    """A stream of HttpBody: the pieces of one body."""
    WEBSOCKET = enum.auto()
    """Only as a WebSocket."""


class Requests(enum.Enum):
    """How the requests of an rpc are carried over HTTP."""

    ONE = enum.auto()
    """One request. Also for a stream of requests whose binding takes no body: path and query are all there is."""
    MESSAGES = enum.auto()
    """A stream of requests: JSON texts in the body, each of at most `max_body_bytes`."""
    PIECES = enum.auto()
    """A stream of requests that are an HttpBody or hold one: the pieces of one body of at most `max_body_bytes`."""


class Stream(NamedTuple):
    """One framing of the answers of an rpc, with the frames its readers share."""

    framing: Framing
    frames: SharedFrames[Frame]


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """One binding, made ready. Compared by identity."""

    method: Method
    kind: Kind
    requests: Requests
    bind: Bind
    bind_frame: Bind
    """Binds a frame of a WebSocket as the body. Where the binding takes no body, a frame is a whole request."""
    takes_body: bool
    takes_bytes: bool
    """The body is an HttpBody: bytes of any kind."""
    body_field: str
    """Field of the request that is an HttpBody and takes the body; empty for any other body."""
    form_part: str
    """Part of a multipart form that is the body; empty when forms are not taken apart."""
    last_field: str
    """Field of the request that marks the end of an upload; empty when nothing does."""
    filename_field: str
    """Field of the request that takes the name of the file; empty when nothing does."""
    read_form: ReadForm | None
    """Makes fields of the request of the other parts of a form; None where they are skipped."""
    max_body_bytes: int
    success_status: int
    write: Write
    """Content type and body of an answer; of one piece, where the answers are pieces of a body."""
    window: Window | None
    lines: Stream
    events: Stream
    frames: SharedFrames[Frames]
    """Answers as frames of a WebSocket."""
    answer_ping: bool
    """Over a WebSocket the text `ping` is no request and is answered with `pong`."""

    def stream(self, accept: bytes | None) -> Stream:
        """Return the framing a request with this Accept gets."""
        framing = self.method.options.stream.framing
        if framing not in (SSE, NDJSON):
            framing = (accepted_framing(accept) if accept else None) or self.method.default_framing
        return self.events if framing == SSE else self.lines


@lru_cache(maxsize=256)
def accepted_framing(accept: bytes) -> "options_pb2.Stream.Framing.ValueType | None":
    """The framing that an Accept header names with the highest weight (RFC 9110, section 12.5.1); None for neither."""
    best, best_weight = None, 0.0
    for element in accept.lower().split(b","):
        media_type, *parameters = [part.strip() for part in element.split(b";")]
        framing = MEDIA_TYPES.get(media_type)
        weight = next((_weight(text[2:]) for text in parameters if text.startswith(b"q=")), 1.0)
        if framing is not None and weight > best_weight:
            best, best_weight = framing, weight
    return best


def _weight(text: bytes) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def compile_endpoint(method: Method, binding: HttpBinding) -> Endpoint:
    """Make one binding ready.

    Raises:
        ContractInvalid: the options do not fit the rpc.
    """
    options = method.options
    if options.success_status and not 200 <= options.success_status <= 299:
        raise ContractInvalid(f"{method.full_name}: success_status must be 200 to 299")
    body_field = _body_field(method, binding)
    takes_bytes = bool(body_field) or (binding.body == "*" and is_http_body(method.input))
    if options.HasField("upload") and not takes_bytes:
        raise ContractInvalid(f"{method.full_name}: upload needs a google.api.HttpBody as body")
    if options.upload.last and not _is_mark(method, options.upload.last):
        raise ContractInvalid(f"{method.full_name}: upload.last must be a bool field of a stream of requests")
    if options.upload.filename and not _is_text(method, options.upload.filename):
        raise ContractInvalid(f"{method.full_name}: upload.filename must be a string field of the request")
    bind = compile_binding(method, binding)
    write_json = _json_writer(method, binding)
    write = _writer(method, binding, write_json)
    parts = read_events(method, write_json)
    events, lines = sse(method, parts), ndjson(write_json)
    answers = _kind(method, binding)
    only_as_websocket = options.stream.framing == options_pb2.Stream.FRAMING_WEBSOCKET
    whole_frames = method.client_streaming and not binding.body
    return Endpoint(
        method=method,
        kind=Kind.WEBSOCKET if only_as_websocket else answers,
        requests=_requests(method, binding, takes_bytes=takes_bytes),
        bind=bind,
        bind_frame=compile_binding(method, binding, body="*") if whole_frames else bind,
        takes_body=bool(binding.body),
        takes_bytes=takes_bytes,
        body_field=body_field,
        form_part=options.upload.part,
        last_field=options.upload.last,
        filename_field=options.upload.filename,
        # A body that is the whole request leaves no fields for other parts.
        read_form=compile_form_fields(method, binding) if options.upload.part and body_field else None,
        max_body_bytes=method.max_body_bytes,
        success_status=options.success_status or 200,
        write=write,
        window=read_window(method.full_name, options.rate_limit) if options.HasField("rate_limit") else None,
        lines=Stream(lines, SharedFrames(lines.encode)),
        events=Stream(events, SharedFrames(events.encode)),
        # Events may have many readers; other answers have one.
        frames=SharedFrames(text_frames(parts)) if answers is Kind.EVENTS else SharedFrames(_one_frame(write), 1),
        answer_ping=options.stream.answer_ping,
    )


def _body_field(method: Method, binding: HttpBinding) -> str:
    field = method.input.fields_by_name.get(binding.body)
    return binding.body if is_http_body_field(field) else ""


def _is_mark(method: Method, name: str) -> bool:
    field = method.input.fields_by_name.get(name)
    return method.client_streaming and field is not None and field.type == FieldDescriptor.TYPE_BOOL


def _is_text(method: Method, name: str) -> bool:
    field = method.input.fields_by_name.get(name)
    return field is not None and field.type == FieldDescriptor.TYPE_STRING and not field.is_repeated


def _kind(method: Method, binding: HttpBinding) -> Kind:
    if method.server_streaming:
        return Kind.DOWNLOAD if _gives_bytes(method, binding) else Kind.EVENTS
    return Kind.COLLECT if method.client_streaming else Kind.UNARY


def _requests(method: Method, binding: HttpBinding, *, takes_bytes: bool) -> Requests:
    if not method.client_streaming or not binding.body:
        return Requests.ONE
    return Requests.PIECES if takes_bytes else Requests.MESSAGES


def _gives_bytes(method: Method, binding: HttpBinding) -> bool:
    if binding.response_body:
        return is_http_body_field(method.output.fields_by_name[binding.response_body])
    return is_http_body(method.output)


def _json_writer(method: Method, binding: HttpBinding) -> Callable[[Message], bytes]:
    if binding.response_body:
        return value_dumper(method.output.fields_by_name[binding.response_body], method.dialect)
    return dumper(method.output, method.dialect)


def _writer(method: Method, binding: HttpBinding, write_json: Callable[[Message], bytes]) -> Write:
    """Return the function that gives content type and body of an answer."""
    name = binding.response_body
    if not _gives_bytes(method, binding):
        return lambda answer: (JSON, write_json(answer))
    if name:
        return lambda answer: content_of(_field(answer, name))
    return content_of


def _one_frame(write: Write) -> Callable[[Message], Frames]:
    """Return the function that makes an answer one frame: of text if it is JSON, else of bytes."""

    def encode(answer: Message) -> Frames:
        content_type, body = write(answer)
        return Frames((body.decode() if content_type is JSON else body,))

    return encode


def _field(answer: Message, name: str) -> Any:
    return getattr(answer, name)
