"""The gateway in front of the service, in process."""

from collections.abc import Sequence

from google.api import annotations_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import ServiceDescriptor

from benchmarks.peers import items
from gateway.app import Gateway
from gateway.backend.in_process import InProcessBackend


def services(more_routes: int) -> Sequence[ServiceDescriptor]:
    """The service, and one with `more_routes` rpcs under paths of its kind."""
    name = f"more{more_routes}.proto"
    file = descriptor_pb2.FileDescriptorProto(name=name, package=f"more{more_routes}", syntax="proto3")
    file.dependency.append("items.proto")
    service = file.service.add(name="More")
    for number in range(more_routes):
        method = service.method.add(
            name=f"Call{number}", input_type=".benchmarks.v1.Item", output_type=".benchmarks.v1.Item"
        )
        # A hundred beginnings with ten endings each, as large APIs have them.
        path = f"/v1/items/{{id}}/part{number % 100}/{{owner}}/call{number}"
        method.options.Extensions[annotations_pb2.http].get = path
    own = items.item_service()
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return [own, pool.FindFileByName(name).services_by_name["More"]]


def make_app() -> Gateway:
    """The application."""
    return Gateway([items.item_service()], InProcessBackend([items.handlers()], []))
