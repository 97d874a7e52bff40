"""Lists: made, read, filtered, mapped, joined. No node changes a list that it was given."""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from workers.workflow.errors import NodeFailed
from workers.workflow.expressions.operators import COMPARISONS, contains, joined
from workers.workflow.references import follow, reference_of
from workers.workflow.registry import Given, Input, NodeType, Output, Result
from workers.workflow.scope import MISSING
from workers.workflow.step import Step
from workers.workflow.values import as_text, boolean, number, same, whole_if_whole

CATEGORY = "lists"
# Beyond this no number can be kept.
_LARGEST: Final = 1e300
_ITEM_NAME: Final = re.compile(r"item_?\d+")


def _create(given: Given, _step: Step) -> Result:
    items = list(given["items"] or [])
    numbered = [name for name in given if _ITEM_NAME.fullmatch(name) and given[name] is not None]
    items += [given[name] for name in sorted(numbered, key=lambda name: int(name.removeprefix("item").strip("_")))]
    return {"list": items}


def _get(given: Given, _step: Step) -> Result:
    items, index = given["list"], given["index"]
    if -len(items) <= index < len(items):
        return {"item": items[index]}
    if given["default"] is not None:
        return {"item": given["default"]}
    raise NodeFailed(f"the list has {len(items)} items and no place {index}")


def _append(given: Given, _step: Step) -> Result:
    return {"result": [*given["list"], given["item"]]}


def _length(given: Given, _step: Step) -> Result:
    return {"length": len(given["list"])}


def _contains(given: Given, _step: Step) -> Result:
    index = next((place for place, item in enumerate(given["list"]) if same(item, given["item"])), -1)
    return {"contains": index >= 0, "index": index}


def at_path(value: Any, written: str) -> Any:
    """Return what a path such as "user.name" or "rows[0]" leads to within `value`, None where nothing is."""
    if not written:
        return value
    reference = reference_of(written, written if not written.startswith("[") else f"_{written}")
    if reference is None:
        raise NodeFailed(f"{written!r:.60} is not a path")
    path = reference.path if written.startswith("[") else (reference.name, *reference.path)
    found = follow(value, path)
    return None if found is MISSING else found


_CONDITIONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "equals": COMPARISONS["=="],
    "not_equals": COMPARISONS["!="],
    "contains": lambda item, value: item is not None and contains(value, item),
    "starts_with": lambda item, value: as_text(item).startswith(as_text(value)),
    "ends_with": lambda item, value: as_text(item).endswith(as_text(value)),
    "greater_than": COMPARISONS[">"],
    "less_than": COMPARISONS["<"],
    "greater_or_equal": COMPARISONS[">="],
    "less_or_equal": COMPARISONS["<="],
    "is_not_none": lambda item, _: item is not None,
    "is_none": lambda item, _: item is None,
    "is_truthy": lambda item, _: boolean(item),
    "is_falsy": lambda item, _: not boolean(item),
}
_ORDERED: Final = frozenset({"greater_than", "less_than", "greater_or_equal", "less_or_equal"})


def _filter(given: Given, _step: Step) -> Result:
    condition, value, path = given["condition"], given["value"], given["key_path"]
    holds = _CONDITIONS[condition]
    kept: list[Any] = []
    removed: list[Any] = []
    for item in given["list"]:
        looked_at = at_path(item, path)
        # What has no value has no place in an order.
        fits = not (looked_at is None and condition in _ORDERED) and holds(looked_at, value)
        (kept if fits else removed).append(item)
    return {"result": kept, "removed": removed, "count": len(kept)}


_TRANSFORMS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "get_property": lambda item: item,
    "to_string": as_text,
    "to_int": lambda item: math.trunc(number(item)),
    "to_float": lambda item: float(number(item)),
    "to_upper": lambda item: as_text(item).upper(),
    "to_lower": lambda item: as_text(item).lower(),
    "trim": lambda item: as_text(item).strip(),
    "length": lambda item: len(item if isinstance(item, list | Mapping) else as_text(item)),
}


def _map(given: Given, _step: Step) -> Result:
    transform, path = _TRANSFORMS[given["transform"]], given["key_path"]
    return {"result": [transform(at_path(item, path)) for item in given["list"]]}


def _join(given: Given, _step: Step) -> Result:
    return {"result": joined(given["separator"], map(as_text, given["list"]))}


def _slice(given: Given, _step: Step) -> Result:
    return {"result": given["list"][given["start"] : given["end"]]}


def _sort(given: Given, _step: Step) -> Result:
    path = given["key_path"]
    items = sorted(given["list"], key=lambda item: _order(at_path(item, path)), reverse=given["reverse"])
    return {"result": items}


