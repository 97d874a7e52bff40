"""Fills what a request leaves out: from headers, and with default values."""

from collections.abc import Callable, Iterator, Sequence

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.binding.parameter import Parameter, find_parameter
from gateway.codec.errors import ParseError
from gateway.contract.options import field_options
from gateway.contract.services import ContractInvalid

FillFromHeaders = Callable[[Message, Sequence[tuple[bytes, bytes]]], None]
FillDefaults = Callable[[Message], None]


def compile_headers(descriptor: Descriptor) -> FillFromHeaders | None:
    """Return the function that fills unset top-level fields from their headers; None when no field has one.

    The function takes headers with names in lower case and raises ParseError, which names the header.
    """
    sources: dict[bytes, tuple[str, Parameter]] = {}
    for field in descriptor.fields:
        header = field_options(field).header
        if header:
            sources[header.lower().encode()] = (header, find_parameter(descriptor, field.name))
    if not sources:
        return None

    def fill(message: Message, headers: Sequence[tuple[bytes, bytes]]) -> None:
        for name, value in headers:
            source = sources.get(name)
            if source is not None and not _is_set(message, source[1].field):
                try:
                    source[1].set(message, value.decode("latin-1"))
                except ParseError as refusal:
                    raise refusal.inside(source[0]) from refusal

    return fill


def _is_set(message: Message, field: FieldDescriptor) -> bool:
    return message.HasField(field.name) if field.has_presence else bool(getattr(message, field.name))


def compile_defaults(descriptor: Descriptor) -> FillDefaults | None:
    """Return the function that gives absent fields their `default_value`; None when no field has one.

    Fields of messages that are present are filled too, but for those in maps.

    Raises:
        ContractInvalid: a default is no value of its field, or its field cannot tell absent from zero.
    """
    types = _types_below(descriptor)
    own = {
        each: [_default(each, field) for field in each.fields if field_options(field).default_value] for each in types
    }
    fillers: dict[Descriptor, FillDefaults] = {}
    for each in _leading_to({each for each in types if own[each]}, types):
        fillers[each] = _filler(each, own[each], fillers)
    return fillers.get(descriptor)


def _types_below(root: Descriptor) -> list[Descriptor]:
    found = [root]
    for descriptor in found:  # grows while it is walked
        found.extend(inner for _, inner in _message_fields(descriptor) if inner not in found)
    return found


def _message_fields(descriptor: Descriptor) -> Iterator[tuple[FieldDescriptor, Descriptor]]:
    for field in descriptor.fields:
        inner: Descriptor | None = field.message_type
        if inner is not None and not inner.GetOptions().map_entry:
            yield field, inner


def _leading_to(targets: set[Descriptor], types: list[Descriptor]) -> set[Descriptor]:
    """Those of `types` that are in `targets` or hold, at any depth, a message that is."""
    leading: set[Descriptor] = set()
    wider = targets
    while wider != leading:
        leading = wider
        wider = leading | {each for each in types if any(inner in leading for _, inner in _message_fields(each))}
    return leading


def _filler(
    descriptor: Descriptor, own: list[tuple[Parameter, str]], fillers: dict[Descriptor, FillDefaults]
) -> FillDefaults:
    """`fillers` is looked into only when the function runs, so that a type may hold itself."""
    below = list(_message_fields(descriptor))

    def fill(message: Message) -> None:
        for parameter, text in own:
            if not message.HasField(parameter.field.name):
                parameter.set(message, text)
        for field, inner in below:
            fill_inner = fillers.get(inner)
            if fill_inner is None:
                continue
            if field.is_repeated:
                for item in getattr(message, field.name):
                    fill_inner(item)
            elif message.HasField(field.name):
                fill_inner(getattr(message, field.name))

    return fill


def _default(descriptor: Descriptor, field: FieldDescriptor) -> tuple[Parameter, str]:
    text = field_options(field).default_value
    oneof = field.containing_oneof
    if not field.has_presence or (oneof is not None and len(oneof.fields) > 1):
        raise ContractInvalid(f"{field.full_name}: a default_value needs an optional field outside of a oneof")
    parameter = find_parameter(descriptor, field.name)
    try:
        parameter.read(text)
    except ParseError as error:
        raise ContractInvalid(f"{field.full_name}: default_value {text!r} {error.predicate}") from error
    return parameter, text
