"""The resources of the Python client library: one class of methods for each part of the contract, for both clients.

Every rpc becomes a method whose arguments are the fields of its request; the table of `sdk_names` says which resource
it belongs to. What a user wants differently (a log that is followed, a login) stands in clients/python, by hand.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from languages import sdk_sync
from languages.contract import Contract, Rpc
from languages.sdk_names import RESOURCES, Resource, method_name
from languages.sdk_shapes import Paging, paging, path_fields, resumption, unwrapped

HEAD: Final = '"""{}\n\nGenerated from the contract by `make generate`; do not edit."""\n'
SHELLS: Final = ("aio", "sync")
KEYWORDS: Final = {"from": "from_"}
BODY: Final = "google.api.HttpBody"
# Name of the field that holds the idempotency key.
KEY: Final = "request_id"
LINE: Final = 116

# What a constructor takes for a message, besides the message itself.
LITERALS: Final = {
    "google.protobuf.Timestamp": "datetime.datetime",
    "google.protobuf.Duration": "datetime.timedelta",
    "google.protobuf.Struct": "Mapping[str, Any]",
    "google.protobuf.Value": "Any",
    "google.protobuf.ListValue": "Sequence[Any]",
    BODY: "bytes | str | Path",
}
SCALARS: Final = {
    FieldDescriptor.CPPTYPE_INT32: "int",
    FieldDescriptor.CPPTYPE_INT64: "int",
    FieldDescriptor.CPPTYPE_UINT32: "int",
    FieldDescriptor.CPPTYPE_UINT64: "int",
    FieldDescriptor.CPPTYPE_DOUBLE: "float",
    FieldDescriptor.CPPTYPE_FLOAT: "float",
    FieldDescriptor.CPPTYPE_BOOL: "bool",
}


def write(folder: Path) -> None:
    """Write `switchyard_client/resources` into `folder`, which holds the stubs, the contract and the library itself."""
    contract = Contract.read(folder / "switchyard" / "contract.binpb")
    target = folder / "switchyard_client" / "resources"
    for part in ("", "methods", *SHELLS):
        (target / part).mkdir(parents=True, exist_ok=True)
    (target / "__init__.py").write_text(HEAD.format("What the contract gives: methods, resources and reasons."))
    (target / "methods" / "__init__.py").write_text(HEAD.format("What the clients must know of each rpc."))
    (target / "reasons.py").write_text(reasons(contract))
    used: dict[str, EnumDescriptor] = {}
    for resource in RESOURCES:
        module = Module(contract, resource, used)
        (target / "methods" / f"{resource.name}.py").write_text(module.methods())
        for shell in SHELLS:
            (target / shell / f"{resource.name}.py").write_text(module.resource(shell))
    (target / "enums.py").write_text(enums(contract, used.values()))
    for shell in SHELLS:
        (target / shell / "__init__.py").write_text(resources(shell))
    sdk_sync.write(folder / "switchyard_client")


class NameTaken(Exception):
    """Two rpcs would be one method; `sdk_names` must tell them apart."""


class Argument(NamedTuple):
    """One argument of a method. `value` is what the request is given; `default` is empty for a required one."""

    name: str
    field: str
    type: str
    value: str
    default: str
    comment: str
    positional: bool

    @property
    def declared(self) -> str:
        """The argument as a signature has it."""
        return f"{self.name}: {self.type}" + (f" = {self.default}" if self.default else "")


class Module:
    """What is written of one resource: the methods, which both clients share, and the resource of each."""

    def __init__(self, contract: Contract, resource: Resource, enums: dict[str, EnumDescriptor]) -> None:
        self._contract = contract
        self._resource = resource
        self._enums = enums
        self._imports: set[str] = set()
        self._rpcs: dict[str, Rpc] = {}
        for rpc in contract.rpcs(resource.holds):
            name = method_name(resource, rpc.name)
            if name in self._rpcs:
                raise NameTaken(f"{rpc.full_name} and {self._rpcs[name].full_name} are both {resource.name}.{name}")
            self._rpcs[name] = rpc

    def methods(self) -> str:
        """Return the module of what must be known of each rpc."""
        self._imports = set()
        entries = [self._entry(name, rpc) for name, rpc in self._rpcs.items()]
        head = [
            HEAD.format(f"What the clients must know of the rpcs of `{self._resource.name}`."),
            "from __future__ import annotations",
            "",
            "from typing import Final",
            "",
            *sorted(self._imports),
            "",
            "from ... import paging, resume",
            "from ...method import Method, Paged",
        ]
        return "\n".join([*head, "", *entries]) + "\n"

    def resource(self, shell: str) -> str:
        """Return the module of the resource for the client `shell`."""
        self._imports = set()
        bodies = [line for name, rpc in self._rpcs.items() for line in ["", *self._method(shell, name, rpc)]]
        binds = [
            f"        self._{name} = connection.unary(methods.{name.upper()})"
            for name, rpc in self._rpcs.items()
            if not rpc.requests_stream and not rpc.responses_stream and paging(rpc) is None
        ]
        class_name = self._resource.class_name
        lines = [
            HEAD.format(f"`client.{self._resource.name}`."),
            "from __future__ import annotations",
            "",
            "import datetime",
            "from collections.abc import AsyncIterable, Iterable, Mapping, Sequence",
            "from pathlib import Path",
            "from typing import Any",
            "",
            *sorted(self._imports),
            "",
            "from ... import content",
            f"from ...{shell}.connection import Connection",
            f"from ...{shell}.download import Download",
            f"from ...{shell}.pages import Pages",
            f"from ...{shell}.stream import Stream",
            "from ...keys import new_key",
            "from .. import enums",
            f"from ..methods import {self._resource.name} as methods",
            "",
            "",
            f"class {class_name}:",
            *docstring(self._resource.summary, indent=4),
            "",
            "    def __init__(self, connection: Connection) -> None:",
            "        self._connection = connection",
            *binds,
            *bodies,
        ]
        return "\n".join(lines) + "\n"

    def _entry(self, name: str, rpc: Rpc) -> str:
        resumes = resumption(rpc)
        parts = [
            f'"{rpc.path}"',
            self._message(rpc.request.full_name),
            self._message(rpc.response.full_name),
            *(["repeatable=True"] if rpc.repeatable else []),
            *([f"resumes=resume.{resumes}"] if resumes else []),
        ]
        entry = f"Method({', '.join(parts)})"
        pages = paging(rpc)
        if pages is not None:
            entry = f'Paged({entry}, "{pages.items.name}", paging.{pages.turn})'
        return f"{name.upper()}: Final = {entry}"

    def _method(self, shell: str, name: str, rpc: Rpc) -> Iterator[str]:
        if rpc.requests_stream:
            yield from self._sending(shell, name, rpc)
            return
        arguments = list(self._arguments(rpc))
        returned, expression, waits = self._answer(shell, name, rpc)
        define = "async def" if shell == "aio" and waits else "def"
        yield from signature(define, name, arguments, returned)
        yield from docstring(self._contract.comment(rpc.full_name), arguments)
        yield f"        request = methods.{name.upper()}{'.method' if paging(rpc) else ''}.request("
        named = [each for each in arguments if each.field not in KEYWORDS]
        yield from (f"            {each.field}={each.value}," for each in named)
        others = ", ".join(f'"{each.field}": {each.value}' for each in arguments if each.field in KEYWORDS)
        if others:
            yield f"            **{{{others}}},"
        yield "        )"
        yield f"        {expression}"

    def _answer(self, shell: str, name: str, rpc: Rpc) -> tuple[str, str, bool]:
        """Return the type that a method gives, the statement that gives it, and whether it waits."""
        method, given = f"methods.{name.upper()}", "request, timeout, headers"
        if rpc.responses_stream and rpc.response.full_name == BODY:
            return "Download", f"return Download(self._connection.stream({method}, {given}))", False
        response = self._message(rpc.response.full_name)
        if rpc.responses_stream:
            return f"Stream[{response}]", f"return self._connection.stream({method}, {given})", False
        pages: Paging | None = paging(rpc)
        if pages is not None:
            item = self._plain(pages.items)
            return f"Pages[{response}, {item}]", f"return Pages(self._connection, {method}, {given})", False
        wait = "await " if shell == "aio" else ""
        field = unwrapped(rpc)
        call = f"{wait}self._{name}({given})"
        if field is None:
            return response, f"return {call}", True
        kind = self._plain(field)
        return (f"Sequence[{kind}]" if field.is_repeated else kind), f"return ({call}).{field.name}", True

    def _sending(self, shell: str, name: str, rpc: Rpc) -> Iterator[str]:
        """A method that sends a stream: it takes the messages as they are."""
        request, response = self._message(rpc.request.full_name), self._message(rpc.response.full_name)
        source = f"Iterable[{request}]" + (f" | AsyncIterable[{request}]" if shell == "aio" else "")
        argument = Argument("requests", "", source, "", "", "The messages, in order.", positional=True)
        verb = "exchange" if rpc.responses_stream else "send"
        waits = shell == "aio" and not rpc.responses_stream
        returned = f"Stream[{response}]" if rpc.responses_stream else response
        yield from signature("async def" if waits else "def", name, [argument], returned)
        yield from docstring(self._contract.comment(rpc.full_name), [argument])
        wait = "await " if waits else ""
        yield f"        return {wait}self._connection.{verb}(methods.{name.upper()}, requests, timeout, headers)"

    def _arguments(self, rpc: Rpc) -> Iterator[Argument]:
        """Yield the arguments: those of the path first and by position, then those that are required."""
        path = path_fields(rpc)
        fields = sorted(
            rpc.request.fields,
            key=lambda field: (
                path.index(field.name) if field.name in path else len(path),
                not self._contract.required(field),
                field.number,
            ),
        )
        for field in fields:
            yield self._argument(field, positional=field.name in path)

    def _argument(self, field: FieldDescriptor, *, positional: bool) -> Argument:
        name = KEYWORDS.get(field.name, field.name)
        comment = self._contract.comment(field.full_name)
        if field.name == KEY:
            comment = "Idempotency key, at most 255 characters. None makes a new one, with which the call is retried."
            return Argument(name, field.name, "str | None", f"{KEY} or new_key()", "None", comment, positional)
        kind, value = self._accepted(field, name)
        if positional or self._contract.required(field):
            return Argument(name, field.name, kind, value, "", comment, positional)
        return Argument(name, field.name, f"{kind} | None", value, "None", comment, positional)

    def _accepted(self, field: FieldDescriptor, name: str) -> tuple[str, str]:
        """Return the type that the argument of `field` takes, and how the request is given it."""
        message = field.message_type
        if message is not None and message.GetOptions().map_entry:
            key, value = message.fields_by_name["key"], message.fields_by_name["value"]
            return f"Mapping[{self._taken(key)}, {self._taken(value)}]", name
        kind = self._taken(field)
        if field.enum_type is not None:
            # What is no word is a number, or the constructor refuses it.
            numbers = f"enums.{enum_name(field.enum_type)}_NUMBERS"
            if field.is_repeated:
                return f"Sequence[{kind}]", f"[{numbers}.get(each, each) for each in {name} or ()]"
            return kind, f"{numbers}.get({name}, {name})"
        if field.is_repeated:
            return f"Sequence[{kind}]", name
        if self._contract.json_text(field):
            return "Mapping[str, Any] | str", f"content.json_text({name})"
        if message is not None and message.full_name == BODY:
            unset = "" if self._contract.required(field) else f" if {name} is not None else None"
            return kind, f"content.body({name}){unset}"
        return kind, name

    def _taken(self, field: FieldDescriptor) -> str:
        if field.enum_type is not None:
            self._enums[field.enum_type.full_name] = field.enum_type
            return f"enums.{enum_name(field.enum_type)}"
        if field.message_type is not None:
            name = field.message_type.full_name
            return f"{LITERALS.get(name, 'Mapping[str, Any]')} | {self._message(name)}"
        return self._plain(field)

    def _plain(self, field: FieldDescriptor) -> str:
        """Return the type of one value of a field."""
        if field.message_type is not None:
            return self._message(field.message_type.full_name)
        if field.type == FieldDescriptor.TYPE_BYTES:
            return "bytes"
        return SCALARS.get(field.cpp_type, "str")

    def _message(self, full_name: str) -> str:
        """Return how the module names a message, and see that it imports it."""
        package, module, nested = self._contract.python_place(full_name)
        self._imports.add(f"from {package} import {module}")
        return f"{module}.{nested}"


def signature(define: str, name: str, arguments: Sequence[Argument], returned: str) -> Iterator[str]:
    """Yield the lines of a method's head."""
    yield f"    {define} {name}("
    yield "        self,"
    yield from (f"        {each.declared}," for each in arguments if each.positional)
    yield "        *,"
    yield from (f"        {each.declared}," for each in arguments if not each.positional)
    yield "        timeout: float | None = None,"
    yield "        headers: Mapping[str, str] | None = None,"
    yield f"    ) -> {returned}:"


