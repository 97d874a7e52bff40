"""The library service, from a descriptor set in a pool of its own: there is no generated code for it."""

from collections.abc import Callable
from pathlib import Path

import grpc_tools  # type: ignore[import-untyped]
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message
from grpc_tools import protoc

from gateway.contract.services import Method, read_services

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
INCLUDED = Path(grpc_tools.__file__).parent / "_proto"


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> descriptor_pool.DescriptorPool:
    descriptor_set = tmp_path_factory.mktemp("library") / "library.binpb"
    folders = [f"--proto_path={folder}" for folder in (HERE, ROOT / "proto", INCLUDED)]
    outcome = protoc.main(
        ["protoc", *folders, "--include_imports", f"--descriptor_set_out={descriptor_set}", "library.proto"]
    )
    assert outcome == 0
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptor_set.read_bytes()).file:
        pool.AddSerializedFile(file.SerializeToString())
    return pool


@pytest.fixture(scope="session")
def message_class(pool: descriptor_pool.DescriptorPool) -> Callable[[str], type[Message]]:
    """Class of a message of the library by its short name."""
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"library.v1.{name}"))


@pytest.fixture(scope="session")
def methods(pool: descriptor_pool.DescriptorPool) -> dict[str, Method]:
    """Rpcs of the library by their short name."""
    services = [pool.FindServiceByName(f"library.v1.{name}") for name in ("Shelves", "Loans")]
    return {method.descriptor.name: method for method in read_services(services)}
