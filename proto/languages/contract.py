"""The contract as descriptors with comments: what a generator of ours reads."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, MethodDescriptor

# Number of a kind of descriptor in the file or message that holds it, and of what it holds in turn.
# Source: descriptor.proto.
FILE_MESSAGES, FILE_ENUMS, FILE_SERVICES, SERVICE_METHODS = 4, 5, 6, 2
MESSAGE_FIELDS, MESSAGE_MESSAGES, MESSAGE_ENUMS, ENUM_VALUES = 2, 3, 4, 2

# Methods that do the same each time: RFC 9110, section 9.2.2.
IDEMPOTENT: Final = {"get", "put", "delete"}


@dataclass(frozen=True)
class Rpc:
    """One rpc. `verb`, `template` and `response_body` are those of its HTTP rule, empty without one."""

    descriptor: MethodDescriptor
    verb: str
    template: str
    response_body: str

    @property
    def name(self) -> str:
        """As in "StartRun"."""
        return self.descriptor.name

    @property
    def full_name(self) -> str:
        """As in "switchyard.bots.v1.RunService.StartRun"."""
        return self.descriptor.full_name

    @property
    def path(self) -> str:
        """As gRPC calls it."""
        return f"/{self.descriptor.containing_service.full_name}/{self.descriptor.name}"

    @property
    def request(self) -> Descriptor:
        """What it takes."""
        return self.descriptor.input_type

    @property
    def response(self) -> Descriptor:
        """What it gives."""
        return self.descriptor.output_type

    @property
    def requests_stream(self) -> bool:
        """Whether requests are a stream."""
        return bool(self.descriptor.client_streaming)

    @property
    def responses_stream(self) -> bool:
        """Whether answers are a stream."""
        return bool(self.descriptor.server_streaming)

    @property
    def repeatable(self) -> bool:
        """Whether it may be made again when nobody knows whether it was made: by its verb, or by an idempotency key."""
        return self.verb in IDEMPOTENT or "request_id" in self.request.fields_by_name


class Contract:
    """Descriptors of every file, in a pool of their own, with comments by full name."""

    def __init__(self, files: descriptor_pb2.FileDescriptorSet) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            self._pool.Add(file)
        self._comments = {name: text for file in files.file for name, text in comments(file)}

    @classmethod
    def read(cls, path: Path) -> "Contract":
        """Return the contract in a serialized FileDescriptorSet with source info."""
        return cls(descriptor_pb2.FileDescriptorSet.FromString(path.read_bytes()))

    def rpcs(self, holds: Iterable[str]) -> Iterator[Rpc]:
        """Yield the rpcs named by `holds`: full names of services or of rpcs."""
        for name in holds:
            if name.rpartition(".")[0].endswith("Service"):
                yield self._rpc(self._pool.FindMethodByName(name))
            else:
                yield from map(self._rpc, self._pool.FindServiceByName(name).methods)

    def comment(self, full_name: str) -> str:
        """Return the comment above a definition, "" if there is none."""
        return self._comments.get(full_name, "")

    def enum(self, full_name: str) -> EnumDescriptor:
        """Return an enum."""
        return self._pool.FindEnumTypeByName(full_name)

    def required(self, field: FieldDescriptor) -> bool:
        """Whether a request must have the field."""
        return bool(self._option(field.GetOptions(), "FieldOptions", "gateway.v1.field").required)

    def json_text(self, field: FieldDescriptor) -> bool:
        """Whether a text field holds JSON."""
        return bool(self._option(field.GetOptions(), "FieldOptions", "gateway.v1.field").json_text)

    def words(self, enum: EnumDescriptor) -> Mapping[str, int]:
        """Return the numbers of the values by the words that JSON has for them, without the one that is never sent."""
        named = {value.number: value for value in enum.values if value.number != 0}
        options = {
            number: self._option(value.GetOptions(), "EnumValueOptions", "gateway.v1.enum_value")
            for number, value in named.items()
        }
        return {options[number].json_name or value.name: number for number, value in named.items()}

    def python_place(self, full_name: str) -> tuple[str, str, str]:
        """Return package, module and name in the module of a message or an enum, in generated Python."""
        try:
            file = self._pool.FindMessageTypeByName(full_name).file
        except KeyError:
            file = self._pool.FindEnumTypeByName(full_name).file
        folder, _, name = file.name.removesuffix(".proto").rpartition("/")
        return folder.replace("/", "."), f"{name}_pb2", full_name.removeprefix(f"{file.package}.")

    def _rpc(self, method: MethodDescriptor) -> Rpc:
        rule = self._option(method.GetOptions(), "MethodOptions", "google.api.http")
        verb = rule.WhichOneof("pattern") or ""
        return Rpc(method, verb, getattr(rule, verb) if verb else "", rule.response_body)

    def _option(self, options: Any, kind: str, extension: str) -> Any:
        """Return the value of an extension, read with the descriptors of the contract itself."""
        message = message_factory.GetMessageClass(self._pool.FindMessageTypeByName(f"google.protobuf.{kind}"))
        found: Any = message.FromString(options.SerializeToString())
        return found.Extensions[self._pool.FindExtensionByName(extension)]


def comments(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, str]]:
    """Yield full name and comment of each definition in `file` that has one."""
    names = dict(places(file))
    for location in file.source_code_info.location:
        name = names.get(tuple(location.path))
        if name is not None and location.leading_comments:
            yield name, "\n".join(line.strip() for line in location.leading_comments.strip().splitlines())


def places(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[tuple[int, ...], str]]:
    """Yield path, as source info has it, and full name of each definition."""
    for index, service in enumerate(file.service):
        for number, method in enumerate(service.method):
            path = (FILE_SERVICES, index, SERVICE_METHODS, number)
            yield path, f"{file.package}.{service.name}.{method.name}"
    yield from of_enums((FILE_ENUMS,), file.package, file.enum_type)
    for index, message in enumerate(file.message_type):
        yield from of_message((FILE_MESSAGES, index), f"{file.package}.{message.name}", message)


def of_message(
    path: tuple[int, ...], name: str, message: descriptor_pb2.DescriptorProto
) -> Iterator[tuple[tuple[int, ...], str]]:
    """Yield path and full name of a message and of what it holds."""
    yield path, name
    for index, field in enumerate(message.field):
        yield (*path, MESSAGE_FIELDS, index), f"{name}.{field.name}"
    yield from of_enums((*path, MESSAGE_ENUMS), name, message.enum_type)
    for index, nested in enumerate(message.nested_type):
        yield from of_message((*path, MESSAGE_MESSAGES, index), f"{name}.{nested.name}", nested)


def of_enums(
    path: tuple[int, ...], scope: str, enums: Iterable[descriptor_pb2.EnumDescriptorProto]
) -> Iterator[tuple[tuple[int, ...], str]]:
    """Yield path and full name of enums and of their values, whose names stand beside that of the enum."""
    for index, enum in enumerate(enums):
        yield (*path, index), f"{scope}.{enum.name}"
        for number, value in enumerate(enum.value):
            yield (*path, index, ENUM_VALUES, number), f"{scope}.{value.name}"