def docstring(comment: str, arguments: Sequence[Argument] = (), *, indent: int = 8) -> Iterator[str]:
    """Yield the lines of a docstring that says what the contract says."""
    space = " " * indent
    summary, *rest = comment.splitlines() or ["See the contract."]
    lines = [summary, *(["", *rest] if rest else [])]
    if arguments:
        lines += ["", "Args:"]
        lines += [line for each in arguments for line in wrapped(f"{each.name}: {each.comment or 'See the contract.'}")]
    text = [line.replace("\\", "\\\\").replace('"""', "'''") for line in lines]
    if len(text) == 1 and not text[0].endswith('"'):
        yield f'{space}"""{text[0]}"""'
        return
    yield f'{space}"""{text[0]}'
    yield from (f"{space}{line}".rstrip() for line in text[1:])
    yield f'{space}"""'


def wrapped(text: str) -> list[str]:
    """Return `text` as indented lines."""
    return textwrap.wrap(" ".join(text.split()), LINE - 8, initial_indent="    ", subsequent_indent="        ")


def resources(shell: str) -> str:
    """Return the module of the class that has every resource as attribute, each imported when it is asked for first."""
    lines = [
        HEAD.format("Every resource, as attributes of a client."),
        "from __future__ import annotations",
        "",
        "from functools import cached_property",
        "from typing import TYPE_CHECKING",
        "",
        f"from ...{shell}.connection import Connection",
        "",
        "if TYPE_CHECKING:",
        *(f"    from .{each.name} import {each.class_name}" for each in RESOURCES),
        "",
        "",
        "class Resources:",
        '    """Has each resource as attribute."""',
        "",
        "    _connection: Connection",
    ]
    for each in RESOURCES:
        lines += [
            "",
            "    @cached_property",
            f"    def {each.name}(self) -> {each.class_name}:",
            f'        """{each.summary}"""',
            f"        from .{each.name} import {each.class_name}",
            "",
            f"        return {each.class_name}(self._connection)",
        ]
    return "\n".join(lines) + "\n"


