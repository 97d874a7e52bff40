"""What API tokens may reach: packages of the contract, each as a whole or only what reads. Read from descriptors."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from google.api import annotations_pb2
from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import MethodDescriptor

from switchyard.auth.v1 import access_pb2

READ: Final = ":read"
_READING: Final = re.compile(r"(Get|List|Watch|Export|Download)([A-Z]|$)").match
# "switchyard.bots.v1" is the package "bots".
_PACKAGE: Final = re.compile(r"switchyard\.([a-z_]+)\.v[0-9]+").fullmatch


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a method lies: its package, and whether it only reads."""

    package: str
    reads: bool

    @property
    def scope(self) -> str:
        """The least scope that opens the method."""
        return self.package + READ if self.reads else self.package

    def within(self, scopes: Collection[str]) -> bool:
        """Whether one of `scopes` opens the method; no scopes at all open everything."""
        return not scopes or self.package in scopes or (self.reads and self.package + READ in scopes)


def reach_of(method: MethodDescriptor) -> Reach:
    """Return where `method` lies. Its HTTP rule or its name tells that it only reads; machines' calls do more."""
    options = method.GetOptions()
    access, http = options.Extensions[access_pb2.access], options.Extensions[annotations_pb2.http]
    reads = http.WhichOneof("pattern") == "get" or _READING(method.name) is not None
    machines = access.robot or access.worker
    return Reach(_package_of(method.containing_service.file.package), reads and not machines)


@cache
def packages() -> frozenset[str]:
    """Return the packages of the contract that have services."""
    contract = descriptor_pb2.FileDescriptorSet.FromString((files("switchyard") / "contract.binpb").read_bytes())
    return frozenset(_package_of(file.package) for file in contract.file if file.service)


def _package_of(package: str) -> str:
    match = _PACKAGE(package)
    return match[1] if match else package
