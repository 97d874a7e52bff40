"""Loops over items, over numbers, and for as long as a condition holds."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from workers.workflow.blocks import Jump
from workers.workflow.errors import MissingInput, NodeFailed
from workers.workflow.graph_index import PAIRED_START
from workers.workflow.references import Constant, compile_text
from workers.workflow.registry import Given, Input, NodeType, Output, Result
from workers.workflow.step import Step
from workers.workflow.turns import ForLoop, WhileLoop
from workers.workflow.values import shown

CATEGORY = "control"

PORT_ALIASES = {"loop_body": "body", "loop": "body", "exec_out": "completed", "done": "completed", "exit": "completed"}
ENTRIES = ("exec_in", "loop_back", "loop_next", "loop_in")


def _for(given: Given, step: Step) -> Result:
    items, keys = _turns(given, step)
    return ForLoop(items, keys, given["item_var"], min(given["max_iterations"], step.limits.turns))


def _turns(given: Given, step: Step) -> tuple[Sequence[Any], Sequence[str] | None]:
    """Return what the turns are for: items, and their keys in an object."""
    items = given["items"]
    if items is None and given["list_var"]:
        items = step.scope.variables.get(given["list_var"])
    if given["mode"] == "range" or (items is None and given["end"] is not None):
        return _range(given), None
    if items is None:
        raise MissingInput("its input 'items' is missing")
    items = parsed(items)
    return (list(items.values()), list(items)) if isinstance(items, Mapping) else (items, None)


def _range(given: Given) -> range:
    start, end, step = given["start"], given["end"], given["step"]
    if end is None:
        raise MissingInput("its input 'end' is missing")
    if step == 0:
        raise NodeFailed("its input 'step' must not be 0")
    return range(start, end, step)


def parsed(items: Any) -> Any:
    """Return what can be gone through: a list, an object, the characters of a text; a text may be JSON of a list.

    Raises:
        NodeFailed: it is something else.
    """
    if isinstance(items, str):
        if not isinstance(compile_text(items), Constant):
            raise NodeFailed(f"its input 'items' is {shown(items)}, which means nothing here")
        if items.lstrip().startswith(("[", "{")):
            try:
                items = orjson.loads(items)
            except orjson.JSONDecodeError as error:
                raise NodeFailed(f"its input 'items' is neither a list nor JSON of one: {shown(items)}") from error
    if not isinstance(items, list | Mapping | str):
        raise NodeFailed(f"its input 'items' must be a list, an object or a text, not {shown(items)}")
    return items


def _while(given: Given, step: Step) -> Result:
    return WhileLoop(step.bound(), min(given["max_iterations"], step.limits.turns))


def _while_reopened(state: Any, step: Step) -> WhileLoop:
    limit, turns = state
    return WhileLoop(step.bound(), limit, turns=turns)


def _next_turn(_given: Given, step: Step) -> Result:
    return Jump("continue", _paired(step, PAIRED_START))


def _break(_given: Given, step: Step) -> Result:
    return Jump("break", _paired(step, "paired_loop_start_id", PAIRED_START))


def _continue(_given: Given, step: Step) -> Result:
    return Jump("continue", _paired(step, "paired_loop_start_id", PAIRED_START))


def _paired(step: Step, *names: str) -> str | None:
    return next((str(step.config[name]) for name in names if step.config.get(name)), None)


_TURNS = Input("max_iterations", "integer", default=1_000_000)

NODES = (
    NodeType(
        "ForLoopStartNode",
        CATEGORY,
        "Takes the way from body once for each item, then that from completed.",
        _for,
        inputs=(
            Input("items", aliases=("list", "collection", "iterable", "array")),
            Input("mode", "text", default="items", choices=("items", "range")),
            Input("list_var", "text", default=""),
            Input("item_var", "text", default="item", aliases=("item_variable", "loop_variable")),
            Input("start", "integer", default=0),
            Input("end", "integer", aliases=("stop",)),
            Input("step", "integer", default=1),
            _TURNS,
        ),
        outputs=(
            Output("current_item", aliases=("item",)),
            Output("current_index", "integer", aliases=("index",)),
            Output("current_key"),
        ),
        aliases=("ForEachNode", "ForLoopNode", "ForEachStartNode"),
        exec_ports=("body", "completed"),
        port_aliases=PORT_ALIASES,
        exec_inputs=ENTRIES,
        reopen=lambda state, _: ForLoop.reopened(state),
    ),
    NodeType(
        "ForLoopEndNode",
        CATEGORY,
        "Ends a turn of the loop it is paired with, or of the innermost one.",
        _next_turn,
        aliases=("ForEachEndNode",),
        port_aliases={"loop_back": "exec_out"},
        role="part",
    ),
    NodeType(
        "WhileLoopStartNode",
        CATEGORY,
        "Takes the way from body for as long as its condition holds, then that from completed.",
        _while,
        inputs=(Input("condition", "condition", required=True, aliases=("expression",)), _TURNS),
        outputs=(Output("current_iteration", "integer", aliases=("iteration",)),),
        aliases=("WhileNode", "WhileLoopNode"),
        exec_ports=("body", "completed"),
        port_aliases=PORT_ALIASES,
        exec_inputs=ENTRIES,
        reopen=_while_reopened,
    ),
    NodeType(
        "WhileLoopEndNode",
        CATEGORY,
        "Ends a turn of the loop it is paired with, or of the innermost one.",
        _next_turn,
        port_aliases={"loop_back": "exec_out"},
        role="part",
    ),
    NodeType("BreakNode", CATEGORY, "Ends the loop around it, or the one it is paired with.", _break),
    NodeType("ContinueNode", CATEGORY, "Ends the turn of the loop around it.", _continue),
)
