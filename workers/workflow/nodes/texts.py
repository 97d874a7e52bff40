"""Texts: put together, looked through, changed, cut."""

import re
from collections.abc import Callable
from typing import Any, Final

from workers.workflow.errors import NodeFailed
from workers.workflow.expressions.operators import LENGTH_LIMIT, joined
from workers.workflow.patterns import compiled, matches, replaced
from workers.workflow.references import follow, reference_of
from workers.workflow.registry import Given, Input, NodeType, Output, Result
from workers.workflow.scope import MISSING
from workers.workflow.step import Step
from workers.workflow.values import as_text

CATEGORY = "text"

_PLACEHOLDER: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


def _concatenate(given: Given, _step: Step) -> Result:
    named = [given["string_1"], given["string_2"]]
    further = [value for name, value in given.items() if re.fullmatch(r"(string|text|value)_?([3-9]|\d\d)", name)]
    parts = [as_text(part) for part in [*named, *further] if part is not None]
    return {"result": joined(given["separator"], parts)}


def _format(given: Given, _step: Step) -> Result:
    values = given["variables"] or {name: given[name] for name in given if name not in ("template", "variables")}
    left = LENGTH_LIMIT

    def put(match: re.Match[str]) -> str:
        if match[0] in ("{{", "}}"):
            return match[0][0]
        reference = reference_of(match[0], match[1])
        if reference is None:
            return match[0]
        found = follow(values, (reference.name, *reference.path))
        if found is MISSING:
            raise NodeFailed(f"there is no value for {match[0]} in its template")
        nonlocal left
        text = as_text(found)
        left -= len(text)
        if left < 0:
            raise NodeFailed(f"the text grows beyond {LENGTH_LIMIT:,} characters")
        return text

    return {"result": _PLACEHOLDER.sub(put, given["template"])}


def _pattern(given: Given) -> re.Pattern[str]:
    flags = re.IGNORECASE if given["ignore_case"] else re.NOFLAG
    flags |= re.MULTILINE if given["multiline"] else re.NOFLAG
    flags |= re.DOTALL if given["dotall"] else re.NOFLAG
    return compiled(given["pattern"], flags)


def _match(given: Given, _step: Step) -> Result:
    found = [groups for _, groups in matches(_pattern(given), given["text"])]
    return {
        "match_found": bool(found),
        "first_match": found[0][0] if found else "",
        "all_matches": [groups[0] for groups in found],
        "groups": found[0][1:] if found else [],
        "match_count": len(found),
    }


def _regex_replace(given: Given, _step: Step) -> Result:
    result, count = replaced(_pattern(given), given["replacement"], given["text"], max(0, given["max_count"]))
    return {"result": result, "count": count}


_CASES: Final[dict[str, Callable[[str], str]]] = {
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "capitalize": str.capitalize,
    "swapcase": str.swapcase,
}


def _case(given: Given, _step: Step) -> Result:
    return {"result": _CASES[given["case"]](given["text"])}


def _replace(given: Given, _step: Step) -> Result:
    text, old, new = given["text"], given["old"], given["new"]
    if not old:
        raise NodeFailed("its input 'old' must not be empty")
    count = text.count(old)
    if len(text) + count * len(new) > LENGTH_LIMIT:
        raise NodeFailed(f"the text grows beyond {LENGTH_LIMIT:,} characters")
    return {"result": text.replace(old, new), "count": count}


def _split(given: Given, _step: Step) -> Result:
    limit = given["max_split"]
    parts = given["text"].split(given["separator"] or None, -1 if limit is None or limit < 1 else limit)
    return {"result": parts, "count": len(parts)}


def _trim(given: Given, _step: Step) -> Result:
    strip = {"both": str.strip, "left": str.lstrip, "right": str.rstrip}[given["mode"]]
    return {"result": strip(given["text"])}


def _substring(given: Given, _step: Step) -> Result:
    return {"result": given["text"][given["start"] : given["end"]]}


def _asked(ask: Callable[[str, str], Any], name: str, output: str) -> Callable[[Given, Step], Result]:
    def run(given: Given, _step: Step) -> Result:
        text, part = given["text"], given[name]
        return {output: ask(text, part) if given["case_sensitive"] else ask(text.lower(), part.lower())}

    return run


def _length(given: Given, _step: Step) -> Result:
    return {"length": len(given["text"])}


_TEXT = Input("text", "text", required=True, aliases=("string", "value", "input"))
_CASE_SENSITIVE = Input("case_sensitive", "boolean", default=True)
_RESULT = Output("result", "text")
_REGEX = (
    Input("text", "text", required=True, aliases=("string", "value", "input")),
    Input("pattern", "text", required=True, aliases=("regex",)),
    Input("ignore_case", "boolean", default=False),
    Input("multiline", "boolean", default=False),
    Input("dotall", "boolean", default=False),
)


