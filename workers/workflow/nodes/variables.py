"""Variables of the run: set, read, count."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from workers.workflow.errors import NodeFailed
from workers.workflow.registry import Given, Input, NodeType, Output, Result
from workers.workflow.scope import MISSING
from workers.workflow.step import Step
from workers.workflow.values import CONVERTERS, number, whole_if_whole

CATEGORY = "variables"

# Words of files for the types of variables, lower case.
_TYPES: Final[Mapping[str, str]] = {
    "string": "text",
    "str": "text",
    "text": "text",
    "integer": "integer",
    "int": "integer",
    "float": "number",
    "number": "number",
    "boolean": "boolean",
    "bool": "boolean",
    "list": "list",
    "array": "list",
    "dict": "object",
    "object": "object",
}


def _set(given: Given, step: Step) -> Result:
    value = given["value"] if given["value"] is not None else given["default_value"]
    convert = _converter(given["variable_type"])
    if convert is not None and value is not None:
        try:
            value = convert(value)
        except NodeFailed as failure:
            raise NodeFailed(f"its input 'value' {failure.reason}") from failure
    step.set(given["variable_name"], value)
    return {"value": value}


def _converter(written: str) -> Callable[[Any], Any] | None:
    return CONVERTERS.get(_TYPES.get(written.lower(), "any"))


def _get(given: Given, step: Step) -> Result:
    name, default = given["variable_name"], given["default_value"]
    value = step.scope.find(name)
    if value is MISSING:
        if default is None:
            raise NodeFailed(f"there is no variable {name!r}")
        value = default
    return {"value": value}


def _increment(given: Given, step: Step) -> Result:
    name = given["variable_name"]
    before = step.scope.variables.get(name, 0)
    try:
        after = whole_if_whole(number(before) + given["increment"])
    except NodeFailed as failure:
        raise NodeFailed(f"the variable {name!r} {failure.reason}") from failure
    step.set(name, after)
    return {"value": after}


_NAME = Input("variable_name", "text", required=True, aliases=("name", "variable"))
_VALUE = Output("value", aliases=("result",))

NODES = (
    NodeType(
        "SetVariableNode",
        CATEGORY,
        "Sets a variable.",
        _set,
        inputs=(_NAME, Input("value"), Input("default_value"), Input("variable_type", "text", default="any")),
        outputs=(_VALUE,),
        aliases=("AssignVariableNode",),
    ),
    NodeType(
        "GetVariableNode",
        CATEGORY,
        "Gives out a variable, or a default where there is none of that name.",
        _get,
        inputs=(_NAME, Input("default_value", aliases=("default",))),
        outputs=(_VALUE,),
    ),
    NodeType(
        "IncrementVariableNode",
        CATEGORY,
        "Adds to a variable that is a number; one that is not there counts as 0.",
        _increment,
        inputs=(_NAME, Input("increment", "number", default=1, aliases=("amount", "by", "step"))),
        outputs=(_VALUE,),
        aliases=("IncrementNode",),
    ),
)
