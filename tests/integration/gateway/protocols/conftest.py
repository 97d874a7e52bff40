"""A servicer with rpcs of every kind, a gateway before it, and the bodies clients of both protocols would send."""

import asyncio
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api import annotations_pb2, httpbody_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import FileDescriptor
from google.rpc import error_details_pb2, status_pb2

from gateway.app import Gateway, GatewayOptions
from gateway.backend import Backend
from gateway.backend.channel import ChannelBackend
from gateway.backend.in_process import InProcessBackend
from gateway_options.v1 import options_pb2
from tests.integration.gateway.handlers import service_handler

HERE = Path(__file__).parent
PROTO = HERE.parents[3] / "proto"
# Generated code registers these files when it is imported; the service needs them.
IMPORTED = (annotations_pb2, httpbody_pb2, options_pb2)
PARROT = "/gatewaytest.procedures.v1.ParrotService/"


@pytest.fixture(scope="session")
def procedures(tmp_path_factory: pytest.TempPathFactory) -> FileDescriptor:
    """Descriptors of the service, in the pool of generated code."""
    target = tmp_path_factory.mktemp("procedures") / "set.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"-I{HERE}"]
    subprocess.run([*command, f"--descriptor_set_out={target}", "procedures.proto"], check=True)
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(descriptor_pb2.FileDescriptorSet.FromString(target.read_bytes()).file[0].SerializeToString())
    return pool.FindFileByName("procedures.proto")


@pytest.fixture(scope="session")
def words(procedures: FileDescriptor) -> Any:
    """The class of nearly all messages."""
    return message_factory.GetMessageClass(procedures.message_types_by_name["Words"])


