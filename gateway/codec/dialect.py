"""How messages are spelled in JSON: strict ProtoJSON, or what a service asks for instead."""

import enum
from dataclasses import dataclass, field, fields
from typing import Final


class Nulls(enum.Enum):
    """What an answer says about fields that hold no value."""

    PROTO_JSON = enum.auto()
    """Fields without presence are left out at their default, others when unset."""
    NULL = enum.auto()
    """Every key is sent: null for an unset field with presence, the default for one without.

    A google.protobuf.Value cannot tell the two apart: unset goes out as null, null comes in as a null value.
    """
    OMIT = enum.auto()
    """Unset fields with presence are left out; all others are sent."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Deviations from ProtoJSON. Without arguments it is ProtoJSON, as strict as the conformance suite wants it."""

    proto_names: bool = False
    """Keys of answers are the names of the .proto file. Requests always accept these and the JSON names."""
    nulls: Nulls = Nulls.PROTO_JSON
    """Fields without a value in answers."""
    offset_times: bool = False
    """Timestamps of answers end with +00:00 and have no or six digits of fraction."""
    number_integers: bool = False
    """Every integer is a JSON number in answers; requests must not quote one."""
    number_enums: bool = False
    """Enums are numbers in answers."""
    heeds_options: bool = False
    """Options of fields and enum values in the contract go before what is said here. False: as if there were none."""
    ignore_unknown_fields: bool = False
    """Keys a message does not know are skipped instead of refused."""
    ignore_unknown_enums: bool = False
    """Names an enum does not know are skipped, with the field or element that holds them, instead of refused."""
    ignore_unknown_parameters: bool = False
    """Query parameters a request does not know are skipped instead of refused."""
    # Hashed once: a dialect is part of the key under which compiled functions are found, at every call.
    _hash: int = field(init=False, repr=False, compare=False, default=0)

    def __post_init__(self) -> None:
        values = tuple(getattr(self, each.name) for each in fields(self) if each.compare)
        object.__setattr__(self, "_hash", hash(values))

    def __hash__(self) -> int:
        return self._hash


STRICT: Final = Dialect()