def _question(name: str, description: str, ask: Callable[[str, str], Any], part: Input, output: Output) -> NodeType:
    run = _asked(ask, part.name, output.name)
    return NodeType(name, CATEGORY, description, run, inputs=(_TEXT, part, _CASE_SENSITIVE), outputs=(output,))


NODES = (
    NodeType(
        "ConcatenateNode",
        CATEGORY,
        "Joins texts.",
        _concatenate,
        inputs=(
            Input("string_1", aliases=("string1", "a", "text1", "text_1")),
            Input("string_2", aliases=("string2", "b", "text2", "text_2")),
            Input("separator", "text", default=""),
        ),
        outputs=(_RESULT,),
        open_inputs=True,
    ),
    NodeType(
        "FormatStringNode",
        CATEGORY,
        "Puts values into the {places} of a template.",
        _format,
        inputs=(
            Input("template", "text", required=True, aliases=("format_string", "format")),
            Input("variables", "object"),
        ),
        outputs=(_RESULT,),
        open_inputs=True,
    ),
    NodeType(
        "RegexMatchNode",
        CATEGORY,
        "Finds what matches a regular expression.",
        _match,
        inputs=_REGEX,
        outputs=(
            Output("match_found", "boolean", aliases=("found", "matched")),
            Output("first_match", "text", aliases=("match", "result")),
            Output("all_matches", "list", aliases=("matches",)),
            Output("groups", "list"),
            Output("match_count", "integer", aliases=("count",)),
        ),
        aliases=("TextExtractNode",),
    ),
    NodeType(
        "RegexReplaceNode",
        CATEGORY,
        "Replaces what matches a regular expression.",
        _regex_replace,
        inputs=(*_REGEX, Input("replacement", "text", default=""), Input("max_count", "integer", default=0)),
        outputs=(_RESULT, Output("count", "integer")),
    ),
    NodeType(
        "TextCaseNode",
        CATEGORY,
        "Writes a text in lower or upper case.",
        _case,
        inputs=(_TEXT, Input("case", "text", default="lower", choices=tuple(_CASES), aliases=("mode",))),
        outputs=(_RESULT,),
    ),
    NodeType(
        "TextReplaceNode",
        CATEGORY,
        "Replaces a part of a text wherever it stands.",
        _replace,
        inputs=(
            _TEXT,
            Input("old", "text", required=True, aliases=("old_value", "search", "find")),
            Input("new", "text", default="", aliases=("new_value", "replace", "replacement")),
        ),
        outputs=(_RESULT, Output("count", "integer", aliases=("replacements",))),
    ),
    NodeType(
        "TextSplitNode",
        CATEGORY,
        "Splits a text into a list; at white space without a separator.",
        _split,
        inputs=(
            _TEXT,
            Input("separator", "text", default="", aliases=("delimiter",)),
            Input("max_split", "integer", aliases=("maxsplit",)),
        ),
        outputs=(Output("result", "list", aliases=("parts", "list")), Output("count", "integer")),
    ),
    NodeType(
        "TextTrimNode",
        CATEGORY,
        "Removes white space around a text.",
        _trim,
        inputs=(_TEXT, Input("mode", "text", default="both", choices=("both", "left", "right"))),
        outputs=(_RESULT,),
    ),
    NodeType(
        "TextSubstringNode",
        CATEGORY,
        "Cuts out a part of a text; negative places count from its end.",
        _substring,
        inputs=(_TEXT, Input("start", "integer", default=0), Input("end", "integer")),
        outputs=(_RESULT,),
    ),
    NodeType(
        "TextLengthNode",
        CATEGORY,
        "Counts the characters of a text.",
        _length,
        inputs=(_TEXT,),
        outputs=(Output("length", "integer", aliases=("result",)),),
    ),
    _question(
        "TextContainsNode",
        "Tells whether a text holds another one.",
        lambda text, part: part in text,
        Input("search", "text", required=True, aliases=("substring", "find")),
        Output("contains", "boolean", aliases=("result",)),
    ),
    _question(
        "TextStartsWithNode",
        "Tells whether a text begins with another one.",
        str.startswith,
        Input("prefix", "text", required=True),
        Output("result", "boolean"),
    ),
    _question(
        "TextEndsWithNode",
        "Tells whether a text ends with another one.",
        str.endswith,
        Input("suffix", "text", required=True),
        Output("result", "boolean"),
    ),
    _question(
        "TextCountNode",
        "Counts how often a text holds another one.",
        str.count,
        Input("search", "text", required=True, aliases=("substring",)),
        Output("count", "integer", aliases=("result",)),
    ),
)