class Parrot:
    """The servicer. Remembers what became of its calls."""

    def __init__(self, words: Any) -> None:
        self._words = words
        self.calls = 0
        self.heard = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.ended = asyncio.Event()

    async def repeat(self, request: Any, context: Any) -> Any:
        self.calls += 1
        if request.spoken_text == "seen":
            seen = [f"{key}={value}" for key, value in context.invocation_metadata() if key != "user-agent"]
            return self._words(seen=seen)
        if request.spoken_text == "dressed":
            await context.send_initial_metadata((("etag", '"1"'), ("content-encoding", "br"), ("x-inside", "secret")))
            context.set_trailing_metadata((("link", "</next>"), ("x-inside", "secret")))
        if request.spoken_text == "slow":
            self.heard.set()
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        await self._fail(request, context)
        return request

    async def _fail(self, request: Any, context: Any) -> None:
        if request.spoken_text == "wrong":
            violation = error_details_pb2.BadRequest.FieldViolation(field="spoken_text", description="is wrong")
            status = status_pb2.Status(code=3, message="das wäre 100 % falsch")
            status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
            status.details.append(AnyMessage(type_url="type.googleapis.com/nobody.Knows", value=b"\x08\x01"))
            trailing = (("grpc-status-details-bin", status.SerializeToString()), ("link", "</why>"))
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, status.message, trailing)
        if request.spoken_text == "full":
            info = error_details_pb2.ErrorInfo(reason="FULL", domain="parrot", metadata={"retry_after": "7"})
            status = status_pb2.Status(code=8, message="full")
            status.details.add().Pack(info)
            details = (("grpc-status-details-bin", status.SerializeToString()),)
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", details)
        if request.spoken_text == "long":
            await context.abort(grpc.StatusCode.NOT_FOUND, "x" * 6000)
        if request.spoken_text == "crash":
            raise RuntimeError("the password is hunter2")
        if request.spoken_text in grpc.StatusCode.__members__:
            await context.abort(grpc.StatusCode[request.spoken_text], "as you wish")

    async def spell(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.calls += 1
        try:
            await self._fail(request, context)
            await context.send_initial_metadata((("etag", '"1"'),))
            for word in request.spoken_text.split():
                if word == "pause":
                    await asyncio.sleep(60)
                if word == "break":
                    await context.abort(grpc.StatusCode.DATA_LOSS, "lost the thread", (("link", "</why>"),))
                yield self._words(spoken_text=word * max(1, request.times))
            context.set_trailing_metadata((("link", "</next>"),))
        finally:
            self.cancelled.set()

    async def join(self, requests: AsyncIterator[Any], context: Any) -> Any:
        self.calls += 1
        heard = []
        try:
            async for request in requests:
                heard.append(request.spoken_text)
                self.heard.set()
                if request.spoken_text == "enough":
                    await context.abort(grpc.StatusCode.OUT_OF_RANGE, "enough")
            # A server of grpc.aio may see a cancelled stream end a moment before it is cancelled itself.
            await asyncio.sleep(0.05)
            self.ended.set()
        finally:
            self.cancelled.set()
        context.set_trailing_metadata((("link", "</next>"),))
        return self._words(spoken_text=" ".join(heard))

    async def chat(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            if request.spoken_text == "enough":
                await context.abort(grpc.StatusCode.OUT_OF_RANGE, "enough")
            yield request

    async def record(self, requests: AsyncIterator[Any], context: Any) -> Any:
        sizes = [len(request.sound.data) async for request in requests]
        return self._words(times=sum(sizes))

    async def front(self, request: Any, context: Any) -> Any:
        return self._words(spoken_text="front")

    async def behind(self, request: Any, context: Any) -> Any:
        return self._words(spoken_text="behind")

    def handlers(self, file: FileDescriptor) -> "list[grpc.GenericRpcHandler[Any, Any]]":
        """The handlers of all services, as generated code would make them."""
        behaviours = {
            "Repeat": self.repeat,
            "Learn": self.repeat,
            "Spell": self.spell,
            "Join": self.join,
            "Chat": self.chat,
            "Record": self.record,
            "Front": self.front,
            "Behind": self.behind,
            "Secret": self.repeat,
            "Open": self.repeat,
        }
        return [service_handler(one, behaviours.__getitem__) for one in file.services_by_name.values()]


@pytest.fixture
async def parrot(words: Any) -> Parrot:
    return Parrot(words)


@pytest.fixture(params=["in_process", "channel"])
async def backend(
    request: pytest.FixtureRequest, procedures: FileDescriptor, parrot: Parrot, tmp_path: Path
) -> AsyncIterator[Backend]:
    """Every test runs over both backends, and expects the same of them."""
    handlers = parrot.handlers(procedures)
    if request.param == "in_process":
        yield InProcessBackend(handlers, [])
        return
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(handlers)
    address = f"unix:{tmp_path}/parrot.sock"
    server.add_insecure_port(address)
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        yield ChannelBackend(channel)
    await server.stop(None)


@pytest.fixture
def open_gateway(procedures: FileDescriptor, backend: Backend, open_client: Callable[[Gateway], Any]) -> Any:
    """Makes a gateway with the options of the test."""

    def make(**options: Any) -> Any:
        services = list(procedures.services_by_name.values())
        return open_client(Gateway(services, backend, GatewayOptions(**options)))

    return make


@pytest.fixture
def client(open_gateway: Any) -> Any:
    return open_gateway()


def envelope(data: bytes, flags: int = 0) -> bytes:
    """One message as both protocols send it in a stream."""
    return struct.pack(">BI", flags, len(data)) + data


def envelopes(body: bytes) -> list[tuple[int, bytes]]:
    """Flags and data of all messages in a body."""
    found = []
    while body:
        flags, length = struct.unpack_from(">BI", body)
        found.append((flags, body[5 : 5 + length]))
        assert len(found[-1][1]) == length
        body = body[5 + length :]
    return found


@pytest.fixture
def pack() -> Callable[..., bytes]:
    return envelope


@pytest.fixture
def unpack() -> Callable[[bytes], list[tuple[int, bytes]]]:
    return envelopes
