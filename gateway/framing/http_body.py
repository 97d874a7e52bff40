"""google.api.HttpBody: bytes that pass through untouched."""

from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

HTTP_BODY: Final = "google.api.HttpBody"
UNKNOWN_TYPE: Final = b"application/octet-stream"


def is_http_body(descriptor: Descriptor | None) -> bool:
    """Whether messages of this type are bytes with a content type."""
    return descriptor is not None and descriptor.full_name == HTTP_BODY


def is_http_body_field(field: FieldDescriptor | None) -> bool:
    """Whether the field is a single HttpBody."""
    return field is not None and not field.is_repeated and is_http_body(field.message_type)


def content_of(body: Message) -> tuple[bytes, bytes]:
    """Content type and bytes of an HttpBody."""
    fields: Any = body
    content_type: str = fields.content_type
    data: bytes = fields.data
    return content_type.encode() if content_type else UNKNOWN_TYPE, data
