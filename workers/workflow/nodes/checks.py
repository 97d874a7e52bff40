"""A value turned into another, and a value that is looked at."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from workers.workflow.errors import NodeFailed
from workers.workflow.expressions import compile_expression
from workers.workflow.expressions.functions import FUNCTIONS
from workers.workflow.expressions.operators import contains
from workers.workflow.nodes.lists import at_path
from workers.workflow.patterns import compiled, matches
from workers.workflow.registry import EXEC_OUT, Given, Input, Leave, NodeType, Output, Result
from workers.workflow.step import Step
from workers.workflow.values import as_text, boolean, number, number_or_none, same, shown

CATEGORY = "data"

# A value and the parameter of the node, which most have no use for.
Change = Callable[[Any, Any], Any]


def _list(value: Any, _parameter: Any) -> Any:
    if isinstance(value, list):
        return value
    return list(value.values()) if isinstance(value, Mapping) else [] if value is None else [value]


def _parsed(value: Any, _parameter: Any) -> Any:
    try:
        return orjson.loads(value) if isinstance(value, str) else value
    except orjson.JSONDecodeError as error:
        raise NodeFailed(f"its input 'value' is not JSON: {error}") from error


def _pair(value: Any, parameter: Any) -> Any:
    if not isinstance(parameter, list) or len(parameter) != 2:
        raise NodeFailed("its input 'parameter' must be a list of two texts: what to replace, and by what")
    return FUNCTIONS["replace"][0](value, *parameter)


_CHANGES: Final[Mapping[str, Change]] = {
    "none": lambda value, _: value,
    "to_string": lambda value, _: as_text(value),
    "to_int": lambda value, _: math.trunc(number(value)),
    "to_float": lambda value, _: float(number(value)),
    "to_bool": lambda value, _: boolean(value),
    "to_list": _list,
    "to_json": lambda value, _: orjson.dumps(value).decode(),
    "from_json": _parsed,
    "upper": lambda value, _: as_text(value).upper(),
    "lower": lambda value, _: as_text(value).lower(),
    "title": lambda value, _: as_text(value).title(),
    "trim": lambda value, _: as_text(value).strip(),
    "length": lambda value, _: len(value if isinstance(value, list | Mapping) else as_text(value)),
    "split": lambda value, by: FUNCTIONS["split"][0](value, by),
    "join": lambda value, by: FUNCTIONS["join"][0](_list(value, None), as_text("," if by is None else by)),
    "replace": _pair,
    "keys": lambda value, _: FUNCTIONS["keys"][0](value),
    "values": lambda value, _: FUNCTIONS["values"][0](value),
    "reverse": lambda value, _: (value if isinstance(value, list) else as_text(value))[::-1],
    "round": lambda value, digits: FUNCTIONS["round"][0](value, digits or 0),
    "get_property": lambda value, path: at_path(value, as_text(path)),
}
_OTHER_NAMES: Final[Mapping[str, str]] = {
    "to_text": "to_string",
    "to_integer": "to_int",
    "to_number": "to_float",
    "to_boolean": "to_bool",
    "parse_json": "from_json",
    "uppercase": "upper",
    "lowercase": "lower",
    "strip": "trim",
}


def _transform(given: Given, step: Step) -> Result:
    value, expression = given["value"], given["expression"]
    if expression:
        scope = step.scope.branch()
        scope.blocks.append({"value": value, "input": value})
        return {"result": compile_expression(expression)(scope)}
    name = given["transform_type"]
    return {"result": _CHANGES[_OTHER_NAMES.get(name, name)](value, given["parameter"])}


def _is_number(value: Any, *, whole: bool) -> bool:
    found = number_or_none(value)
    return found is not None and (not whole or found == int(found))


def _is_url(value: Any) -> bool:
    try:
        parts = urlsplit(as_text(value))
        return parts.scheme in ("http", "https", "ftp") and bool(parts.hostname)
    except ValueError:
        return False


def _size(value: Any) -> int:
    return len(value if isinstance(value, list | Mapping) else as_text(value))


def _matches(value: Any, pattern: Any) -> bool:
    return any(place == 0 for place, _ in matches(compiled(as_text(pattern)), as_text(value)))


def _in_range(value: Any, bounds: Any) -> bool:
    if isinstance(bounds, str):
        bounds = bounds.split(",")
    if not isinstance(bounds, list) or len(bounds) != 2:
        raise NodeFailed("its input 'parameter' must be a list of two numbers, the ends of the range")
    found = number_or_none(value)
    return found is not None and number(bounds[0]) <= found <= number(bounds[1])


def _bound(parameter: Any) -> int | float:
    try:
        return number(parameter)
    except NodeFailed as failure:
        raise NodeFailed(f"its input 'parameter' {failure.reason}") from failure


_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s.]{1,63}(\.[^@\s.]{1,63}){1,8}")

# What is said of a value, and whether it is true.
_CHECKS: Final[Mapping[str, tuple[str, Callable[[Any, Any], bool]]]] = {
    "not_empty": ("must not be empty", lambda value, _: value not in (None, "", [], {})),
    "is_string": ("must be a text", lambda value, _: isinstance(value, str)),
    "is_number": ("must be a number", lambda value, _: _is_number(value, whole=False)),
    "is_integer": ("must be a whole number", lambda value, _: _is_number(value, whole=True)),
    "is_boolean": ("must be true or false", lambda value, _: isinstance(value, bool)),
    "is_list": ("must be a list", lambda value, _: isinstance(value, list)),
    "is_dict": ("must be an object", lambda value, _: isinstance(value, Mapping)),
    "is_email": ("must be a mail address", lambda value, _: _EMAIL.fullmatch(as_text(value)[:1000]) is not None),
    "is_url": ("must be a URL", lambda value, _: _is_url(value)),
    "matches_regex": ("must match {parameter}", _matches),
    "min_length": ("must have at least {parameter} parts", lambda value, least: _size(value) >= _bound(least)),
    "max_length": ("must have at most {parameter} parts", lambda value, most: _size(value) <= _bound(most)),
    "in_range": ("must be in {parameter}", _in_range),
    "in_list": ("must be one of {parameter}", lambda value, items: contains(value, items)),
    "equals": ("must be {parameter}", same),
    "contains": ("must contain {parameter}", lambda value, part: contains(part, value)),
}


def _validate(given: Given, step: Step) -> Result:
    value, parameter, edges = given["value"], given["parameter"], step.node.edges
    sentence, holds = _CHECKS[given["validation_type"]]
    valid = bool(holds(value, parameter))
    said = "" if valid else given["message"] or f"{shown(value)} {sentence.format(parameter=shown(parameter))}"
    outputs = {"is_valid": valid, "error_message": said}
    port = "valid" if valid else "invalid"
    if not valid and port not in edges and "valid" in edges:
        raise NodeFailed(said, error_type="ValidationFailed")
    return Leave(port if port in edges else EXEC_OUT, outputs)


NODES = (
    NodeType(
        "TransformNode",
        CATEGORY,
        "Turns a value into another: by an expression in which it is called value, or in one of the common ways.",
        _transform,
        inputs=(
            Input("value", aliases=("input", "data", "input_value")),
            Input("expression", "text", default="", raw=True, aliases=("transform_expression",)),
            Input(
                "transform_type",
                "text",
                default="none",
                choices=(*_CHANGES, *_OTHER_NAMES),
                aliases=("transform", "operation", "type", "to_type"),
            ),
            Input("parameter", aliases=("param", "transform_param", "separator", "property_path", "args")),
        ),
        outputs=(Output("result", aliases=("output", "value", "transformed")),),
        aliases=("TransformDataNode", "DataTransformNode"),
    ),
    NodeType(
        "ValidateNode",
        CATEGORY,
        "Looks at a value; leaves by valid or invalid where those lead anywhere, and else tells what it found.",
        _validate,
        inputs=(
            Input("value", aliases=("input", "data", "input_value")),
            Input(
                "validation_type",
                "text",
                default="not_empty",
                choices=tuple(_CHECKS),
                aliases=("rule", "type", "check", "validation"),
            ),
            Input("parameter", aliases=("param", "validation_param", "expected", "pattern", "range")),
            Input("message", "text", default="", aliases=("error_message",)),
        ),
        outputs=(Output("is_valid", "boolean", aliases=("valid", "result")), Output("error_message", "text")),
        aliases=("ValidateDataNode", "ValidationNode", "DataValidationNode"),
        exec_ports=("valid", "invalid", EXEC_OUT),
        port_aliases={"true": "valid", "false": "invalid", "on_valid": "valid", "on_invalid": "invalid"},
    ),
)
