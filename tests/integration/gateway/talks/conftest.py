"""A gRPC service that talks in every direction. The fixtures of the folder above put a gateway before it."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import orjson
import pytest
import uvicorn
from google.api import httpbody_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor

from gateway.backend import Backend
from gateway.backend.in_process import InProcessBackend
from gateway.serving.http_connection import HttpConnection
from gateway.serving.socket_connection import SocketConnection
from tests.integration.gateway.handlers import service_handler
from tests.patience import PATIENCE

HERE = Path(__file__).parent
PROTO = HERE.parents[3] / "proto"


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> FileDescriptor:
    """Descriptors of the talks, in the pool of generated code."""
    target = tmp_path_factory.mktemp("talks") / "set.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"-I{HERE}"]
    subprocess.run([*command, f"--descriptor_set_out={target}", "talks.proto"], check=True)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes()).file[0].SerializeToString())
    return pool.FindFileByName("talks.proto")


@pytest.fixture(scope="session")
def classes(library: FileDescriptor) -> dict[str, Any]:
    """Message classes of the talks by short name."""
    return {name: message_factory.GetMessageClass(one) for name, one in library.message_types_by_name.items()}


class Talker:
    """The servicer. Remembers what became of its calls."""

    def __init__(self, classes: dict[str, Any]) -> None:
        self._classes = classes
        self.heard: list[str] = []
        self.written = 0
        self.ended = 0
        """Streams of requests that came to a proper end."""
        self.over = asyncio.Event()
        """Set when a call is over, in whatever way."""
        self.reached = asyncio.Event()
        """Set when a servicer has taken a message."""
        self.gate = asyncio.Event()
        """Set when a servicer waits for something that never comes."""

    async def chat(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        number = 0
        try:
            async for request in requests:
                self.heard.append(request.text)
                self.reached.set()
                if request.text == "deaf":
                    self.gate.set()
                    await asyncio.sleep(60)
                if request.text == "torn":
                    await context.abort(grpc.StatusCode.DATA_LOSS, "the line is torn")
                if request.text == "bye":
                    return
                if request.text != "quiet":
                    number += 1
                    text = f"{request.room} {request.author}: {request.text}"
                    yield self._classes["ChatResponse"](number=number, text=text)
            self.ended += 1
        finally:
            self.over.set()

    async def add(self, requests: AsyncIterator[Any], context: Any) -> Any:
        answer = self._classes["AddResponse"]()
        try:
            async for request in requests:
                self.reached.set()
                answer.name = request.name
                answer.sum += request.number
                answer.count += 1
                if request.number == 404:
                    await context.abort(grpc.StatusCode.NOT_FOUND, "no such number")
                if request.number == 99:
                    self.gate.set()
                    await asyncio.sleep(60)
            self.ended += 1
        finally:
            self.over.set()
        return answer

    async def join(self, requests: AsyncIterator[Any], context: Any) -> Any:
        words = [f"{request.name}/{request.word}" async for request in requests]
        return self._classes["JoinResponse"](sentence=" ".join(words))

    async def greet(self, request: Any, context: Any) -> Any:
        if request.name == "missing":
            await context.abort(grpc.StatusCode.NOT_FOUND, "nobody of that name")
        if request.name == "crash":
            raise RuntimeError("the password is hunter2")
        if request.name == "slow":
            self.gate.set()
            try:
                await asyncio.sleep(60)
            finally:
                self.over.set()
        seen = [f"{key}={value}" for key, value in context.invocation_metadata() if key != "user-agent"]
        return self._classes["GreetResponse"](text=f"hello {request.name}", seen=sorted(seen))

    async def count(self, request: Any, context: Any) -> AsyncIterator[Any]:
        try:
            number = 0
            while not request.upto or number < request.upto:
                number += 1
                self.written += 1
                if request.upto > 100 and number > 2:
                    await context.abort(grpc.StatusCode.DATA_LOSS, "out of numbers")
                yield self._classes["CountResponse"](number=f"{number}" + "x" * request.padding)
        finally:
            self.over.set()

    async def follow(self, request: Any, context: Any) -> AsyncIterator[Any]:
        response = self._classes["FollowResponse"]
        post = response.Post
        try:
            if request.name == "silent":
                self.gate.set()
                await asyncio.sleep(60)
            yield response(posts=[post(text=f"after {request.after}"), post(cursor="1", text="one\ntwo", kind=1)])
            yield response(posts=[post(cursor="2", text="not an error", kind=2)], end=post(cursor="9", text='"done"'))
        finally:
            self.over.set()

    async def echo(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            self.heard.append(request.name)
            yield request.file

    async def relay(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            file = httpbody_pb2.HttpBody(content_type=request.content_type, data=request.data)
            yield self._classes["RelayResponse"](file=file)

    def handlers(self, talks: FileDescriptor) -> "list[grpc.GenericRpcHandler[Any, Any]]":
        """The handlers of the service, as generated code would make them."""
        service = talks.services_by_name["TalkService"]
        return [service_handler(service, lambda name: getattr(self, name.lower()))]


@pytest.fixture
async def librarian(classes: dict[str, Any]) -> Talker:
    return Talker(classes)


@pytest.fixture
def talker(librarian: Talker) -> Talker:
    return librarian


@pytest.fixture
def shows_cancellation(backend: Backend) -> bool:
    """Whether a servicer that waits for a request can tell a cancelled call from one whose requests have ended.

    The server of grpc.aio shows both as the end of the requests; that is why `upload.last` exists.
    """
    return isinstance(backend, InProcessBackend)


class Socket:
    """The client's end of a WebSocket over ASGI."""

    def __init__(self) -> None:
        self.events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.incoming.put_nowait({"type": "websocket.connect"})
        self.task: asyncio.Task[None] | None = None
        self.stuck = False
        self.taken = asyncio.Event()
        """Set when the gateway has taken everything that was sent."""

    async def receive(self) -> dict[str, Any]:
        if self.incoming.empty():
            self.taken.set()
        return await self.incoming.get()

    async def send(self, event: Any) -> None:
        if self.stuck and event["type"] == "websocket.send":
            await asyncio.sleep(3600)
        await self.events.put(event)

    def say(self, *frames: Any) -> None:
        """Send frames: str and bytes as they are, anything else as JSON."""
        for frame in frames:
            if isinstance(frame, bytes):
                self.incoming.put_nowait({"type": "websocket.receive", "bytes": frame})
            else:
                text = frame if isinstance(frame, str) else orjson.dumps(frame).decode()
                self.incoming.put_nowait({"type": "websocket.receive", "text": text})
        self.taken.clear()

    def leave(self) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1001})

    async def next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.events.get(), PATIENCE)

    async def opened(self) -> "Socket":
        assert (await self.next())["type"] == "websocket.accept"
        return self

    async def hear(self) -> Any:
        """The next frame: bytes as they are, text as JSON."""
        event = await self.next()
        assert event["type"] == "websocket.send", event
        return event["bytes"] if event.get("bytes") is not None else orjson.loads(event["text"])

    async def hear_text(self) -> str:
        text: str = (await self.next())["text"]
        return text

    async def closed(self) -> tuple[int, str]:
        """Code and reason of the close frame, which must come next."""
        event = await self.next()
        assert event["type"] == "websocket.close", event
        await self.done()
        return event["code"], event["reason"]

    async def refused(self) -> tuple[int, Any]:
        """Status and body of a refused handshake."""
        start = await self.next()
        assert start["type"] == "websocket.http.response.start", start
        body = await self.next()
        await self.done()
        return start["status"], orjson.loads(body["body"])

    async def done(self) -> None:
        assert self.task is not None
        await asyncio.wait_for(self.task, PATIENCE)


