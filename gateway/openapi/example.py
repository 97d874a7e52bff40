"""Examples made from schemas: always the same ones, and valid by the schema they come from."""

import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.openapi.pattern_text import text_of_pattern

Json = dict[str, Any]

# Examples go so deep; below, only what is required is shown.
DEPTH: Final = 5
FORMATS: Final[Mapping[str, str]] = {"date-time": "2024-01-15T10:30:00Z", "int64": "1", "binary": ""}
# By the last word of a name.
NAMED_TEXTS: Final[Mapping[str, str]] = {
    "url": "https://example.com/",
    "uri": "https://example.com/",
    "email": "someone@example.com",
}
REFERENCE: Final = "#/components/schemas/"


class NoExample(Exception):
    """No value can be made up, or only an endless one."""


class Examples:
    """Makes examples of schemas, which may refer to `components`."""

    def __init__(self, components: Mapping[str, Json]) -> None:
        self._components = components

    def of(self, schema: Json, name: str) -> Any:
        """Return a value of `schema`; `name` is what it is called.

        Raises:
            NoExample: none can be made up.
        """
        return self._value(schema, name, ())

    def _value(self, schema: Json, name: str, inside: tuple[str, ...]) -> Any:
        for keyword in ("const", "default"):
            if keyword in schema:
                return schema[keyword]
        if "examples" in schema:
            return schema["examples"][0]
        if "$ref" in schema:
            return self._referred(schema["$ref"].removeprefix(REFERENCE), name, inside)
        if "enum" in schema:
            return _choice(schema["enum"])
        if "anyOf" in schema and "type" not in schema:
            return self._value(schema["anyOf"][0], name, inside)
        kind = schema.get("type")
        if isinstance(kind, list):
            # Bounds are stated for the number, where there is a choice.
            kind = "integer" if "integer" in kind else kind[0]
        if kind == "object":
            return self._object(schema, name, inside)
        if kind == "array":
            return self._array(schema, name, inside)
        return _scalar(kind, schema, name)

    def _referred(self, component: str, name: str, inside: tuple[str, ...]) -> Any:
        if component in inside or len(inside) >= DEPTH:
            raise NoExample
        return self._value(self._components[component], name, (*inside, component))

    def _object(self, schema: Json, name: str, inside: tuple[str, ...]) -> Json:
        found: Json = {}
        required = schema.get("required", ())
        rivals = [pair["required"] for pair in schema.get("not", {}).get("anyOf", ())]
        for key, member in schema.get("properties", {}).items():
            if any(key in pair and found.keys() & set(pair) for pair in rivals):
                continue
            try:
                found[key] = self._value(member, key, inside)
            except NoExample:
                if key in required:
                    if not is_nullable(member):
                        raise
                    found[key] = None
        values = schema.get("additionalProperties")
        if isinstance(values, dict) and values and not found:
            found["key"] = self._value(values, name, inside)
        return found

    def _array(self, schema: Json, name: str, inside: tuple[str, ...]) -> list[Any]:
        count = max(1, schema.get("minItems", 0))
        try:
            return [self._value(schema["items"], name, inside)] * count
        except NoExample:
            if schema.get("minItems"):
                raise
            return []


def is_nullable(schema: Json) -> bool:
    """Whether null is a value."""
    kind = schema.get("type")
    either = schema.get("anyOf", ())
    return kind == "null" or (isinstance(kind, list) and "null" in kind) or {"type": "null"} in either


def _choice(words: list[Any]) -> Any:
    """The first word; the zero value of an enum only when there is no other."""
    telling = [word for word in words if word is not None and not str(word).endswith("_UNSPECIFIED")]
    return telling[0] if telling else words[0]


def _scalar(kind: str | None, schema: Json, name: str) -> Any:
    if kind in ("integer", "number"):
        return _number(schema)
    if kind == "boolean":
        return True
    return None if kind == "null" else _text(schema, name)


def _number(schema: Json) -> int:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is not None and least > 1:
        return int(least)
    return int(most) if most is not None and most < 1 else 1


def _text(schema: Json, name: str) -> str:
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    if schema.get("contentEncoding") == "base64":
        return "aGVsbG8="
    pattern = schema.get("pattern", "")
    last_word = name.rpartition(".")[2].rpartition("_")[2]
    for text in (NAMED_TEXTS.get(last_word, name), text_of_pattern(pattern) or ""):
        fitting = text.ljust(schema.get("minLength", 0), "-")[: schema.get("maxLength")]
        if re.search(pattern, fitting):
            return fitting
    raise NoExample