def _order(value: Any) -> tuple[int, Any]:
    """Numbers by size, then texts, then what has no order, as it stands."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (0, value)
    return (1, value) if isinstance(value, str) else (2, 0)


def _reverse(given: Given, _step: Step) -> Result:
    return {"result": given["list"][::-1]}


def _unique(given: Given, _step: Step) -> Result:
    seen: set[str] = set()
    items: list[Any] = []
    for item in given["list"]:
        key = f"{type(item).__name__}:{as_text(item)}"
        if key not in seen:
            seen.add(key)
            items.append(item)
    return {"result": items}


def _reduce(given: Given, _step: Step) -> Result:
    values = [at_path(item, given["key_path"]) for item in given["list"]]
    operation = given["operation"]
    if operation == "count":
        return {"result": len(values)}
    if operation == "join":
        return {"result": joined("", map(as_text, values))}
    if operation in ("first", "last"):
        return {"result": (values[0] if operation == "first" else values[-1]) if values else given["initial"]}
    return {"result": whole_if_whole(_reduced(operation, list(map(number, values)), given["initial"]))}


def _reduced(operation: str, values: list[int | float], initial: Any) -> int | float:
    if operation == "sum":
        return sum(values) + number(initial or 0)
    if operation == "product":
        return _product([*values, number(1 if initial is None else initial)])
    if not values:
        raise NodeFailed(f"an empty list has no {operation}")
    if operation == "avg":
        return sum(values) / len(values)
    return min(values) if operation == "min" else max(values)


def _product(values: list[int | float]) -> int | float:
    product: int | float = 1
    for value in values:
        product *= value
        if abs(product) > _LARGEST:
            raise NodeFailed("the product is too large")
    return product


_LIST = Input("list", "list", required=True, aliases=("items", "input_list", "array"))
_PATH = Input("key_path", "text", default="", aliases=("key", "path", "property"))
_RESULT = Output("result", "list")

NODES = (
    NodeType(
        "CreateListNode",
        CATEGORY,
        "Makes a list of item_1, item_2 ...",
        _create,
        inputs=(Input("items", "list"),),
        outputs=(Output("list", "list", aliases=("result",)),),
        open_inputs=True,
    ),
    NodeType(
        "ListGetItemNode",
        CATEGORY,
        "Gives out one item; negative places count from the end.",
        _get,
        inputs=(_LIST, Input("index", "integer", default=0), Input("default", aliases=("default_value",))),
        outputs=(Output("item", aliases=("result", "value")),),
        aliases=("ListGetNode",),
    ),
    NodeType(
        "ListAppendNode",
        CATEGORY,
        "Makes a list with one more item.",
        _append,
        inputs=(Input("list", "list", default=[], aliases=("items", "input_list")), Input("item", aliases=("value",))),
        outputs=(Output("result", "list", aliases=("list",)),),
    ),
    NodeType(
        "ListLengthNode",
        CATEGORY,
        "Counts items.",
        _length,
        inputs=(_LIST,),
        outputs=(Output("length", "integer", aliases=("result", "count")),),
    ),
    NodeType(
        "ListContainsNode",
        CATEGORY,
        "Tells whether and where an item is in a list.",
        _contains,
        inputs=(_LIST, Input("item", aliases=("value",))),
        outputs=(Output("contains", "boolean", aliases=("result",)), Output("index", "integer")),
    ),
    NodeType(
        "ListFilterNode",
        CATEGORY,
        "Keeps the items that fit a condition.",
        _filter,
        inputs=(
            _LIST,
            Input("condition", "text", default="is_not_none", choices=tuple(_CONDITIONS), aliases=("operator",)),
            Input("value"),
            _PATH,
        ),
        outputs=(
            Output("result", "list", aliases=("filtered_list", "filtered")),
            Output("removed", "list"),
            Output("count", "integer"),
        ),
    ),
    NodeType(
        "ListMapNode",
        CATEGORY,
        "Changes each item.",
        _map,
        inputs=(_LIST, Input("transform", "text", default="to_string", choices=tuple(_TRANSFORMS)), _PATH),
        outputs=(Output("result", "list", aliases=("mapped_list",)),),
    ),
    NodeType(
        "ListReduceNode",
        CATEGORY,
        "Makes one value of all items.",
        _reduce,
        inputs=(
            _LIST,
            Input(
                "operation",
                "text",
                default="sum",
                choices=("sum", "product", "min", "max", "avg", "count", "first", "last", "join"),
            ),
            _PATH,
            Input("initial"),
        ),
        outputs=(Output("result"),),
    ),
    NodeType(
        "ListJoinNode",
        CATEGORY,
        "Makes a text of all items.",
        _join,
        inputs=(_LIST, Input("separator", "text", default=", ", aliases=("delimiter",))),
        outputs=(Output("result", "text"),),
        aliases=("TextJoinNode",),
    ),
    NodeType(
        "ListSliceNode",
        CATEGORY,
        "Cuts out a part; negative places count from the end.",
        _slice,
        inputs=(_LIST, Input("start", "integer", default=0), Input("end", "integer")),
        outputs=(_RESULT,),
    ),
    NodeType(
        "ListSortNode",
        CATEGORY,
        "Puts items in order.",
        _sort,
        inputs=(_LIST, Input("reverse", "boolean", default=False), _PATH),
        outputs=(Output("result", "list", aliases=("sorted_list",)),),
    ),
    NodeType(
        "ListReverseNode",
        CATEGORY,
        "Turns a list round.",
        _reverse,
        inputs=(_LIST,),
        outputs=(Output("result", "list", aliases=("reversed_list",)),),
    ),
    NodeType(
        "ListUniqueNode",
        CATEGORY,
        "Drops items that are there already.",
        _unique,
        inputs=(_LIST,),
        outputs=(Output("result", "list", aliases=("unique_list",)),),
    ),
)
