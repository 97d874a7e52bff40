"""JSON values and plain text to scalars of protobuf: integers, floats, booleans, strings, bytes and enums.

Each function returns what a message constructor takes, or raises ParseError with the words that follow the name of the
field.
"""

import math
import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections.abc import Callable, Mapping
from typing import Any, Final

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from gateway.codec.dialect import Dialect
from gateway.codec.enum_words import EnumWords, enum_words
from gateway.codec.errors import ParseError

ParseValue = Callable[[Any], Any]


class Skipped:
    """Stands for a value that is to be left out: an unknown word of an enum, where the dialect ignores these."""


SKIPPED: Final = Skipped()

_INT32: Final = (-(2**31), 2**31 - 1)
_UINT32: Final = (0, 2**32 - 1)
_INT64: Final = (-(2**63), 2**63 - 1)
_UINT64: Final = (0, 2**64 - 1)
INTEGER_BOUNDS: Final[Mapping[int, tuple[int, int]]] = {
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_SINT32: _INT32,
    FieldDescriptor.TYPE_SFIXED32: _INT32,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_FIXED32: _UINT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_SINT64: _INT64,
    FieldDescriptor.TYPE_SFIXED64: _INT64,
    FieldDescriptor.TYPE_UINT64: _UINT64,
    FieldDescriptor.TYPE_FIXED64: _UINT64,
}
# Halfway between the largest 32-bit float and the next power of two; from here on rounding gives infinity.
_FLOAT32_LIMIT: Final = 3.4028235677973366e38

_INTEGER_TEXT: Final = re.compile(r"-?(0|[1-9][0-9]{0,19})")
# Source: RFC 8259, section 6.
_NUMBER_TEXT: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_FLOAT_WORDS: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_URL_SAFE: Final = str.maketrans("-_", "+/")


def scalar_parser(field: FieldDescriptor, dialect: Dialect) -> ParseValue:
    """The function that reads one JSON value as a value of `field`, which is no message."""
    if field.type in INTEGER_BOUNDS:
        return _integer_parser(*INTEGER_BOUNDS[field.type], quoted=not dialect.number_integers)
    if field.enum_type is not None:
        return _enum_parser(field.enum_type, dialect)
    return _PARSERS[field.type]


def text_parser(field: FieldDescriptor) -> Callable[[str], Any]:
    """The function that reads plain text, as in a path or a query, as a value of `field`, which is no message."""
    if field.type in INTEGER_BOUNDS:
        low, high = INTEGER_BOUNDS[field.type]
        return lambda text: _within(_integer_of_text(text), low, high)
    if field.enum_type is not None:
        words = enum_words(field.enum_type)
        return lambda text: _enum_of_text(text, words)
    return _TEXT_PARSERS[field.type]


def _integer_parser(low: int, high: int, *, quoted: bool) -> ParseValue:
    def parse_integer(value: Any) -> int:
        if type(value) is int:
            return value if low <= value <= high else _within(value, low, high)
        if type(value) is float and value.is_integer():
            return _within(int(value), low, high)
        if type(value) is str and quoted:
            return _within(_integer_of_text(value), low, high)
        raise ParseError("must be an integer")

    return parse_integer


def _within(value: int, low: int, high: int) -> int:
    if low <= value <= high:
        return value
    raise ParseError(f"must be an integer from {low} to {high}")


def _integer_of_text(text: str) -> int:
    if _INTEGER_TEXT.fullmatch(text):
        return int(text)
    # 1e3 and 1.0 are integers in ProtoJSON.
    if _NUMBER_TEXT.fullmatch(text):
        number = float(text)
        if number.is_integer():
            return int(number)
    raise ParseError("must be an integer")


def _parse_double(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    if type(value) is str:
        return _double_of_text(value)
    raise ParseError("must be a number")


def _double_of_text(text: str) -> float:
    if text in _FLOAT_WORDS:
        return _FLOAT_WORDS[text]
    if not _NUMBER_TEXT.fullmatch(text):
        raise ParseError("must be a number")
    number = float(text)
    if math.isinf(number):
        raise ParseError("must be a number that fits into 64 bits")
    return number


def _parse_float(value: Any) -> float:
    return _fitting_float(_parse_double(value))


def _fitting_float(number: float) -> float:
    if abs(number) >= _FLOAT32_LIMIT and not math.isinf(number):
        raise ParseError("must be a number that fits into 32 bits")
    return number


def _parse_bool(value: Any) -> bool:
    if type(value) is bool:
        return value
    raise ParseError("must be true or false")


def bool_of_text(text: str) -> bool:
    """True for "true", False for "false", nothing else."""
    if text not in ("true", "false"):
        raise ParseError("must be true or false")
    return text == "true"


def _parse_string(value: Any) -> str:
    if type(value) is str:
        return value
    raise ParseError("must be a string")


def _parse_bytes(value: Any) -> bytes:
    if type(value) is str:
        return _bytes_of_text(value)
    raise ParseError("must be text in base64")


def _bytes_of_text(text: str) -> bytes:
    """Standard or URL-safe alphabet, padded or not."""
    plain = text.rstrip("=").translate(_URL_SAFE)
    try:
        return a2b_base64(plain + "=" * (-len(plain) % 4), strict_mode=True)
    except (Base64Error, ValueError) as error:
        raise ParseError("must be text in base64") from error


def _enum_parser(enum: EnumDescriptor, dialect: Dialect) -> ParseValue:
    words = enum_words(enum, names_only=not dialect.heeds_options)
    numbers = words.numbers

    def parse_enum(value: Any) -> int | Skipped:
        if type(value) is str:
            number = numbers.get(value)
            if number is not None:
                return number
            if dialect.ignore_unknown_enums:
                return SKIPPED
        elif words.takes_numbers and (type(value) is int or (type(value) is float and value.is_integer())):
            return _enum_number(int(value), words, dialect)
        raise ParseError(words.wanted)

    return parse_enum


def _enum_number(number: int, words: EnumWords, dialect: Dialect) -> int | Skipped:
    if number in words.texts:
        return number
    if words.takes_any_number:
        return _within(number, *_INT32)
    if dialect.ignore_unknown_enums:
        return SKIPPED
    raise ParseError(words.wanted)


def _enum_of_text(text: str, words: EnumWords) -> int:
    number = words.numbers.get(text)
    if number is None and words.takes_numbers and _INTEGER_TEXT.fullmatch(text):
        number = int(text)
        if number not in words.texts and not words.takes_any_number:
            raise ParseError(words.wanted)
        return _within(number, *_INT32)
    if number is None:
        raise ParseError(words.wanted)
    return number


_PARSERS: Final[Mapping[int, ParseValue]] = {
    FieldDescriptor.TYPE_DOUBLE: _parse_double,
    FieldDescriptor.TYPE_FLOAT: _parse_float,
    FieldDescriptor.TYPE_BOOL: _parse_bool,
    FieldDescriptor.TYPE_STRING: _parse_string,
    FieldDescriptor.TYPE_BYTES: _parse_bytes,
}
_TEXT_PARSERS: Final[Mapping[int, Callable[[str], Any]]] = {
    FieldDescriptor.TYPE_DOUBLE: _double_of_text,
    FieldDescriptor.TYPE_FLOAT: lambda text: _fitting_float(_double_of_text(text)),
    FieldDescriptor.TYPE_BOOL: bool_of_text,
    FieldDescriptor.TYPE_STRING: str,
    FieldDescriptor.TYPE_BYTES: _bytes_of_text,
}
