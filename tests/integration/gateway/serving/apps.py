"""Applications that do as a test says, and what is sent to them."""

import asyncio
from typing import Any

from tests.integration.gateway.serving.server import read_head


class App:
    """An application that answers with `events`, and keeps what it was asked."""

    def __init__(self, *events: Any, reads: bool = False) -> None:
        self.events = events
        self.reads = reads
        self.scopes: list[Any] = []
        self.bodies: list[bytes] = []
        self.over = asyncio.Event()
        self.gate = asyncio.Event()
        self.failure: Exception | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            return
        self.scopes.append(scope)
        try:
            if self.reads:
                self.bodies.append(await read_body(receive))
            for event in self.events:
                await (self.gate.wait() if event is WAIT else send(event))
        except Exception as failure:
            self.failure = failure
            raise
        finally:
            self.over.set()


WAIT = object()


async def read_body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ConnectionError
        body += event["body"]
        more = event["more_body"]
    return body


def start(*headers: tuple[bytes, bytes], status: int = 200, **more: Any) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": headers, **more}


def body(data: bytes = b"", more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


def length(number: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % number


async def echo_path(scope: Any, receive: Any, send: Any) -> None:
    """Answers with method, target and body of a request."""
    if scope["type"] == "http":
        data = b"%b %b?%b %b" % (
            scope["method"].encode(), scope["raw_path"], scope["query_string"], await read_body(receive)
        )  # fmt: skip
        await send(start(length(len(data))))
        await send(body(data))


GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await read_head(reader)
    told = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head, await reader.readexactly(told)
