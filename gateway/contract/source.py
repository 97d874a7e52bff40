"""Where a gateway that runs apart gets its descriptors from: a file, or the server itself."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import EnumDescriptor, FileDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from gateway.backend.connection import ServerAddress

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


def ask_server(address: ServerAddress) -> Sequence[ServiceDescriptor]:
    """Services the server at `address` tells about by gRPC reflection, v1 or v1alpha. Blocks up to ten seconds.

    Raises:
        SourceUnusable: the server cannot be reached, or has no reflection.
    """
    with address.open_blocking() as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=CONNECT_SECONDS)
        except grpc.FutureTimeoutError as error:
            raise SourceUnusable(f"no gRPC server answers at {address.target}") from error
        try:
            services = _reflected(grpc.intercept_channel(channel, _Version1()))
            if services is None:
                services = _reflected(channel)
        except (grpc.RpcError, KeyError, TypeError, AssertionError) as error:
            raise SourceUnusable(f"the reflection of {address.target} fails: {error}") from error
    if services is None:
        raise SourceUnusable(f"{address.target} has no gRPC reflection; give --descriptor-set instead")
    if not services:
        raise SourceUnusable(f"{address.target} tells of no services")
    return services


def _reflected(channel: grpc.Channel) -> Sequence[ServiceDescriptor] | None:
    """What the server tells; None when it has no reflection of this version."""
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = descriptor_pool.DescriptorPool(database)
    try:
        names = [name for name in database.get_services() if not name.startswith(INTERNAL_PREFIX)]
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            return None
        raise
    return detached([pool.FindServiceByName(name) for name in names])


def detached(services: Iterable[ServiceDescriptor]) -> Sequence[ServiceDescriptor]:
    """The same services in a pool of their own, which asks no server for a type it does not have."""
    pool = descriptor_pool.DescriptorPool()
    added: set[str] = set()

    def add(file: FileDescriptor) -> None:
        if file.name not in added:
            added.add(file.name)
            for imported in file.dependencies:
                add(imported)
            pool.AddSerializedFile(file.serialized_pb)

    found = []
    for service in services:
        add(service.file)
        found.append(pool.FindServiceByName(service.full_name))
    return found


class _Version1(grpc.StreamStreamClientInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Sends calls for reflection v1alpha to v1, which has the same messages under other names.

    Servers of newer gRPC for Go answer v1, those of Python v1alpha; the Python client knows v1alpha only.
    """

    def intercept_stream_stream(
        self,
        continuation: Callable[[grpc.ClientCallDetails, Iterator[Any]], Any],
        client_call_details: grpc.ClientCallDetails,
        request_iterator: Iterator[Any],
    ) -> Any:
        """Go on with the call under its other name."""
        return continuation(_Renamed(client_call_details), request_iterator)


class _Renamed(grpc.ClientCallDetails):
    """`details` with v1 in place of v1alpha."""

    def __init__(self, details: grpc.ClientCallDetails) -> None:
        self.method = details.method.replace("v1alpha", "v1")
        self.timeout = details.timeout
        self.metadata = details.metadata
        self.credentials = details.credentials
        self.wait_for_ready = details.wait_for_ready
        self.compression = details.compression
