"""Server-Sent Events. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from google.protobuf.message import Message

from gateway.codec import dump
from gateway.codec.dialect import Dialect
from gateway.contract import ContractInvalid, Method
from gateway.framing import Frame, Framing

DEFAULT_HEARTBEAT_SECONDS: Final = 15
KEEP_ALIVE: Final = b": keep-alive\n\n"
# X-Accel-Buffering is what nginx and others read as "pass every piece on at once".
HEADERS: Final = (
    (b"cache-control", b"no-cache"),
    (b"connection", b"keep-alive"),
    (b"x-accel-buffering", b"no"),
)
# What ends a line in an event stream (section 9.2.5).
LINE_END: Final = re.compile(r"\r\n|\r|\n")


def sse(method: Method) -> Framing:
    """Return the framing of `method` by its `stream` option.

    Raises:
        ContractInvalid: the option names a field the answer does not have.
    """
    options = method.options.stream
    for name in (options.items, options.end):
        if name and name not in method.output.fields_by_name:
            raise ContractInvalid(f"{method.full_name}: stream names {name!r}, which is no field of the answer")
    event = compile_event(options.data, options.id, method.dialect)
    return Framing(
        content_type=b"text/event-stream; charset=utf-8",
        headers=HEADERS,
        encode=compile_answer(options.items, options.end, event),
        encode_error=lambda body: format_event(body.decode(), name="error"),
        keep_alive=KEEP_ALIVE,
        heartbeat_seconds=options.heartbeat_seconds or DEFAULT_HEARTBEAT_SECONDS,
    )


def compile_answer(items: str, end: str, event: Callable[[Message, str], bytes]) -> Callable[[Message], Frame]:
    """Return the function that writes one answer: its `items`, or itself, and the `end` if it is set."""

    def encode(answer: Message) -> Frame:
        last = bool(end) and answer.HasField(end)
        if items:
            data = b"".join([event(item, "") for item in _elements(answer, items)])
        else:
            data = b"" if last else event(answer, "")
        if last:
            data += event(getattr(answer, end), "end")
        return Frame(data, last)

    return encode


def compile_event(data: str, id_field: str, dialect: Dialect) -> Callable[[Message, str], bytes]:
    """Return the function that writes a message as an event with a name, which may be empty."""

    def write(message: Message, name: str) -> bytes:
        text: str = getattr(message, data) if data else dump(message, dialect).decode()
        return format_event(text, name=name, event_id=getattr(message, id_field, "") if id_field else "")

    return write


def format_event(text: str, *, name: str = "", event_id: str = "") -> bytes:
    """Write one event. An id with a line end or NUL, which readers could not take, is left out."""
    head = f"id: {event_id}\n" if event_id and not LINE_END.search(event_id) and "\0" not in event_id else ""
    if name:
        head += f"event: {name}\n"
    if "\n" in text or "\r" in text:
        text = "\ndata: ".join(LINE_END.split(text))
    return f"{head}data: {text}\n\n".encode()


def _elements(answer: Message, items: str) -> Iterable[Any]:
    elements: Iterable[Any] = getattr(answer, items)
    return elements
