"""One answer: `send`, by which the application gives it, and its framing (RFC 9112, sections 6 and 7).

A head with a length waits for the body, so that a whole answer is one write; any other is sent at once, so that a
client sees that a stream is open. A client of HTTP/1.0 gets a body of unknown length as it is, until
the connection ends.
"""

import asyncio
import re
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Final, NamedTuple

from gateway.http.request_body import Event
from gateway.serving.http_flow import Flow
from gateway.serving.http_request import HttpRequest
from gateway.serving.http_scope import TRAILERS

PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}
STATUS_LINES: Final = {status: f"HTTP/1.1 {status} {PHRASES.get(status, '')}".encode() for status in range(200, 600)}
# RFC 9110, section 6.4.1.
BODILESS: Final = frozenset({204, 304})
# RFC 9110, section 5.1.
NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Bytes of a field value (RFC 9110, section 5.5): all but the control characters, of which the tab is none here.
VISIBLE: Final = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])
HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = b"content-length"
CONNECTION: Final = b"connection"
CODING: Final = b"transfer-encoding"
# Headers that say how the answer is framed, or that it is the last one.
FRAMING: Final = frozenset({LENGTH, CONNECTION, CODING})


class AnswerInvalid(Exception):
    """The application has sent what cannot be an answer; the message says what."""


class HttpAnswer:
    """The answer to `request`. Only one task may send at a time."""

    begun = False
    """The client has got a part of it."""
    complete = False
    _head: bytes | None = None
    """Waits for the body."""
    _left: int | None = None
    """Bytes of the body still to come, if the head has told; else None."""
    _chunked = False
    _bodiless = False
    _trailing = False
    """Trailers are to follow the body, so that its end is not the answer's."""
    _trailers: bytes | None = None
    """Lines of those that have come since the body has ended; None before."""

    def __init__(self, flow: Flow, request: HttpRequest) -> None:
        self._flow = flow
        self._request = request

    @property
    def transport(self) -> asyncio.Transport:
        """The connection, for what ASGI has no word for."""
        return self._flow.transport

    async def send(self, event: Event) -> None:
        """Send one event. Once the client has left, nothing happens.

        Raises:
            AnswerInvalid: the event is none that may come now, or it would break the framing of the answer.
        """
        while self._flow.writable is not None:
            await self._flow.writable.wait()
        if self._flow.gone:
            return
        kind = event["type"]
        if self._head is None and not self.begun:
            if kind != "http.response.start":
                raise AnswerInvalid(f"{kind} comes before http.response.start")
            self._trailing = event.get("trailers", False)
            self._start(event["status"], event.get("headers", ()))
        elif kind == "http.response.body" and self._trailers is None and not self.complete:
            self._send_body(event.get("body", b""), event.get("more_body", False))
        elif kind == TRAILERS and self._trailers is not None and not self.complete:
            self._send_trailers(event)
        else:
            raise AnswerInvalid(f"{kind} is not what may come now")

    async def send_whole(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> None:
        """Send an answer whose headers tell the length of its body. As two events, for half the price of them.

        Raises:
            AnswerInvalid: an answer has begun, or this is none.
        """
        while self._flow.writable is not None:
            await self._flow.writable.wait()
        if self._flow.gone:
            return
        if self._head is not None or self.begun:
            raise AnswerInvalid("the answer has begun")
        self._start(status, headers)
        self._send_body(body, more_body=False)

    def _start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        request = self._request
        if status not in STATUS_LINES:
            raise AnswerInvalid(f"{status} is no final status")
        lines, length, last = read_headers(headers)
        if request.awaits_continue:
            # The body may come all the same, or not; where the next request begins, nobody knows.
            request.keep_alive = False
        if last:
            request.keep_alive = False
        elif not request.keep_alive:
            lines += b"\r\nconnection: close"
        if status in BODILESS or request.scope["method"] == "HEAD":
            self._bodiless = True
        if length is None and not self._bodiless and request.scope["http_version"] == "1.1":
            self._chunked = True
            lines += b"\r\ntransfer-encoding: chunked"
        head = b"".join((STATUS_LINES[status], self._flow.own_lines(), lines, HEAD_END))
        if length is None:
            self._write(head)
        else:
            self._left = length
            self._head = head

    def _send_body(self, body: bytes, more_body: bool) -> None:
        data = b"" if self._bodiless else self._framed(body, more_body)
        if self._head is not None:
            data = self._head + data
            self._head = None
        if data:
            self.begun = True
            self._flow.transport.write(data)
        if more_body:
            return
        if self._trailing:
            self._trailers = b""
        else:
            self.complete = True
            self._flow.answered()

    def _framed(self, body: bytes, more_body: bool) -> bytes:
        if self._left is not None:
            self._left -= len(body)
            if self._left < 0 or (self._left and not more_body):
                raise AnswerInvalid("the body has another length than content-length tells")
            return body
        if not self._chunked:
            return body
        chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        return chunk if more_body or self._trailing else chunk + b"0\r\n\r\n"

    def _send_trailers(self, event: Event) -> None:
        self._trailers = (self._trailers or b"") + header_lines(event["headers"])
        if event.get("more_trailers", False):
            return
        if self._chunked:
            # Each line begins with a line break, and so does the end behind them.
            self._write(b"0%b\r\n\r\n" % self._trailers)
        self.complete = True
        self._flow.answered()

    def _write(self, data: bytes) -> None:
        self.begun = True
        self._flow.transport.write(data)


def whole_answer(status: int, own_lines: bytes, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bytes:
    """An answer after which the connection ends."""
    return b"%b%b%b\r\nconnection: close\r\n\r\n%b" % (STATUS_LINES[status], own_lines, header_lines(headers), body)


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the lines of headers or trailers, each begun by a line break. Raises AnswerInvalid."""
    return read_headers(headers).lines


class Headers(NamedTuple):
    """The headers of an answer, read."""

    lines: bytes
    """Each begun by a line break."""
    length: int | None
    """The length they tell."""
    last: bool
    """The connection ends behind the answer (RFC 9112, section 9.6)."""


def read_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Read the headers of an answer; a transfer coding, which ASGI leaves to the server, is left out.

    Raises:
        AnswerInvalid: a name or a value is none or would make another line, or the length is not one number.
    """
    lines: list[bytes] = []
    length: int | None = None
    last = False
    for name, value in headers:
        line, framing = header_line(name, value)
        if framing == LENGTH:
            if length is not None or not value.isdigit():
                raise AnswerInvalid("content-length must be one number")
            length = int(value)
        elif framing == CONNECTION:
            last = last or any(option.strip() == b"close" for option in value.lower().split(b","))
        elif framing == CODING:
            continue
        lines.append(line)
    return Headers(b"".join(lines), length, last)


# Most answers have the headers of the answers before them.
@lru_cache(maxsize=1024)
def header_line(name: bytes, value: bytes) -> tuple[bytes, bytes | None]:
    """The line of a header, and its name if it is one of framing. Raises AnswerInvalid."""
    if NAME.fullmatch(name) is None:
        raise AnswerInvalid(f"{name!r} is no name of a header")
    if value.translate(None, VISIBLE):
        raise AnswerInvalid("a header has a control character")
    name = name.lower()
    return b"\r\n%b: %b" % (name, value), name if name in FRAMING else None
