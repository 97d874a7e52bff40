"""Server-Sent Events. Source: https://html.spec.whatwg.org/multipage/server-sent-events.html"""

import re
from collections.abc import Callable
from typing import Final

from google.protobuf.message import Message

from gateway.contract.services import ContractInvalid, Method
from gateway.framing import Frame, Framing
from gateway.framing.events import EventKind, Events

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
# Names of the gateway's own events. No event of a server may pass for one of them.
END: Final = "end"
ERROR: Final = "error"


def sse(method: Method, events: Events) -> Framing:
    """Return the framing of `method`, whose answers hold `events`.

    Raises:
        ContractInvalid: `retry_milliseconds` is below 0.
    """
    options = method.options.stream
    if options.retry_milliseconds < 0:
        raise ContractInvalid(f"{method.full_name}: stream.retry_milliseconds must be at least 0")
    return Framing(
        content_type=b"text/event-stream; charset=utf-8",
        headers=HEADERS,
        # A field by itself is no event; readers take the time from it all the same (section 9.2.6).
        opening=b"retry: %d\n\n" % options.retry_milliseconds if options.retry_milliseconds else b"",
        encode=compile_answer(events),
        encode_error=lambda body: format_event(body.decode(), name=ERROR),
        keep_alive=KEEP_ALIVE,
        heartbeat_seconds=options.heartbeat_seconds or DEFAULT_HEARTBEAT_SECONDS,
    )


def compile_answer(events: Events) -> Callable[[Message], Frame]:
    """Return the function that writes one answer: its events, then the end if it has one."""

    def encode(answer: Message) -> Frame:
        data = b"".join([write(events.item, item) for item in events.items(answer)])
        end = events.end_of(answer)
        if end is None or events.end is None:
            return Frame(data)
        ending = format_event(events.end.text(end), name=END, event_id=events.end.id(end))
        return Frame(data + ending, last=True)

    return encode


def write(kind: EventKind, message: Message) -> bytes:
    """Write one event of a server."""
    name = kind.name(message)
    return format_event(kind.text(message), name="" if name in (END, ERROR) else name, event_id=kind.id(message))


def format_event(text: str, *, name: str = "", event_id: str = "") -> bytes:
    """Write one event. A name or id that no reader could take, with a line end or NUL in it, is left out."""
    head = f"id: {event_id}\n" if event_id and not LINE_END.search(event_id) and "\0" not in event_id else ""
    if name and not LINE_END.search(name):
        head += f"event: {name}\n"
    if "\n" in text or "\r" in text:
        text = "\ndata: ".join(LINE_END.split(text))
    return f"{head}data: {text}\n\n".encode()
