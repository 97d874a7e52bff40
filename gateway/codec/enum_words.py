"""How the values of an enum are written in JSON, and read."""

from dataclasses import dataclass
from functools import cache

from google.protobuf.descriptor import EnumDescriptor

from gateway.contract.options import enum_options, enum_value_options

# null in JSON; source: comments in google/protobuf/struct.proto.
NULL_VALUE = "google.protobuf.NullValue"


@dataclass(frozen=True, slots=True, eq=False)
class EnumWords:
    """The words of one enum."""

    texts: dict[int, str]
    """Number to the word in answers."""
    numbers: dict[str, int]
    """Every accepted word, JSON word or name, to its number."""
    takes_numbers: bool
    """Whether numbers are accepted beside words."""
    wanted: str
    """Completes "<field> ...": the words to choose from."""
    takes_any_number: bool
    """Whether numbers without a value are kept: an open enum whose values have no JSON words of their own."""


@cache
def enum_words(enum: EnumDescriptor, *, names_only: bool = False) -> EnumWords:
    """The words of `enum`: the JSON word of a value where an option gives one, its name otherwise. Or `names_only`."""
    texts: dict[int, str] = {}
    numbers: dict[str, int] = {}
    own_words: list[str] = []
    for value in enum.values:
        word = "" if names_only else enum_value_options(value).json_name
        if word:
            own_words.append(word)
        texts.setdefault(value.number, word or value.name)
        numbers[word or value.name] = value.number
    words_only = not names_only and enum_options(enum).words_only
    for value in enum.values:
        numbers.setdefault(value.name, value.number)
    if words_only:
        numbers = {word: numbers[word] for word in own_words}
    wanted = f"must be one of {', '.join(own_words or [value.name for value in enum.values])}"
    any_number = not own_words and not enum.is_closed
    return EnumWords(texts, numbers, not words_only, wanted, takes_any_number=any_number)
