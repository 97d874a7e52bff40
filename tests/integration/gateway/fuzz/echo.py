"""A service that gives back what it was sent, and a gateway in front of it that answers one request at a time."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import grpc
from google.api import annotations_pb2
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    field_mask_pb2,
    message_factory,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import FileDescriptor

from gateway.app import Gateway
from gateway.backend.in_process import InProcessBackend

HERE = Path(__file__).parent
PROTO = HERE.parents[3] / "proto"
# Generated code registers these files when it is imported.
IMPORTED = (annotations_pb2, duration_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, wrappers_pb2)
# An answer that takes longer is a hang.
PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes


@cache
def contract() -> FileDescriptor:
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"-I{HERE}", "--include_imports"]
    made = subprocess.run(
        [*command, "--descriptor_set_out=/dev/stdout", "everything.proto"], check=True, stdout=subprocess.PIPE
    )
    files = descriptor_pb2.FileDescriptorSet.FromString(made.stdout).file
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(files[-1].SerializeToString())
    return pool.FindFileByName("everything.proto")


@cache
def everything() -> Any:
    """The class of the message with every kind of field."""
    return message_factory.GetMessageClass(contract().message_types_by_name["Everything"])


class Echo:
    """The servicer and its gateway. `seen` is the last request that reached the servicer."""

    def __init__(self) -> None:
        self.seen: Any = None
        single = grpc.unary_unary_rpc_method_handler(self._one, everything().FromString)
        several = grpc.stream_stream_rpc_method_handler(self._many, everything().FromString)
        handlers = {"EchoBody": single, "EchoQuery": single, "EchoStream": several}
        service = contract().services_by_name["EchoService"]
        generic = grpc.method_handlers_generic_handler(service.full_name, handlers)
        self.app = Gateway([service], InProcessBackend([generic], []))

    async def _one(self, request: Any, _context: Any) -> Any:
        self.seen = request
        return request

    async def _many(self, requests: AsyncIterator[Any], _context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            yield request

    async def ask(self, http_method: str, raw_path: bytes, query: bytes = b"", body: bytes = b"") -> Answer:
        """Send one request. Raises TimeoutError if no answer comes."""
        self.seen = None
        events = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> Any:
            return events.pop() if events else await asyncio.Event().wait()

        async def send(event: Any) -> None:
            sent.append(event)

        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": http_method,
            "path": raw_path.decode("latin-1"),
            "raw_path": raw_path,
            "query_string": query,
            "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1),
            "scheme": "http",
        }
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.app(scope, receive, send)
        start, *pieces = sent
        return Answer(start["status"], dict(start["headers"]), b"".join(piece.get("body", b"") for piece in pieces))
