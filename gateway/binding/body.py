"""The body of an HTTP request into a request message."""

import re
from collections.abc import Callable, Sequence
from typing import Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from gateway.codec import parser, value_parser
from gateway.codec.enum_words import NULL_VALUE
from gateway.codec.errors import ParseError
from gateway.contract.services import HttpBinding, Method
from gateway.errors import UnsupportedMediaType

Headers = Sequence[tuple[bytes, bytes]]
ReadBody = Callable[[bytes, Headers], Message]

# Carries bytes with their content type, untouched.
HTTP_BODY: Final = "google.api.HttpBody"
# RFC 8259, section 11: no parameter of the type has a meaning, so that a charset is not looked at.
_JSON_TYPE: Final = re.compile(rb"\s*(application/json|text/json|[^/;\s]+/[^/;\s]+\+json)\s*(;.*)?", re.IGNORECASE)
_NULL: Final = re.compile(rb"[ \t\r\n]*null[ \t\r\n]*")


def compile_body(method: Method, binding: HttpBinding) -> ReadBody:
    """Return the function that makes the request from a body; what the body does not cover stays unset.

    An empty body is an empty message, or an unset field. The function raises ParseError, and UnsupportedMediaType when
    the body says that it is no JSON.
    """
    if binding.body == "":
        return lambda _body, _headers: method.input_class()
    if binding.body == "*":
        return _whole_reader(method)
    return _field_reader(method, binding)


def _whole_reader(method: Method) -> ReadBody:
    input_class = method.input_class
    if method.input.full_name == HTTP_BODY:
        return lambda body, headers: input_class(content_type=content_type(headers), data=body)
    parse = parser(method.input, method.dialect)

    def read_whole(body: bytes, headers: Headers) -> Message:
        if not body:
            return input_class()
        check_json(headers)
        message: Message = parse(body)
        return message

    return read_whole


def _field_reader(method: Method, binding: HttpBinding) -> ReadBody:
    name, input_class = binding.body, method.input_class
    field = method.input.fields_by_name[name]
    if field.message_type is not None and field.message_type.full_name == HTTP_BODY and not field.is_repeated:
        return lambda body, headers: input_class(**{name: {"content_type": content_type(headers), "data": body}})
    parse = value_parser(field, method.dialect)
    null_is_unset = not _takes_null(field)

    def read_field(body: bytes, headers: Headers) -> Message:
        if not body:
            return input_class()
        check_json(headers)
        # ProtoJSON: null stands for a field that is not set.
        if null_is_unset and _NULL.fullmatch(body):
            return input_class()
        try:
            message: Message = parse(body)
        except ParseError as refusal:
            raise refusal.inside(name) from refusal
        return message

    return read_field


def _takes_null(field: FieldDescriptor) -> bool:
    """Whether null is a value of its own."""
    if field.is_repeated:
        return False
    if field.message_type is not None:
        return field.message_type.full_name == "google.protobuf.Value"
    return field.enum_type is not None and field.enum_type.full_name == NULL_VALUE


def check_json(headers: Headers) -> None:
    """Raise UnsupportedMediaType if the body says that it is something else than JSON.

    http.proto is silent. A body without a type is taken for JSON. JSON under another name is not: a form on any web
    page can send text/plain and the two types of forms (fetch.spec.whatwg.org/#cors-safelisted-request-header), and a
    server that trusts cookies or the network a request comes from would obey it.
    """
    for name, value in headers:
        if name == b"content-type":
            if value != b"application/json" and value and not _JSON_TYPE.fullmatch(value):
                _refuse_unless_untold(value, headers)
            return


def _refuse_unless_untold(value: bytes, headers: Headers) -> None:
    """Let pass what curl and urllib say of any body whose sender did not say what it is.

    Browsers send Origin with every form that is posted (https://fetch.spec.whatwg.org/#origin-header), so without one
    it is no form of a web page.
    """
    untold = value.partition(b";")[0].strip().lower() == b"application/x-www-form-urlencoded"
    if not untold or any(name == b"origin" for name, _ in headers):
        raise UnsupportedMediaType("application/json")


def content_type(headers: Headers) -> str:
    """Value of the header Content-Type; empty when there is none."""
    return next((value.decode("latin-1") for name, value in headers if name == b"content-type"), "")
