"""Numbers: one operation, one comparison, an expression, chance."""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from workers.workflow.errors import NodeFailed
from workers.workflow.expressions import compile_expression
from workers.workflow.expressions.operators import COMPARISONS, contains, divide, power
from workers.workflow.registry import Given, Input, NodeType, Output, Result
from workers.workflow.step import Step
from workers.workflow.values import as_text, number, whole_if_whole

CATEGORY = "data"

_PAIRS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": divide,
    "floor_divide": lambda a, b: a // _divisor(b),
    "modulo": lambda a, b: a % _divisor(b),
    "power": power,
    "min": min,
    "max": max,
}
_SINGLES: Final[Mapping[str, Callable[[Any], Any]]] = {
    "abs": abs,
    "sqrt": math.sqrt,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "log": math.log,
    "log10": math.log10,
    "exp": math.exp,
    "negate": operator.neg,
}
_SIGNS: Final[Mapping[str, str]] = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "//": "floor_divide",
    "%": "modulo",
    "**": "power",
    "^": "power",
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "mod": "modulo",
    "pow": "power",
    "absolute": "abs",
}


def _math(given: Given, _step: Step) -> Result:
    name = given["operation"].strip().lower().replace(" ", "_")
    name = _SIGNS.get(name, name)
    if name == "length":  # the one operation that is not on numbers
        return {"result": len(given["a"] if isinstance(given["a"], list | Mapping) else as_text(given["a"]))}
    try:
        result = _computed(name, given["a"], given["b"])
    except (ValueError, OverflowError) as error:
        raise NodeFailed(f"{name} of {given['a']!r:.60} cannot be computed") from error
    digits = given["round_digits"]
    return {"result": whole_if_whole(result if digits is None else round(result, max(-20, min(20, digits))))}


def _computed(name: str, a: Any, b: Any) -> Any:
    if name in _PAIRS:
        return _PAIRS[name](_operand("a", a), _operand("b", b))
    if name in _SINGLES:
        return _SINGLES[name](_operand("a", a))
    known = ", ".join([*_PAIRS, *_SINGLES, "length"])
    raise NodeFailed(f"its input 'operation' must be one of {known}, not {name!r:.60}")


def _operand(name: str, value: Any) -> int | float:
    try:
        return number(value)
    except NodeFailed as failure:
        raise NodeFailed(f"its input {name!r} {failure.reason}") from failure


def _divisor(value: int | float) -> int | float:
    if value == 0:
        raise NodeFailed("division by zero")
    return value


_WORDS: Final[Mapping[str, str]] = {
    "equals": "==",
    "equal": "==",
    "eq": "==",
    "not equals": "!=",
    "not equal": "!=",
    "ne": "!=",
    "greater than": ">",
    "greater": ">",
    "gt": ">",
    "less than": "<",
    "less": "<",
    "lt": "<",
    "greater or equal": ">=",
    "greater than or equal": ">=",
    "gte": ">=",
    "ge": ">=",
    "less or equal": "<=",
    "less than or equal": "<=",
    "lte": "<=",
    "le": "<=",
}


def _comparison(given: Given, _step: Step) -> Result:
    written = given["operator"].strip().lower().replace("_", " ")
    # "greater than (>)" says it twice.
    sign = written[written.rindex("(") + 1 : -1] if written.endswith(")") and "(" in written else written
    sign = _WORDS.get(sign, sign)
    a, b = given["a"], given["b"]
    if sign == "contains":
        return {"result": contains(b, a)}
    if sign in ("starts with", "ends with"):
        text, part = as_text(a), as_text(b)
        return {"result": text.startswith(part) if sign == "starts with" else text.endswith(part)}
    if sign not in COMPARISONS:
        raise NodeFailed(f"its input 'operator' must be one of {', '.join(COMPARISONS)}, not {written!r:.60}")
    return {"result": bool(COMPARISONS[sign](a, b))}


def _evaluate(given: Given, step: Step) -> Result:
    return {"result": compile_expression(given["expression"])(step.scope)}


def _random_number(given: Given, step: Step) -> Result:
    low, high = sorted((given["min"], given["max"]))
    if isinstance(low, int) and isinstance(high, int):
        return {"result": step.random.randint(low, high)}
    return {"result": step.random.uniform(low, high)}


_RESULT = Output("result")

NODES = (
    NodeType(
        "MathOperationNode",
        CATEGORY,
        "Computes one operation of one or two numbers.",
        _math,
        inputs=(
            Input("a", default=0),
            Input("b", default=0),
            Input("operation", "text", default="add", aliases=("operator",)),
            Input("round_digits", "integer"),
        ),
        outputs=(Output("result", "number"),),
        aliases=("MathNode",),
    ),
    NodeType(
        "ComparisonNode",
        CATEGORY,
        "Compares two values.",
        _comparison,
        inputs=(Input("a"), Input("b"), Input("operator", "text", default="==", aliases=("operation",))),
        outputs=(Output("result", "boolean"),),
        aliases=("CompareNode",),
    ),
    NodeType(
        "EvalExpressionNode",
        CATEGORY,
        "Computes an expression.",
        _evaluate,
        inputs=(Input("expression", "text", required=True, raw=True),),
        outputs=(_RESULT,),
        aliases=("ExpressionNode",),
    ),
    NodeType(
        "RandomNumberNode",
        CATEGORY,
        "Gives out a number by chance; both ends belong to the range.",
        _random_number,
        inputs=(
            Input("min", "number", default=0, aliases=("min_value",)),
            Input("max", "number", default=100, aliases=("max_value",)),
        ),
        outputs=(Output("result", "number", aliases=("number", "value")),),
    ),
)
