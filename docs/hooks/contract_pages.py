"""The contract as pages: one per package with its services, messages and enums, one of all reasons of errors."""

import importlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor, MethodDescriptor

from gateway.contract.options import enum_value_options, field_options
from gateway.contract.services import Method, read_services
from gateway.openapi.comments import read_comments
from gateway_options.v1 import options_pb2
from switchyard.auth.v1 import access_pb2

CONTRACT: Final = Path(__file__).parents[2] / "generated" / "python" / "switchyard" / "contract.binpb"
REASONS: Final = "switchyard.errors.v1"
FRAMINGS: Final = {
    options_pb2.Stream.FRAMING_SSE: " (Server-Sent Events)",
    options_pb2.Stream.FRAMING_WEBSOCKET: " (WebSocket)",
    options_pb2.Stream.FRAMING_NDJSON: " (lines of JSON)",
}


def pages() -> dict[str, str]:
    """Return the text of each page by its name below docs/."""
    described = CONTRACT.read_bytes()
    comments = read_comments(described)
    packages = _packages(descriptor_pb2.FileDescriptorSet.FromString(described))
    found = {f"reference/{name}.md": _package(name, files, comments) for name, files in packages.items()}
    found["reference/contract.md"] = _contents(packages, comments)
    found["reference/errors.md"] = _reasons(packages[REASONS], comments)
    return found


def _packages(contract: descriptor_pb2.FileDescriptorSet) -> dict[str, list[FileDescriptor]]:
    packages: defaultdict[str, list[FileDescriptor]] = defaultdict(list)
    for file in contract.file:
        if file.package.startswith("switchyard."):
            module = importlib.import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
            packages[file.package].append(module.DESCRIPTOR)
    return dict(sorted(packages.items()))


def _contents(packages: Mapping[str, list[FileDescriptor]], comments: Mapping[str, str]) -> str:
    lines = [
        "# The contract",
        "",
        "All that Switchyard can do, as it stands in `proto/`. Each call is served over gRPC, gRPC-Web and Connect",
        "under its full name, and over HTTP at the routes it states. `/openapi.json`, `/docs` and `/redoc` of a",
        "running system show the routes with forms to try them.",
    ]
    for package, files in packages.items():
        services = [service for file in files for service in file.services_by_name.values()]
        if services:
            lines += ["", f"## [{package}]({package}.md)", ""]
        for service in services:
            sentence = comments.get(service.full_name, "").replace("\n", " ")
            lines.append(f"- [{service.name}]({package}.md#{service.name.lower()}): {_cell(sentence)}")
    return "\n".join(lines) + "\n"


def _package(name: str, files: list[FileDescriptor], comments: Mapping[str, str]) -> str:
    lines = [f"# {name}"]
    shown: set[str] = set()
    for file in files:
        for service in file.services_by_name.values():
            lines += ["", f"## {service.name}", "", comments.get(service.full_name, "")]
            for method in read_services([service]):
                lines += _method(method, comments)
                shown.add(method.input.full_name)
    messages = [message for file in files for message in file.message_types_by_name.values()]
    rest = [message for message in messages if message.full_name not in shown]
    if rest:
        lines += ["", "## Messages"]
        for message in rest:
            lines += _message(message, comments)
    enums = [enum for file in files for enum in file.enum_types_by_name.values()]
    nested = [enum for message in messages for enum in message.enum_types_by_name.values()]
    if enums or nested:
        lines += ["", "## Enums"]
        for enum in (*enums, *nested):
            lines += _enum(enum, comments)
    return "\n".join(lines) + "\n"


def _method(method: Method, comments: Mapping[str, str]) -> Iterator[str]:
    descriptor = method.descriptor
    yield from ("", f"### {descriptor.name}", "", comments.get(descriptor.full_name, ""), "")
    streams = ("stream of " if method.client_streaming else "", "stream of " if method.server_streaming else "")
    yield f"`{method.full_name}`: {streams[0]}`{method.input.name}` to {streams[1]}`{method.output.name}`"
    yield ""
    framing = FRAMINGS.get(method.options.stream.framing, "")
    yield from (f"- `{route.http_method} {route.template}{framing}`" for route in method.bindings)
    yield f"- {_access(descriptor)}"
    limit = method.options.rate_limit
    if limit.requests:
        yield f"- at most {limit.requests} requests in {limit.window_seconds} s from one address"
    yield from _fields(method.input, comments)


