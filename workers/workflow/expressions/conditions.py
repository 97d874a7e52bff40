"""Conditions of nodes: an expression as text, or a value that is true or not.

A text from the configuration is an expression; a value that came through a reference or a connection is never read as
one, so that nothing a page or a file says is evaluated.
"""

from typing import Any

from workers.workflow.expressions.parser import compile_expression
from workers.workflow.references import Constant, Reference, Resolve, compile_value, parse, resolved
from workers.workflow.values import boolean


def compile_condition(written: Any) -> Constant | Resolve:
    """Return what tells whether the condition of a configuration holds.

    Raises:
        ExpressionInvalid: it is a text, and not an expression.
    """
    if not isinstance(written, str):
        return Constant(boolean(written))
    pieces = parse(written.strip())
    if len(pieces) == 1 and isinstance(pieces[0], Reference):
        value = compile_value(written.strip())
        return lambda scope: holds(resolved(value, scope), written)
    if not written.strip():
        return Constant(False)
    expression = compile_expression(written)
    return lambda scope: boolean(expression(scope))


def holds(value: Any, written: str) -> bool:
    """Tell whether a value that stands alone counts as true; a reference that means nothing does not."""
    return value != written.strip() and boolean(value)
