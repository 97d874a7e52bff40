"""The body of an HTTP request into a request message."""

from collections.abc import Callable, Sequence

from google.protobuf.message import Message

from gateway.codec import parse
from gateway.codec.errors import ParseError
from gateway.codec.json_text import load
from gateway.codec.parser import field_parser
from gateway.contract import HttpBinding, Method

Headers = Sequence[tuple[bytes, bytes]]
ReadBody = Callable[[bytes, Headers], Message]

# Carries bytes with their content type, untouched.
HTTP_BODY = "google.api.HttpBody"


def compile_body(method: Method, binding: HttpBinding) -> ReadBody:
    """Return the function that makes the request from a body; what the body does not cover stays unset.

    An empty body is an empty message, or an unset field. The function raises ParseError.
    """
    if binding.body == "":
        return lambda _body, _headers: method.input_class()
    if binding.body == "*":
        return _whole_reader(method)
    return _field_reader(method, binding.body)


def _whole_reader(method: Method) -> ReadBody:
    input_class, dialect = method.input_class, method.dialect
    if method.input.full_name == HTTP_BODY:
        return lambda body, headers: input_class(content_type=content_type(headers), data=body)
    return lambda body, _headers: parse(body, input_class, dialect) if body else input_class()


def _field_reader(method: Method, name: str) -> ReadBody:
    input_class = method.input_class
    field = method.input.fields_by_name[name]
    if field.message_type is not None and field.message_type.full_name == HTTP_BODY and not field.is_repeated:
        return lambda body, headers: input_class(**{name: {"content_type": content_type(headers), "data": body}})
    parse_field = field_parser(field, method.dialect)

    def read_field(body: bytes, _headers: Headers) -> Message:
        if not body:
            return input_class()
        try:
            return input_class(**{name: parse_field(load(body))})
        except ParseError as refusal:
            raise refusal.inside(name) from refusal

    return read_field


def content_type(headers: Headers) -> str:
    """Value of the header Content-Type; empty when there is none."""
    return next((value.decode("latin-1") for name, value in headers if name == b"content-type"), "")
