"""Objects (dicts) and JSON. No node changes an object that it was given."""

from collections.abc import Mapping
from typing import Any

import orjson

from workers.workflow.errors import NodeFailed
from workers.workflow.nodes.lists import at_path
from workers.workflow.registry import Given, Input, NodeType, Output, Result
from workers.workflow.step import Step
from workers.workflow.values import as_text, kept

CATEGORY = "objects"


def _create(given: Given, _step: Step) -> Result:
    made: dict[str, Any] = dict(given["pairs"] or {})
    for name, value in given.items():
        if name.startswith("key_") and value is not None:
            made[as_text(value)] = given.get(f"value_{name.removeprefix('key_')}")
    plain = {name: value for name, value in given.items() if name != "pairs" and not _numbered(name)}
    return {"dict": made | plain}


def _numbered(name: str) -> bool:
    return name.removeprefix("key_").removeprefix("value_").isdigit()


def _get(given: Given, _step: Step) -> Result:
    value, key = given["dict"], given["key"]
    found = value.get(key, given["default"])
    if found is None and "." in key:
        found = at_path(value, key)
    return {"value": found, "found": key in value}


def _set(given: Given, _step: Step) -> Result:
    return {"result": {**(given["dict"] or {}), given["key"]: given["value"]}}


def _merge(given: Given, _step: Step) -> Result:
    return {"result": {**(given["dict_1"] or {}), **(given["dict_2"] or {})}}


def _remove(given: Given, _step: Step) -> Result:
    return {"result": {key: value for key, value in given["dict"].items() if key != given["key"]}}


def _keys(given: Given, _step: Step) -> Result:
    return {"keys": list(given["dict"]), "count": len(given["dict"])}


def _values(given: Given, _step: Step) -> Result:
    return {"values": list(given["dict"].values())}


def _has_key(given: Given, _step: Step) -> Result:
    return {"result": given["key"] in given["dict"]}


def _parse_json(given: Given, step: Step) -> Result:
    text = given["json_string"]
    if not isinstance(text, str):
        return {"data": text}
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise NodeFailed(f"its input 'json_string' is not JSON: {error}") from error
    return {"data": kept(data, step.limits.value_bytes)[0]}


def _to_json(given: Given, _step: Step) -> Result:
    option = orjson.OPT_INDENT_2 if given["indent"] else None
    return {"result": orjson.dumps(given["value"], option=option).decode()}


def _property(given: Given, _step: Step) -> Result:
    source = given["object"]
    if not isinstance(source, Mapping | list):
        raise NodeFailed(f"its input 'object' must be an object or a list, not {source!r:.60}")
    found = at_path(source, given["property_path"].removeprefix("$").removeprefix("."))
    return {"value": given["default"] if found is None else found}


_DICT = Input("dict", "object", required=True, aliases=("dictionary", "object", "input_dict"))
_KEY = Input("key", "text", required=True, aliases=("key_name",))
_RESULT = Output("result", "object", aliases=("dict",))

NODES = (
    NodeType(
        "CreateDictNode",
        CATEGORY,
        "Makes an object of key_1, value_1 ..., and of whatever else it is given.",
        _create,
        inputs=(Input("pairs", "object", aliases=("values", "initial", "data", "dict")),),
        outputs=(Output("dict", "object", aliases=("result",)),),
        aliases=("DictCreateNode",),
        open_inputs=True,
    ),
    NodeType(
        "DictGetNode",
        CATEGORY,
        "Gives out the value under a key.",
        _get,
        inputs=(_DICT, _KEY, Input("default", aliases=("default_value",))),
        outputs=(Output("value", aliases=("result",)), Output("found", "boolean")),
    ),
    NodeType(
        "DictSetNode",
        CATEGORY,
        "Makes an object with a value under a key.",
        _set,
        inputs=(Input("dict", "object", aliases=_DICT.aliases), _KEY, Input("value")),
        outputs=(_RESULT,),
    ),
    NodeType(
        "DictMergeNode",
        CATEGORY,
        "Lays one object over another.",
        _merge,
        inputs=(
            Input("dict_1", "object", aliases=("dict1", "a", "base")),
            Input("dict_2", "object", aliases=("dict2", "b", "other")),
        ),
        outputs=(_RESULT,),
    ),
    NodeType(
        "DictRemoveNode", CATEGORY, "Makes an object without a key.", _remove, inputs=(_DICT, _KEY), outputs=(_RESULT,)
    ),
    NodeType(
        "DictKeysNode",
        CATEGORY,
        "Lists keys.",
        _keys,
        inputs=(_DICT,),
        outputs=(Output("keys", "list", aliases=("result",)), Output("count", "integer")),
    ),
    NodeType(
        "DictValuesNode",
        CATEGORY,
        "Lists values.",
        _values,
        inputs=(_DICT,),
        outputs=(Output("values", "list", aliases=("result",)),),
    ),
    NodeType(
        "DictHasKeyNode",
        CATEGORY,
        "Tells whether an object has a key.",
        _has_key,
        inputs=(_DICT, _KEY),
        outputs=(Output("result", "boolean", aliases=("has_key", "exists")),),
    ),
    NodeType(
        "JsonParseNode",
        CATEGORY,
        "Reads JSON.",
        _parse_json,
        inputs=(Input("json_string", required=True, aliases=("json", "text", "data", "json_text")),),
        outputs=(Output("data", aliases=("result", "parsed", "value", "output")),),
        aliases=("ParseJSONNode", "ParseJsonNode", "JSONParseNode"),
    ),
    NodeType(
        "DictToJsonNode",
        CATEGORY,
        "Writes JSON.",
        _to_json,
        inputs=(
            Input("value", required=True, aliases=("dict", "data", "object", "list")),
            Input("indent", default=None),
        ),
        outputs=(Output("result", "text", aliases=("json", "json_string")),),
        aliases=("JsonStringifyNode", "ToJSONNode", "JsonToStringNode"),
    ),
    NodeType(
        "GetPropertyNode",
        CATEGORY,
        "Gives out what a path such as user.names[0] leads to.",
        _property,
        inputs=(
            Input("object", required=True, aliases=("dict", "data", "json", "source")),
            Input("property_path", "text", required=True, aliases=("path", "property", "key", "json_path")),
            Input("default", aliases=("default_value",)),
        ),
        outputs=(Output("value", aliases=("result", "extracted_value")),),
        aliases=("JsonExtractNode", "JSONPathNode", "GetNestedPropertyNode"),
    ),
)