Connect = Callable[..., Socket]


def connect_to(app: Any) -> Connect:
    """What opens sockets to `app`."""

    def connect(target: str, *, headers: dict[str, str] | None = None, subprotocols: tuple[str, ...] = ()) -> Socket:
        path, _, query = target.partition("?")
        socket = Socket()
        named = {"host": "localhost:8000", **(headers or {})}
        scope = {
            "type": "websocket",
            "scheme": "ws",
            "http_version": "1.1",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in named.items()],
            "client": ("127.0.0.1", 5000),
            "subprotocols": list(subprotocols),
            "extensions": {"websocket.http.response": {}},
        }
        socket.task = asyncio.get_running_loop().create_task(app(scope, socket.receive, socket.send))
        return socket

    return connect


@pytest.fixture
def connect(client: Any) -> Connect:
    """Opens sockets to a gateway without options."""
    return connect_to(client.app)


@pytest.fixture
def connect_with(open_gateway: Any) -> Callable[..., Connect]:
    """Makes what opens sockets to a gateway with the options of the test."""
    return lambda **options: connect_to(open_gateway(**options).app)


@pytest.fixture
async def port(client: Any) -> AsyncIterator[int]:
    """Port of a real server before the gateway."""
    config = uvicorn.Config(
        client.app, port=0, http=HttpConnection, ws=SocketConnection, log_config=None, timeout_graceful_shutdown=1
    )
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        # Whoever connects before the server runs waits for it.
        listener.listen()
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving
