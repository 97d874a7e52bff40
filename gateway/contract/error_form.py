"""What the refusals of a service look like."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from gateway_options.v1 import options_pb2

Shape: TypeAlias = "options_pb2.ServiceOptions.ErrorShape.ValueType"

NO_WORDS: Final[Mapping[int, "Words"]] = MappingProxyType({})


class Words(NamedTuple):
    """How a status is called; what is empty is left to the gateway."""

    phrase: str
    code: str


class ErrorForm(NamedTuple):
    """The shape of bodies, and what statuses are called in it."""

    shape: Shape = options_pb2.ServiceOptions.ERROR_SHAPE_UNSPECIFIED
    words: Mapping[int, Words] = NO_WORDS
    """By HTTP status."""


def error_form(options: options_pb2.ServiceOptions) -> ErrorForm:
    """Return the form that `options` ask for. Of several words for one status the last ones count.

    Raises:
        ValueError: there are words for what is no status of a refusal.
    """
    for one in options.status_words:
        if not 400 <= one.http_status <= 599:
            raise ValueError(f"status_words has {one.http_status}, which is no status of a refusal, 400 to 599")
    words = {one.http_status: Words(one.phrase, one.code) for one in options.status_words}
    return ErrorForm(options.error_shape, MappingProxyType(words))
