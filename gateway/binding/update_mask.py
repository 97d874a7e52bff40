"""The fields that a PATCH changes, read from its body when the request does not name them.

AIP-134: an update has a resource as its body and a field `update_mask`; without a mask, the fields that are given are
the ones to change. A message alone does not tell a field that was given its default from one that was not given, so the
mask is made from the JSON text. Source: https://google.aip.dev/134

Where the whole request is the body, the mask is a field like any other, as in grpc-gateway: nobody can say which part
of the request is the resource. But if none of its fields could be one, it is the request itself, and a null in it means
a field that is to be cleared, which a message cannot say. Then there is a mask of all that is given.
Source: https://grpc-ecosystem.github.io/grpc-gateway/docs/mapping/patch_feature
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from gateway.binding.parameter import fields_by_any_name
from gateway.codec.json_text import load
from gateway.codec.well_known_parser import WELL_KNOWN
from gateway.contract.options import field_options
from gateway.contract.services import HttpBinding, Method
from gateway.routing.path_template import parse_template

FillMask = Callable[[Message, bytes], None]
# The paths that a JSON value gives, None for no mask at all.
ReadPaths = Callable[[Any], Collection[str] | None]

UPDATE_MASK: Final = "update_mask"


def compile_update_mask(method: Method, binding: HttpBinding) -> FillMask | None:
    """Return the function that fills `update_mask` of a request that has none, from the body the request was read from.

    None when the binding is no PATCH of one message, or the request has no such field.
    """
    if binding.http_method != "PATCH" or not _is_mask(method.input.fields_by_name.get(UPDATE_MASK)):
        return None
    read_paths = _of_request(method, binding) if binding.body == "*" else _of_field(method, binding)
    if read_paths is None:
        return None

    def fill(request: Message, data: bytes) -> None:
        if request.HasField(UPDATE_MASK):
            return
        paths = read_paths(load(data) if data else None)
        if paths is not None:
            filled = getattr(request, UPDATE_MASK)
            # Without a path it is there all the same, and says that nothing changes.
            filled.SetInParent()
            filled.paths.extend(paths)

    return fill


def _of_field(method: Method, binding: HttpBinding) -> ReadPaths | None:
    """Return what reads the paths from a body that is one field; None when that is no resource."""
    body = method.input.fields_by_name.get(binding.body)
    if body is None or not _has_parts(body):
        return None
    resource: Any = body.message_type  # _has_parts has seen one
    return lambda given: list(_paths(resource, given))


def _of_request(method: Method, binding: HttpBinding) -> ReadPaths | None:
    """Return what reads the paths from a body that is the request; None when the resource may be a field of it."""
    if any(_has_parts(field) for field in method.input.fields):
        return None
    in_path = {variable.field_path for variable in parse_template(binding.template).variables}
    known = {
        key: field.name
        for key, field in fields_by_any_name(method.input).items()
        # Neither what tells which resource is meant, nor what is said of the request, belongs to the resource.
        if field.name not in in_path and field.name != UPDATE_MASK and not field_options(field).header
    }

    def read(given: Any) -> Collection[str] | None:
        paths = {known[key]: value for key, value in (given or {}).items() if key in known}
        return paths if None in paths.values() else None

    return read


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


def _is_mask(field: FieldDescriptor | None) -> bool:
    if field is None or field.is_repeated or field.message_type is None:
        return False
    return bool(field.message_type.full_name == "google.protobuf.FieldMask")


def _has_parts(field: FieldDescriptor) -> bool:
    """Whether the field is one message that is a JSON object with its fields as keys."""
    message_type: Descriptor | None = field.message_type
    return message_type is not None and not field.is_repeated and message_type.full_name not in WELL_KNOWN
