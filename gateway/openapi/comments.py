"""Comments of the contract, by the full name of what they describe. Generated Python does not carry them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from google.protobuf import descriptor_pb2

Path = tuple[int, ...]

# Numbers of the fields in descriptor.proto that lead from a file or message to what it holds.
FILE_MESSAGES: Final = 4
FILE_ENUMS: Final = 5
FILE_SERVICES: Final = 6
MESSAGE_FIELDS: Final = 2
MESSAGE_MESSAGES: Final = 3
MESSAGE_ENUMS: Final = 4
ENUM_VALUES: Final = 2
SERVICE_METHODS: Final = 2


def read_comments(descriptor_set: bytes | None) -> Mapping[str, str]:
    """Leading comments in a serialized FileDescriptorSet with source info; none without one."""
    if descriptor_set is None:
        return {}
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptor_set).file
    return {name: text for file in files for name, text in _file_comments(file)}


def _file_comments(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, str]]:
    texts = {tuple(one.path): one.leading_comments for one in file.source_code_info.location if one.leading_comments}
    for path, name in _names(file):
        if path in texts:
            yield name, _plain(texts[path])


def _names(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[Path, str]]:
    package = f"{file.package}." if file.package else ""
    for path, name, message in _children((), package, FILE_MESSAGES, file.message_type):
        yield path, name
        yield from _message_names(path, name, message)
    for path, name, enum in _children((), package, FILE_ENUMS, file.enum_type):
        yield path, name
        yield from _leaves(path, f"{name}.", ENUM_VALUES, enum.value)
    for path, name, service in _children((), package, FILE_SERVICES, file.service):
        yield path, name
        yield from _leaves(path, f"{name}.", SERVICE_METHODS, service.method)


def _message_names(path: Path, name: str, message: descriptor_pb2.DescriptorProto) -> Iterator[tuple[Path, str]]:
    inside = f"{name}."
    yield from _leaves(path, inside, MESSAGE_FIELDS, message.field)
    for inner_path, inner_name, inner in _children(path, inside, MESSAGE_MESSAGES, message.nested_type):
        yield inner_path, inner_name
        yield from _message_names(inner_path, inner_name, inner)
    for enum_path, enum_name, enum in _children(path, inside, MESSAGE_ENUMS, message.enum_type):
        yield enum_path, enum_name
        yield from _leaves(enum_path, f"{enum_name}.", ENUM_VALUES, enum.value)


def _children(path: Path, prefix: str, number: int, children: Sequence[Any]) -> Iterator[tuple[Path, str, Any]]:
    for index, child in enumerate(children):
        yield (*path, number, index), f"{prefix}{child.name}", child


def _leaves(path: Path, prefix: str, number: int, children: Sequence[Any]) -> Iterator[tuple[Path, str]]:
    for leaf_path, name, _ in _children(path, prefix, number, children):
        yield leaf_path, name


def _plain(comment: str) -> str:
    return "\n".join(line.removeprefix(" ") for line in comment.rstrip().split("\n"))
