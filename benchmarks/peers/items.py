"""The service of `items.proto`: its descriptors, its handlers, and what a client sends to it."""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import grpc
from google.api import annotations_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2
from google.protobuf.descriptor import FileDescriptor, ServiceDescriptor

HERE: Final = Path(__file__).parent
PROTO: Final = HERE.parents[1] / "proto"
# Imported by items.proto; generated code registers a file when it is imported.
IMPORTED: Final = (annotations_pb2, timestamp_pb2)
LISTED: Final = 100

UPDATE: Final = "/v1/items/item-1"
LIST: Final = "/v1/items"
WATCH: Final = "/v1/items:watch"


@cache
def descriptor_set() -> bytes:
    """A serialized FileDescriptorSet of items.proto with its imports."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "items.binpb"
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"-I{HERE}", "--include_imports"]
        subprocess.run([*command, f"--descriptor_set_out={target}", "items.proto"], check=True)
        return target.read_bytes()


@cache
def items_file() -> FileDescriptor:
    """The descriptors of items.proto, in the pool of generated code."""
    pool = descriptor_pool.Default()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptor_set()).file:
        if file.name == "items.proto":
            pool.AddSerializedFile(file.SerializeToString())
    return pool.FindFileByName("items.proto")


def item_service() -> ServiceDescriptor:
    """The descriptor of the service."""
    return items_file().services_by_name["ItemService"]


def message_class(name: str) -> Any:
    """The class of one of the messages of items.proto."""
    return message_factory.GetMessageClass(items_file().message_types_by_name[name])


def sample(number: int) -> Any:
    """An item with all of its twelve fields set."""
    item = message_class("Item")(
        id=f"item-{number}",
        name="A name of it",
        count=number,
        size_bytes=2**40 + number,
        ratio=0.25,
        enabled=True,
        state=1,
        tags=["first", "second"],
        owner="somebody",
        label="a label",
        note="something worth a note",
    )
    item.create_time.FromSeconds(1_700_000_000 + number)
    return item


class ItemServicer:
    """The handlers, the same in process and behind a channel."""

    def __init__(self) -> None:
        self._all = message_class("ListItemsResponse")(items=[sample(number) for number in range(1, LISTED + 1)])

    async def update(self, request: Any, _context: Any) -> Any:
        """UpdateItem."""
        request.count += 1
        return request

    async def list(self, _request: Any, _context: Any) -> Any:
        """ListItems."""
        return self._all

    async def watch(self, _request: Any, _context: Any) -> AsyncIterator[Any]:
        """WatchItems."""
        yield self._all.items[0]
        await asyncio.Event().wait()


def handlers() -> "grpc.GenericRpcHandler[Any, Any]":
    """The servicer as what `grpc.aio.server` and the gateway take."""
    servicer, item, request = ItemServicer(), message_class("Item"), message_class("ListItemsRequest")
    listed = message_class("ListItemsResponse")
    return grpc.method_handlers_generic_handler(
        item_service().full_name,
        {
            "UpdateItem": grpc.unary_unary_rpc_method_handler(servicer.update, item.FromString, item.SerializeToString),
            "ListItems": grpc.unary_unary_rpc_method_handler(
                servicer.list, request.FromString, listed.SerializeToString
            ),
            "WatchItems": grpc.unary_stream_rpc_method_handler(
                servicer.watch, request.FromString, item.SerializeToString
            ),
        },
    )
