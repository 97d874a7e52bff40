"""A small language for conditions: `{{count}} > 10 and len({{items}}) > 0`, `'a' in name.lower()`.

Comparison, and/or/not, in, arithmetic, and functions over texts, numbers, lists and objects; no loops, no assignment,
no way to anything else. What it may cost is bounded by the length of the text and by the size of values. Pure.
"""

from workers.workflow.expressions.conditions import compile_condition, holds
from workers.workflow.expressions.parser import Expression, compile_expression

__all__ = ["Expression", "compile_condition", "compile_expression", "holds"]
