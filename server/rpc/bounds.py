"""Bounds of request fields, as `gateway.v1.field` states them, compiled once per message type.

A check is a function that takes a message and the path that leads to it and yields the violations within. Types in
which nothing can be violated have no check at all.

Over gRPC an enum field may carry any number, so unknown numbers are violations too.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway_options.v1 import options_pb2
from server import json_text
from server.errors import InvalidArgument, Violation

# What one field may violate: takes its message and the field's path, yields completions of "<path> ...".
FieldCheck = Callable[[Any, str], Iterable[Violation]]
MessageCheck = Callable[[Any, str], Sequence[Violation]]
# What one value may violate: None when all is well, else the completion of "<path> ...".
ValueCheck = Callable[[Any], str | None]

# What is no longer may be a word. So many words of a field are known to be well; longer texts would fill the memory.
WORD_LENGTH: Final = 64
KNOWN_WORDS: Final = 256

# Types of others carry none of our options; some of them are recursive.
_FOREIGN: Final = "google."


def compile_check(descriptor: Descriptor, *, json_names: bool = False) -> Callable[[Message], None] | None:
    """Return a function that refuses messages of this type out of bounds, or None when there is nothing to check.

    The function raises InvalidArgument with every violation; its sentence tells the first one. With `json_names` fields
    have their names in JSON there.
    """
    check = _message_check(descriptor, {})
    if check is None:
        return None
    find: MessageCheck = check

    def refuse(message: Message) -> None:
        violations = find(message, "")
        if violations and json_names:
            violations = [Violation(_json_path(descriptor, one.field), one.message) for one in violations]
        if violations:
            raise out_of_bounds(violations)

    return refuse


def out_of_bounds(violations: Sequence[Violation]) -> InvalidArgument:
    """Return the refusal of these violations, at least one."""
    first = violations[0]
    return InvalidArgument(f"{first.field} {first.message}", violations=violations)


def _json_path(descriptor: Descriptor | None, path: str) -> str:
    """Return a path like "template.cpu_cores" as JSON has it: "template.cpuCores"."""
    name, joint, rest = path.partition(".")
    name, bracket, position = name.partition("[")
    field = descriptor.fields_by_name.get(name) if descriptor is not None else None
    if field is None:
        return path
    return f"{field.json_name}{bracket}{position}{joint}{_json_path(field.message_type, rest)}"


def _message_check(descriptor: Descriptor | None, begun: dict[str, list[FieldCheck]]) -> MessageCheck | None:
    """Return the check of one message type. `begun` holds the types this one stands in, so that recursion ends."""
    if descriptor is None or descriptor.full_name.startswith(_FOREIGN):
        return None
    recursive = descriptor.full_name in begun
    checks = begun.setdefault(descriptor.full_name, [])
    if not recursive:
        checks += [check for field in descriptor.fields if (check := _field_check(field, begun)) is not None]
        del begun[descriptor.full_name]
        if not checks:
            return None

    def find(message: Any, path: str) -> Sequence[Violation]:
        found: Sequence[Violation] = ()
        for check in checks:
            violations = check(message, path)
            if violations:
                found = [*found, *violations]
        return found

    return find


def _field_check(field: FieldDescriptor, begun: dict[str, list[FieldCheck]]) -> FieldCheck | None:
    options = field.GetOptions().Extensions[options_pb2.field]
    if field.is_repeated:
        return _repeated_check(field, options, begun)
    if field.message_type is not None:
        return _submessage_check(field, options, begun)
    return _scalar_check(field, options)


def _scalar_check(field: FieldDescriptor, options: options_pb2.FieldOptions) -> FieldCheck | None:
    value_checks = _value_checks(field, options)
    if not value_checks and not options.required:
        return None
    name, presence, required = field.name, field.has_presence, options.required
    textual = field.cpp_type in _EMPTY_MEANS_ABSENT
    # Empty text is no value, unless it can be told that it was given and nobody minds. Zero is one, unless a number
    # must be given and it cannot be told whether it was. Empty text is no JSON.
    empty_is_absent = (textual and (required or not presence)) or (required and not presence) or bool(options.json_text)

    def check(message: Any, path: str) -> Iterable[Violation]:
        value = getattr(message, name)
        # What is not empty was given: no field of ours has a default of its own.
        if not value and (empty_is_absent or (presence and not message.HasField(name))):
            return (Violation(path + name, "must be given"),) if required else ()
        for violated in value_checks:
            words = violated(value)
            if words is not None:
                return (Violation(path + name, words),)
        return ()

    # Nothing that has to look in some way is a secret, which must not be kept.
    return _knowing_words(name, check) if options.pattern else check


def _knowing_words(name: str, check: FieldCheck) -> FieldCheck:
    """Return `check` for a field whose values are often words that come again and again."""
    known: set[str] = set()

    def check_unknown(message: Any, path: str) -> Iterable[Violation]:
        value = getattr(message, name)
        if value in known:
            return ()
        violations = check(message, path)
        if value and len(value) <= WORD_LENGTH and not violations:
            if len(known) == KNOWN_WORDS:
                known.clear()
            known.add(value)
        return violations

    return check_unknown


_EMPTY_MEANS_ABSENT: Final = frozenset({FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_ENUM})


def _submessage_check(
    field: FieldDescriptor, options: options_pb2.FieldOptions, begun: dict[str, list[FieldCheck]]
) -> FieldCheck | None:
    inner = _message_check(field.message_type, begun)
    if inner is None and not options.required:
        return None
    name, required = field.name, options.required

    def check(message: Any, path: str) -> Iterable[Violation]:
        if not message.HasField(name):
            return (Violation(path + name, "must be given"),) if required else ()
        return inner(getattr(message, name), f"{path}{name}.") if inner is not None else ()

    return check


def _repeated_check(
    field: FieldDescriptor, options: options_pb2.FieldOptions, begun: dict[str, list[FieldCheck]]
) -> FieldCheck | None:
    counts = _count_checks(options)
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        # JSON is all that values of a map of ours are held to.
        return _map_check(field.name, counts, options) if counts or options.json_text else None
    inner = _message_check(field.message_type, begun)
    if field.enum_type is not None:
        inner = _item_check(_enum_check(field.enum_type, zero=False))
    elif options.json_text:
        inner = _item_check(_json_check(options))
    return _counted(field.name, counts, inner) if counts or inner is not None else None


def _map_check(name: str, counts: Sequence[ValueCheck], options: options_pb2.FieldOptions) -> FieldCheck:
    check_count = _counted(name, counts, None)
    violated = _json_check(options) if options.json_text else lambda _value: None

    def check(message: Any, path: str) -> Iterator[Violation]:
        yield from check_count(message, path)
        for key, value in getattr(message, name).items():
            words = violated(value)
            if words is not None:
                yield Violation(f"{path}{name}[{str(key)!r}]", words)

    return check


def _item_check(violated: ValueCheck) -> MessageCheck:
    def find(item: Any, path: str) -> Sequence[Violation]:
        words = violated(item)
        return () if words is None else (Violation(path.removesuffix("."), words),)

    return find


def _counted(name: str, counts: Sequence[ValueCheck], inner: MessageCheck | None) -> FieldCheck:
    def check(message: Any, path: str) -> Iterator[Violation]:
        items = getattr(message, name)
        for violated in counts:
            words = violated(len(items))
            if words is not None:
                yield Violation(path + name, words)
                return
        if inner is not None:
            for position, item in enumerate(items):
                if inner(item, ""):  # the path is made only for an item that is to blame
                    yield from inner(item, f"{path}{name}[{position}].")

    return check


def _count_checks(options: options_pb2.FieldOptions) -> list[ValueCheck]:
    least = max(options.min if options.HasField("min") else 0, 1 if options.required else 0)
    checks: list[ValueCheck] = []
    if least:
        checks.append(_at_least(least, f"must have at least {_amount(least, 'item')}"))
    if options.HasField("max"):
        checks.append(_at_most(options.max, f"must have at most {_amount(options.max, 'item')}"))
    return checks


def _value_checks(field: FieldDescriptor, options: options_pb2.FieldOptions) -> list[ValueCheck]:
    if field.enum_type is not None:
        # "Unspecified" stands for a value that is absent, which a field with presence says in its own way.
        return [_enum_check(field.enum_type, zero=not field.has_presence)]
    unit = {FieldDescriptor.TYPE_STRING: "character", FieldDescriptor.TYPE_BYTES: "byte"}.get(field.type)
    checks = _range_checks(options, unit)
    if options.json_text:
        checks.append(_json_check(options))
    if options.pattern:
        checks.append(_pattern_check(options.pattern, options.pattern_words or f"match {options.pattern}"))
    return checks


def _range_checks(options: options_pb2.FieldOptions, unit: str | None) -> list[ValueCheck]:
    """Return the checks of a number, or of a length in `unit`s."""
    if unit is None and options.HasField("min") and options.HasField("max"):
        return [_between(options.min, options.max)]
    checks = []
    if options.HasField("min"):
        checks.append(_limit(_at_least, options.min, "at least", unit))
    if options.HasField("max"):
        checks.append(_limit(_at_most, options.max, "at most", unit))
    return checks


def _limit(make: Callable[[int, str], ValueCheck], limit: int, words: str, unit: str | None) -> ValueCheck:
    if unit is None:
        return make(limit, f"must be {words} {limit:,}")
    by_length = make(limit, f"must be {words} {_amount(limit, unit)} long")
    return lambda value: by_length(len(value))


def _at_least(least: int, words: str) -> ValueCheck:
    # Written so that NaN, which is neither smaller nor larger than anything, is refused.
    return lambda value: None if value >= least else words


def _at_most(most: int, words: str) -> ValueCheck:
    return lambda value: None if value <= most else words


def _between(least: int, most: int) -> ValueCheck:
    words = f"must be between {least:,} and {most:,}"
    # NaN is neither.
    return lambda value: None if least <= value <= most else words


def _pattern_check(pattern: str, words: str) -> ValueCheck:
    match = re.compile(pattern).fullmatch
    sentence = f"must {words}"
    return lambda value: None if not value or match(value) else sentence


def _json_check(options: options_pb2.FieldOptions) -> ValueCheck:
    of_object = options.json_text == options_pb2.FieldOptions.JSON_TEXT_OBJECT
    return json_text.fault_of_object if of_object else json_text.fault


def _enum_check(enum: EnumDescriptor, *, zero: bool) -> ValueCheck:
    """Return the check that a number is a value of `enum`. `zero`: whether "unspecified" will do."""
    known = {value.number for value in enum.values if zero or value.number != 0}
    names = (
        value.GetOptions().Extensions[options_pb2.enum_value].json_name or value.name
        for value in enum.values
        if value.number != 0
    )
    words = f"must be one of {', '.join(names)}"
    return lambda value: None if value in known else words


def _amount(count: int, unit: str) -> str:
    return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"