def reasons(contract: Contract) -> str:
    """Return the module with an exception for each reason of the contract."""
    reason = contract.enum("switchyard.errors.v1.ErrorReason")
    values = [value for value in reason.values if value.number != 0]
    names = {value.name: camel(value.name.removeprefix("ERROR_REASON_")) for value in values}
    lines = [
        HEAD.format("One exception for each reason of the contract."),
        "from __future__ import annotations",
        "",
        "from collections.abc import Mapping",
        "from typing import Final",
        "",
        "from ..failure import SwitchyardError",
        "",
        f"__all__ = {sorted(names.values())!r}",
    ]
    for value in values:
        comment = contract.comment(f"{reason.full_name.rpartition('.')[0]}.{value.name}")
        lines += ["", "", f"class {names[value.name]}(SwitchyardError):", *docstring(comment, indent=4)]
        # As users import it, in tracebacks too.
        lines += ["", '    __module__ = "switchyard_client.errors"', f'    reason_name = "{value.name}"']
    lines += ["", "", "REASONS: Final[Mapping[str, type[SwitchyardError]]] = {"]
    lines += [f'    "{name}": {python},' for name, python in names.items()]
    return "\n".join([*lines, "}"]) + "\n"


def enums(contract: Contract, used: Iterable[EnumDescriptor]) -> str:
    """Return the module with the words that arguments may have in place of the numbers of enums."""
    ordered = sorted(used, key=lambda enum: enum.full_name)
    words = {enum.full_name: contract.words(enum) for enum in ordered}
    places = {enum.full_name: contract.python_place(enum.full_name) for enum in ordered}
    lines = [
        HEAD.format("The words that arguments may have in place of the numbers of enums."),
        "from __future__ import annotations",
        "",
        "from collections.abc import Mapping",
        "from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias",
        "",
        "if TYPE_CHECKING:",
        *sorted(
            {
                f"    from {package} import {module} as {alias(package, module)}"
                for package, module, _ in places.values()
            }
        ),
        "",
    ]
    for enum in ordered:
        package, module, nested = places[enum.full_name]
        literal = ", ".join(f'"{word}"' for word in words[enum.full_name])
        lines.append(
            f"    {enum_name(enum)}: TypeAlias = Literal[{literal}] | {alias(package, module)}.{nested}.ValueType"
        )
    for enum in ordered:
        lines += ["", f"{enum_name(enum)}_NUMBERS: Final[Mapping[Any, Any]] = {{"]
        lines += [f'    "{word}": {number},' for word, number in words[enum.full_name].items()]
        lines += ["}"]
    return "\n".join(lines) + "\n"


def alias(package: str, module: str) -> str:
    """Return a name for a module that stands beside those of other packages."""
    return f"{package.split('.')[1]}_{module}"


def enum_name(enum: EnumDescriptor) -> str:
    """Return how Python names an enum: `switchyard.bots.v1.BotInstance.Status` is BotsBotInstanceStatus."""
    _, domain, _, *nested = enum.full_name.split(".")
    return "".join([domain.capitalize(), *nested])


def camel(name: str) -> str:
    """Return RUN_ACTIVE as RunActive."""
    return "".join(word.capitalize() for word in name.split("_"))