def _access(method: MethodDescriptor) -> str:
    options = descriptor_pb2.MethodOptions.FromString(method.GetOptions().SerializeToString())
    access = options.Extensions[access_pb2.access]
    who = {
        "anyone": "anybody",
        "authenticated": "any account",
        "worker": "workers",
        "robot": "a robot for its own id, workers, admins",
    }.get(access.WhichOneof("who") or "", "")
    if access.role:
        who = f"accounts from {access_pb2.Role.Name(access.role).removeprefix('ROLE_').lower()} on"
    also = [
        (access.worker_too, "workers"),
        (access.environment_too, "an environment for its own id"),
        (access.local, "requests from this machine while the server listens on loopback"),
    ]
    return f"for {', '.join([who, *(words for present, words in also if present)])}"


def _message(message: Descriptor, comments: Mapping[str, str]) -> Iterator[str]:
    yield from ("", f"### {message.name}", "", comments.get(message.full_name, ""))
    yield from _fields(message, comments)
    for inner in message.nested_types:
        if not inner.GetOptions().map_entry:
            yield from ("", f"### {message.name}.{inner.name}", "", comments.get(inner.full_name, ""))
            yield from _fields(inner, comments)


def _fields(message: Descriptor, comments: Mapping[str, str]) -> Iterator[str]:
    if message.fields:
        yield from ("", "| field | type | |", "| --- | --- | --- |")
    for field in message.fields:
        words = " ".join(filter(None, (comments.get(field.full_name, ""), _bounds(field))))
        yield f"| `{field.name}` | {_type(field)} | {_cell(words)} |"


def _type(field: FieldDescriptor) -> str:
    kind = field.message_type or field.enum_type
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        key, value = field.message_type.fields
        return f"map of {_type(key)} to {_type(value)}"
    name = _link(kind) if kind is not None else _scalar(field)
    return f"list of {name}" if field.is_repeated else name


def _scalar(field: FieldDescriptor) -> str:
    """Return the scalar type of a field as the contract spells it."""
    return descriptor_pb2.FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def _link(kind: Descriptor | EnumDescriptor) -> str:
    package = kind.file.package
    outside = not package.startswith("switchyard.")
    return f"`{kind.name}`" if outside else f"[{kind.name}]({package}.md)"


def _bounds(field: FieldDescriptor) -> str:
    options = field_options(field)
    said = ["Required."] if options.required else []
    if options.HasField("min") and options.HasField("max"):
        said.append(f"From {options.min} to {options.max}.")
    elif options.HasField("min"):
        said.append(f"At least {options.min}.")
    elif options.HasField("max"):
        said.append(f"At most {options.max}.")
    if options.default_value:
        said.append(f"`{options.default_value}` when absent.")
    if options.header:
        said.append(f"Header `{options.header}`.")
    return " ".join(said)


def _enum(enum: EnumDescriptor, comments: Mapping[str, str]) -> Iterator[str]:
    yield from ("", f"### {enum.name}", "", comments.get(enum.full_name, ""), "")
    yield from ("| value | in JSON | |", "| --- | --- | --- |")
    for value in enum.values:
        word = enum_value_options(value).json_name or value.name
        yield f"| `{value.name}` | `{word}` | {_cell(comments.get(f'{enum.full_name}.{value.name}', ''))} |"


def _reasons(files: list[FileDescriptor], comments: Mapping[str, str]) -> str:
    [enum] = (enum for file in files for enum in file.enum_types_by_name.values())
    lines = ["# Errors", "", comments.get(enum.full_name, ""), "", "| reason | HTTP | |", "| --- | --- | --- |"]
    for value in enum.values[1:]:
        status = enum_value_options(value).http_status
        words = _cell(comments.get(f"{enum.full_name}.{value.name}", ""))
        lines.append(f"| `{value.name.removeprefix('ERROR_REASON_')}` | {status or 'by its gRPC code'} | {words} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Return a comment as one cell of a table, in which nothing is taken for HTML or for a column."""
    return text.replace("\n", " ").replace("|", "\\|").replace("<", "&lt;")
