"""The fields that a PATCH changes, read from its body when the request does not name them.

AIP-134: an update has a resource as its body and a field `update_mask`; without a mask, the fields that are given are
the ones to change. A message alone does not tell a field that was given its default from one that was not given, so the
mask is made from the JSON text. Source: https://google.aip.dev/134
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.binding.parameter import fields_by_any_name
from gateway.codec.json_text import load
from gateway.codec.well_known_parser import WELL_KNOWN
from gateway.contract.services import HttpBinding, Method

FillMask = Callable[[Message, bytes], None]

UPDATE_MASK: Final = "update_mask"


def compile_update_mask(method: Method, binding: HttpBinding) -> FillMask | None:
    """Return the function that fills `update_mask` of a request that has none, from the body the request was read from.

    None when the binding is no PATCH of one message, or the request has no such field.
    """
    mask = method.input.fields_by_name.get(UPDATE_MASK)
    body = method.input.fields_by_name.get(binding.body)
    if binding.http_method != "PATCH" or mask is None or body is None or not _has_parts(body):
        return None
    if mask.is_repeated or mask.message_type is None or mask.message_type.full_name != "google.protobuf.FieldMask":
        return None
    resource: Any = body.message_type  # _has_parts has seen one

    def fill(request: Message, data: bytes) -> None:
        if not request.HasField(UPDATE_MASK):
            filled = getattr(request, UPDATE_MASK)
            # Without a path it is there all the same, and says that nothing changes.
            filled.SetInParent()
            filled.paths.extend(_paths(resource, load(data) if data else None))

    return fill


def _paths(descriptor: Descriptor, given: Any, prefix: str = "") -> Iterator[str]:
    """Paths of the innermost fields that `given`, an object or null, has; by their names in the .proto file.

    Lists, maps and well-known types are changed as a whole, and so is what is null or an empty object.
    """
    known: Mapping[str, FieldDescriptor] = fields_by_any_name(descriptor)
    for key, value in (given or {}).items():
        field = known.get(key)
        if field is None:
            # An extension, or a key the dialect ignores.
            continue
        path = f"{prefix}{field.name}"
        if value and _has_parts(field):
            inner: Any = field.message_type
            yield from _paths(inner, value, f"{path}.")
        else:
            yield path


def _has_parts(field: FieldDescriptor) -> bool:
    """Whether the field is one message that is a JSON object with its fields as keys."""
    message_type: Descriptor | None = field.message_type
    return message_type is not None and not field.is_repeated and message_type.full_name not in WELL_KNOWN
