"""A service that answers with the metadata it is asked for, behind either backend, and a client that shows it."""

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import grpc
import orjson
import pytest
from google.api import annotations_pb2, httpbody_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor

from gateway.app import Gateway, GatewayOptions
from gateway.backend import Backend
from gateway.backend.channel import ChannelBackend
from gateway.backend.in_process import InProcessBackend
from tests.integration.gateway.handlers import service_handler

HERE = Path(__file__).parent
PROTO = HERE.parents[3] / "proto"
# Generated code registers these files when it is imported; the service needs them.
IMPORTED = (annotations_pb2, httpbody_pb2)
# What gRPC adds by itself over a channel.
OF_GRPC = ("user-agent",)


@pytest.fixture(scope="session")
def echo(tmp_path_factory: pytest.TempPathFactory) -> FileDescriptor:
    """Descriptors of the service, in the pool of generated code."""
    target = tmp_path_factory.mktemp("echo") / "set.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"-I{HERE}"]
    subprocess.run([*command, f"--descriptor_set_out={target}", "echo.proto"], check=True)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes()).file[0].SerializeToString())
    return pool.FindFileByName("echo.proto")


def entries(lines: Sequence[str]) -> tuple[tuple[str, str | bytes], ...]:
    """Metadata for "key: value" lines."""
    pairs = [line.split(": ", 1) for line in lines]
    return tuple((key, value.encode() if key.endswith("-bin") else value) for key, value in pairs)


class Echo:
    """The servicer."""

    def __init__(self, file: FileDescriptor) -> None:
        self._response = message_factory.GetMessageClass(file.message_types_by_name["SayResponse"])
        self.calls = 0
        self.gate = asyncio.Event()
        """Holds back all answers but the first of a stream whose text is "gated"."""

    async def _begin(self, request: Any, context: Any) -> None:
        self.calls += 1
        if request.initial:
            await context.send_initial_metadata(entries(request.initial))
        if request.wait_milliseconds:
            await asyncio.sleep(request.wait_milliseconds / 1000)
        if request.failure:
            await context.abort(grpc.StatusCode[request.failure], "as asked", entries(request.trailing))
        context.set_trailing_metadata(entries(request.trailing))

    async def say(self, request: Any, context: Any) -> Any:
        await self._begin(request, context)
        heard = [
            f"{key}: {value.hex() if isinstance(value, bytes) else value}"
            for key, value in context.invocation_metadata()
            if key not in OF_GRPC
        ]
        return self._response(text=request.text * (request.times or 1), heard=heard)

    async def repeat(self, request: Any, context: Any) -> AsyncIterator[Any]:
        await self._begin(request, context)
        for number in range(request.times or 1):
            if number and request.text == "gated":
                await self.gate.wait()
            yield self._response(text=f"{request.text} {number}")

    async def show(self, request: Any, context: Any) -> Any:
        await self._begin(request, context)
        data = request.text.encode() * (request.times or 1)
        return httpbody_pb2.HttpBody(content_type=request.content_type, data=data)

    async def download(self, request: Any, context: Any) -> AsyncIterator[Any]:
        await self._begin(request, context)
        for _ in range(request.times or 1):
            yield httpbody_pb2.HttpBody(content_type=request.content_type, data=request.text.encode())

    async def upload(self, requests: AsyncIterator[Any], context: Any) -> Any:
        digest, size, largest = hashlib.sha256(), 0, 0
        async for request in requests:
            digest.update(request.file.data)
            size += len(request.file.data)
            largest = max(largest, len(request.file.data))
        assert largest <= 256 * 1024
        return self._response(text=f"{size} {digest.hexdigest()}")

    async def listen(self, requests: AsyncIterator[Any], context: Any) -> Any:
        return self._response(text=",".join([request.text async for request in requests]))

    def handlers(self, service: ServiceDescriptor) -> "list[grpc.GenericRpcHandler[Any, Any]]":
        """The handlers of the service, as generated code would make them."""
        return [service_handler(service, lambda name: getattr(self, name.lower()))]


@pytest.fixture
async def servicer(echo: FileDescriptor) -> Echo:
    return Echo(echo)


@pytest.fixture(params=["in_process", "channel"])
async def echo_backend(
    request: pytest.FixtureRequest, echo: FileDescriptor, servicer: Echo, tmp_path: Path
) -> AsyncIterator[Backend]:
    """Every test runs over both backends, and expects the same of them."""
    handlers = servicer.handlers(echo.services_by_name["EchoService"])
    if request.param == "in_process":
        yield InProcessBackend(handlers, [])
        return
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(handlers)
    address = f"unix:{tmp_path}/echo.sock"
    server.add_insecure_port(address)
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        yield ChannelBackend(channel)
    await server.stop(None)


Lines = Sequence[tuple[str, str]]


@dataclass
class Told:
    """What came back, with each line of the headers and each piece of the body."""

    status: int
    lines: list[tuple[str, str]]
    pieces: list[bytes]
    trailers: list[tuple[str, str]]

    @property
    def headers(self) -> dict[str, str]:
        """Headers by name, lines of one name joined (RFC 9110, section 5.3)."""
        joined: dict[str, str] = {}
        for name, value in self.lines:
            joined[name] = f"{joined[name]}, {value}" if name in joined else value
        return joined

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def json(self) -> Any:
        return orjson.loads(self.body)

    @property
    def heard(self) -> list[str]:
        """Metadata the servicer heard, without what every call has."""
        usual = ("x-request-id: r1", "x-gateway-client: 127.0.0.1")
        return [line for line in self.json()["heard"] if line not in usual]


class Asker:
    """Asks a gateway over ASGI; headers are lines, so that one may come twice."""

    def __init__(self, app: Gateway) -> None:
        self.app = app

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, Any] | None = None,
        headers: Lines = (),
        body: Sequence[bytes] = (b"",),
        extensions: dict[str, Any] | None = None,
    ) -> Told:
        events: list[Any] = []
        over = asyncio.Event()
        waiting = [
            {"type": "http.request", "body": piece, "more_body": number < len(body)}
            for number, piece in enumerate(body, start=1)
        ]

        async def receive() -> Any:
            if waiting:
                return waiting.pop(0)
            await over.wait()
            return {"type": "http.disconnect"}

        async def send(event: Any) -> None:
            events.append(event)

        lines = [("host", "localhost:8000"), ("x-request-id", "r1"), *headers]
        scope = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": urlencode(query or {}, doseq=True).encode(),
            "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in lines],
            "client": ("127.0.0.1", 5000),
            "extensions": extensions or {},
        }
        async with asyncio.timeout(20):
            await self.app(scope, receive, send)
        return Told(
            status=events[0]["status"],
            lines=text_lines(events[0]["headers"]),
            pieces=[event["body"] for event in events[1:] if event.get("body")],
            trailers=[line for event in events[1:] for line in text_lines(event.get("headers", ()))],
        )


def text_lines(headers: Sequence[tuple[bytes, bytes]]) -> list[tuple[str, str]]:
    return [(name.decode(), value.decode("latin-1")) for name, value in headers]


OpenEcho = Callable[..., Asker]


@pytest.fixture
def open_echo(echo: FileDescriptor, echo_backend: Backend) -> OpenEcho:
    """Makes a gateway with the options of the test."""

    def make(**options: Any) -> Asker:
        return Asker(Gateway([echo.services_by_name["EchoService"]], echo_backend, GatewayOptions(**options)))

    return make


@pytest.fixture
def asker(open_echo: OpenEcho) -> Asker:
    return open_echo()
