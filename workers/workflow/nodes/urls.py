"""URLs: put together, taken apart, and texts as they stand in them."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, parse_qsl, quote, quote_plus, unquote, unquote_plus, urlencode, urlsplit

from workers.workflow.errors import NodeFailed
from workers.workflow.registry import Given, Input, NodeType, Output, Result
from workers.workflow.step import Step
from workers.workflow.values import as_text

CATEGORY: Final = "http"

# What may stand in a path as it is (RFC 3986, 3.3), escapes that are there already among it.
_SAFE: Final = "/%:@!$&'()*+,;=~"


def _build(given: Given, _step: Step) -> Result:
    parts = _split(given["base_url"])
    below, _, query = given["path"].partition("?")
    path = f"{parts.path.rstrip('/')}/{quote(below.lstrip('/'), safe=_SAFE)}" if below else parts.path
    queries = filter(None, (parts.query, query, urlencode(_pairs(given["params"] or {}))))
    fragment = quote(given["fragment"], safe=_SAFE) or parts.fragment
    return {"url": parts._replace(path=path, query="&".join(queries), fragment=fragment).geturl()}


def _pairs(params: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return names and values of a query; a list stands for several values of one name."""
    listed = {name: value if isinstance(value, list) else [value] for name, value in params.items()}
    return [(name, as_text(one)) for name, values in listed.items() for one in values if one is not None]


def _parse(given: Given, _step: Step) -> Result:
    parts = _split(given["url"])
    params: dict[str, Any] = {}
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        params[name] = [*_listed(params[name]), value] if name in params else value
    return {
        "scheme": parts.scheme,
        "host": parts.hostname or "",
        "port": parts.port or {"http": 80, "https": 443}.get(parts.scheme),
        "path": parts.path,
        "query": parts.query,
        "params": params,
        "fragment": parts.fragment,
    }


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port  # a port that is none shows only here
    except ValueError as error:
        raise NodeFailed("its input is not a URL") from error
    return parts


def _encode(given: Given, _step: Step) -> Result:
    return {"result": quote_plus(given["text"]) if given["plus"] else quote(given["text"], safe="")}


def _decode(given: Given, _step: Step) -> Result:
    return {"result": unquote_plus(given["text"]) if given["plus"] else unquote(given["text"])}


_TEXT = Input("text", "text", required=True, aliases=("value", "string", "input"))
_PLUS = Input("plus", "boolean", default=False)

NODES = (
    NodeType(
        "BuildUrlNode",
        CATEGORY,
        "Puts a URL together from its base, a path below it and the values of its query, escaped as they must be.",
        _build,
        inputs=(
            Input("base_url", "text", required=True, aliases=("url", "base")),
            Input("path", "text", default=""),
            Input("params", "object", aliases=("query", "query_params")),
            Input("fragment", "text", default=""),
        ),
        outputs=(Output("url", "text", aliases=("result",)),),
        aliases=("BuildURLNode", "UrlBuilderNode"),
    ),
    NodeType(
        "ParseUrlNode",
        CATEGORY,
        "Takes a URL apart; a name that its query holds several times becomes a list in params.",
        _parse,
        inputs=(Input("url", "text", required=True, aliases=("text",)),),
        outputs=(
            Output("scheme", "text"),
            Output("host", "text", aliases=("hostname",)),
            Output("port", "integer"),
            Output("path", "text"),
            Output("query", "text"),
            Output("params", "object", aliases=("query_params",)),
            Output("fragment", "text"),
        ),
        aliases=("ParseURLNode",),
    ),
    NodeType(
        "UrlEncodeNode",
        CATEGORY,
        "Escapes a text for a URL; with plus, a space becomes + as in forms.",
        _encode,
        inputs=(_TEXT, _PLUS),
        outputs=(Output("result", "text", aliases=("encoded",)),),
        aliases=("URLEncodeNode",),
    ),
    NodeType(
        "UrlDecodeNode",
        CATEGORY,
        "Undoes what UrlEncodeNode does.",
        _decode,
        inputs=(_TEXT, _PLUS),
        outputs=(Output("result", "text", aliases=("decoded",)),),
        aliases=("URLDecodeNode",),
    ),
)
