"""Where a gateway that runs apart gets its descriptors from: a file, or the server itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import EnumDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

# Services that describe or watch the server; nobody calls them over HTTP.
INTERNAL_PREFIX: Final = "grpc."
CONNECT_SECONDS: Final = 10.0


class SourceUnusable(Exception):
    """The descriptors cannot be had; the message says why and what to do."""


def read_descriptor_set(path: Path) -> tuple[Sequence[ServiceDescriptor], Sequence[EnumDescriptor], bytes]:
    """Services and top-level enums in a FileDescriptorSet, and the set itself, whose comments go into OpenAPI.

    Raises:
        SourceUnusable: the file cannot be read, or is no complete FileDescriptorSet.
    """
    try:
        data = path.read_bytes()
        files = descriptor_pb2.FileDescriptorSet.FromString(data).file
    except OSError as error:
        raise SourceUnusable(f"{path} cannot be read: {error.strerror}") from error
    except DecodeError as error:
        raise SourceUnusable(f"{path} is no descriptor set; make one with `buf build -o api.binpb`") from error
    pool = descriptor_pool.DescriptorPool()
    services: list[ServiceDescriptor] = []
    enums: list[EnumDescriptor] = []
    for file in files:
        try:
            pool.AddSerializedFile(file.SerializeToString())
        except TypeError as error:
            hint = "make the set with its imports (protoc --include_imports)"
            raise SourceUnusable(f"{path} is not complete: {error}; {hint}") from error
        descriptor = pool.FindFileByName(file.name)
        services += descriptor.services_by_name.values()
        enums += descriptor.enum_types_by_name.values()
    if not services:
        raise SourceUnusable(f"{path} has no services")
    return services, enums, data


def ask_server(address: str) -> Sequence[ServiceDescriptor]:
    """Services the server at `address` tells about by gRPC reflection. Blocks up to ten seconds.

    Raises:
        SourceUnusable: the server cannot be reached, or has no reflection.
    """
    with grpc.insecure_channel(address) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=CONNECT_SECONDS)
        except grpc.FutureTimeoutError as error:
            raise SourceUnusable(f"no gRPC server answers at {address}") from error
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = descriptor_pool.DescriptorPool(database)
        try:
            names = [name for name in database.get_services() if not name.startswith(INTERNAL_PREFIX)]
            services = [pool.FindServiceByName(name) for name in names]
        except grpc.RpcError as error:
            raise SourceUnusable(f"{address} has no gRPC reflection; give --descriptor-set instead") from error
    if not services:
        raise SourceUnusable(f"{address} tells of no services")
    return services
