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
from typing import Final

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
LINE_END: Final = b"\r\n"
HEAD_END: Final = b"\r\n\r\n"
LENGTH: Final = b"\r\ncontent-length: "
CONNECTION: Final = b"\r\nconnection: "
CODING: Final = b"\r\ntransfer-encoding: "


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
            self._start(event)
        elif kind == "http.response.body" and self._trailers is None and not self.complete:
            self._send_body(event.get("body", b""), event.get("more_body", False))
        elif kind == TRAILERS and self._trailers is not None and not self.complete:
            self._send_trailers(event)
        else:
            raise AnswerInvalid(f"{kind} is not what may come now")

    def _start(self, event: Event) -> None:
        request, status = self._request, event["status"]
        if status not in STATUS_LINES:
            raise AnswerInvalid(f"{status} is no final status")
        lines = header_lines(event.get("headers", ()))
        length = told_length(lines)
        if request.awaits_continue:
            # The body may come all the same, or not; where the next request begins, nobody knows.
            request.keep_alive = False
        if CONNECTION in lines and is_last(lines):
            request.keep_alive = False
        elif not request.keep_alive:
            lines += b"\r\nconnection: close"
        if status in BODILESS or request.scope["method"] == "HEAD":
            self._bodiless = True
        if "trailers" in event:
            self._trailing = event["trailers"]
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
    """Return the lines of a head, each begun by a line break.

    Raises:
        AnswerInvalid: a name or a value is none, or would make another line of the head.
    """
    lines = [line_beginning(name) + value for name, value in headers]
    joined = b"".join(lines)
    # One line break for each line, and no other control character.
    if joined.translate(None, VISIBLE) != LINE_END * len(lines):
        raise AnswerInvalid("a header has a control character")
    if CODING in joined:
        # ASGI leaves the transfer coding to the server.
        return b"".join([line for line in lines if not line.startswith(CODING)])
    return joined


@lru_cache(maxsize=1024)
def line_beginning(name: bytes) -> bytes:
    """What stands before a header's value. Raises AnswerInvalid."""
    if NAME.fullmatch(name) is None:
        raise AnswerInvalid(f"{name!r} is no name of a header")
    return b"\r\n%b: " % name.lower()


def told_length(lines: bytes) -> int | None:
    """The length that a head tells. Raises AnswerInvalid for more than one, and for what is no number."""
    at = lines.find(LENGTH) + len(LENGTH)
    if at < len(LENGTH):
        return None
    end = lines.find(LINE_END, at)
    told = lines[at:end] if end >= 0 else lines[at:]
    if not told.isdigit() or lines.find(LENGTH, at) >= 0:
        raise AnswerInvalid("content-length must be one number")
    return int(told)


def is_last(lines: bytes) -> bool:
    """Whether a head ends the connection (RFC 9112, section 9.6)."""
    values = [line.partition(b": ")[2] for line in lines.split(LINE_END) if line.startswith(b"connection: ")]
    return any(option.strip() == b"close" for value in values for option in value.lower().split(b","))
