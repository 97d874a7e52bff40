"""`details` of an event: from the Struct of the contract to JSON text, which is what is kept, and back. Pure."""

import math
from typing import Any, Final, NamedTuple

import orjson
from google.protobuf.struct_pb2 import Struct, Value

from server.clock import SECOND
from server.errors import InvalidArgument, TooLarge

# Source: the comment of `Event.details`.
LARGEST_BYTES: Final = 64 * 1024
# Objects and lists within one another. Each takes up to three of the hundred levels that protobuf reads, so what is
# stored can be sent to everybody; see `Limits` in google/protobuf/io/coded_stream.h.
DEEPEST: Final = 32
# An item of a list takes two bytes of JSON at least, and eleven as a number of a Struct.
_SURELY_TOO_LARGE: Final = 6 * LARGEST_BYTES
# Source: RFC 8259, section 6: whole numbers up to here are the same to everybody.
_EXACT: Final = 2.0**53

LOAD_TIME_KEY: Final = "load_time_ms"
_LONGEST_LOAD_MS: Final = 86_400_000
_MICROS_IN_MS: Final = SECOND // 1_000


class Details(NamedTuple):
    """Details as they are stored: JSON text of an object, and the micros that its `load_time_ms` stands for.

    None when it has none, or none that is a number from 0 to a day.
    """

    text: str
    load_time_micros: int | None


NONE: Final = Details("{}", None)


def from_message(details: Struct) -> Details:
    """Return `details` as they are stored. Whole numbers have no ".0".

    Raises:
        TooLarge: the text has more than 64 KiB of UTF-8.
        InvalidArgument: a number is not finite, or objects and lists are nested too deeply.
    """
    if details.ByteSize() > _SURELY_TOO_LARGE:
        raise _too_large()
    values = _object(details, DEEPEST)
    text = orjson.dumps(values)
    if len(text) > LARGEST_BYTES:
        raise _too_large()
    return Details(text.decode(), _load_time_micros(values.get(LOAD_TIME_KEY)))


def fill(message: Struct, text: str) -> None:
    """Put stored details into the empty `message`: in its place it is built in two thirds of the time of a copy."""
    message.SetInParent()  # also when there is nothing to put
    if text != NONE.text:
        message.update(orjson.loads(text))


def _load_time_micros(value: Any) -> int | None:
    # By type, because a boolean is an int to Python.
    if type(value) not in (int, float) or not 0 <= value <= _LONGEST_LOAD_MS:
        return None
    micros: int = round(value * _MICROS_IN_MS)
    return micros


def _object(struct: Struct, levels: int) -> dict[str, Any]:
    """Return `struct` as Python has objects. Nearly all fields of nearly all events are texts and numbers."""
    _check_depth(levels)
    # By key, because `items()` of a map of messages takes twice as long.
    fields = struct.fields
    values: dict[str, Any] = {}
    for key in fields:
        value = fields[key]
        kind = value.WhichOneof("kind")
        if kind == "string_value":
            values[key] = value.string_value
        elif kind == "number_value":
            values[key] = _number(value.number_value)
        else:
            values[key] = _other(value, kind, levels - 1)
    return values


def _other(value: Value, kind: str | None, levels: int) -> Any:
    match kind:
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return _object(value.struct_value, levels)
        case "list_value":
            _check_depth(levels)
            return [_item(item, levels - 1) for item in value.list_value.values]
    return None


def _item(value: Value, levels: int) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return value.string_value
    if kind == "number_value":
        return _number(value.number_value)
    return _other(value, kind, levels)


def _number(number: float) -> int | float:
    if number.is_integer() and -_EXACT <= number <= _EXACT:
        return int(number)
    if not math.isfinite(number):
        raise InvalidArgument.field("details", "must hold no number that is infinite or NaN")
    return number


def _check_depth(levels: int) -> None:
    if levels <= 0:
        raise InvalidArgument.field("details", f"must not be nested more than {DEEPEST} levels deep")


def _too_large() -> TooLarge:
    return TooLarge("details must have at most 64 KiB as JSON", field="details")
