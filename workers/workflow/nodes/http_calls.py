"""Nodes that ask an HTTP server for something, and make a value of the answer."""

import codecs
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Final

import orjson

from workers.workflow.errors import NodeFailed
from workers.workflow.registry import Given, Input, NodeType, Output, Result
from workers.workflow.step import Step

if TYPE_CHECKING:
    from aiohttp import ClientResponse

CATEGORY: Final = "http"

METHODS: Final = ("get", "post", "put", "patch", "delete", "head", "options")
_PIECE_BYTES: Final = 65_536
_UTF_8: Final = ("utf-8", "utf8")
# Encodings of host names: a large body would take them hours.
_FOR_HOSTS: Final = ("idna", "punycode")


async def call(given: Given, step: Step) -> Result:
    """Send one request and return the outputs of `ANSWER`."""
    # Here, because it loads aiohttp: half a second that runs without HTTP do without.
    from workers.workflow.nodes.http_exchange import Retries, exchange
    from workers.workflow.nodes.http_request import request_of

    async def take(response: "ClientResponse") -> dict[str, Any]:
        return _outputs(response, await _body(response, step.limits.value_bytes))

    outputs = await exchange(request_of(given), Retries.of(given), step, take)
    if given["fail_on_error_status"] and not outputs["success"]:
        raise NodeFailed(outputs["error"], error_type="ErrorStatus")
    return outputs


async def _body(response: "ClientResponse", limit: int) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_chunked(_PIECE_BYTES):  # decoded: a small answer may unpack to a large one
        body += piece
        if len(body) > limit:
            raise NodeFailed(f"the answer is larger than {limit:,} bytes; HttpDownloadNode takes it into a file")
    return bytes(body)


def _outputs(response: "ClientResponse", body: bytes) -> dict[str, Any]:
    return {
        "body": _decoded(response, body),
        "json": _parsed(response, body),
        "status_code": response.status,
        "headers": {name: ", ".join(response.headers.getall(name)) for name in response.headers},
        "url": str(response.url),
        "success": response.ok,
        "error": "" if response.ok else error_status(response),
    }


def error_status(response: "ClientResponse") -> str:
    """Return a sentence on an answer of status 400 or more."""
    return f"{response.url.origin()} answered {response.status} {response.reason or ''}".rstrip()


def _decoded(response: "ClientResponse", body: bytes) -> str:
    charset = (response.charset or "utf-8").lower()
    try:
        if charset not in _UTF_8 and codecs.lookup(charset).name not in _FOR_HOSTS:
            return body.decode(charset, "replace")
    except (LookupError, UnicodeError):  # not an encoding, or not one of texts
        pass
    return body.decode("utf-8-sig", "replace")


def _parsed(response: "ClientResponse", body: bytes) -> Any:
    """Return the body as JSON if it is said to be or looks like it, None if it is not."""
    if "json" not in response.content_type and not body.lstrip().startswith((b"{", b"[")):
        return None
    try:
        return orjson.loads(body.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return None


def _by(method: str) -> Callable[[Given, Step], Coroutine[Any, Any, Result]]:
    async def run(given: Given, step: Step) -> Result:
        return await call({**given, "method": method}, step)

    return run


METHOD: Final = Input("method", "text", default="get", choices=METHODS, aliases=("http_method", "request_method"))
# How a request is sent, whatever is made of its answer.
TARGET: Final = (
    Input("url", "text", required=True, aliases=("endpoint", "uri")),
    Input("headers", "object"),
    Input("params", "object", aliases=("query", "query_params")),
    Input("auth_type", "text", default="auto", choices=("auto", "none", "basic", "bearer", "api_key")),
    Input("token", "text", aliases=("auth_token", "bearer_token", "api_key")),
    Input("username", "text", aliases=("auth_username",)),
    Input("password", "text", aliases=("auth_password",)),
    Input("api_key_name", "text", default="X-API-Key", aliases=("header_name",)),
    Input("retry_count", "integer", default=0, aliases=("retries", "max_retries")),
    Input("retry_delay", "number", default=1, aliases=("retry_delay_seconds",)),
    Input("follow_redirects", "boolean", default=True, aliases=("allow_redirects",)),
    Input("max_redirects", "integer", default=10),
    Input("verify_ssl", "boolean", default=True, aliases=("verify", "verify_tls")),
)
BODY: Final = (
    Input("body", aliases=("data", "request_body", "payload")),
    Input("json", aliases=("json_body",)),
    Input("form", "object", aliases=("form_data",)),
    Input("content_type", "text"),
)
ANSWER: Final = (
    Output("body", "text", aliases=("response_body", "text", "content", "response")),
    Output("json", aliases=("response_json", "data")),
    Output("status_code", "integer", aliases=("status",)),
    Output("headers", "object", aliases=("response_headers",)),
    Output("url", "text", aliases=("final_url",)),
    Output("success", "boolean", aliases=("ok",)),
    Output("error", "text"),
)
_TIMEOUT: Final = Input("timeout", "number", default=30, aliases=("timeout_seconds",))
_FAIL: Final = Input("fail_on_error_status", "boolean", default=False, aliases=("raise_for_status", "fail_on_error"))


def _of_method(method: str) -> NodeType:
    return NodeType(
        f"Http{method.title()}Node",
        CATEGORY,
        f"Sends a {method.upper()} request, as HTTPRequestNode does.",
        _by(method),
        inputs=(*TARGET, *BODY, _TIMEOUT, _FAIL),
        outputs=ANSWER,
        aliases=(f"HTTP{method.title()}Node", f"HTTP{method.upper()}Node"),
    )


NODES = (
    NodeType(
        "HTTPRequestNode",
        CATEGORY,
        "Sends an HTTP request. An answer of status 400 or more is no success, but fails the node only if"
        " fail_on_error_status is set. With retry_count it is sent again when there was no answer, or one of status"
        " 429, 502, 503 or 504, after retry_delay seconds that double each time, or as long as Retry-After says.",
        call,
        inputs=(METHOD, *TARGET, *BODY, _TIMEOUT, _FAIL),
        outputs=ANSWER,
        aliases=("HttpRequestNode", "HTTPNode", "HttpNode", "RestApiNode", "APIRequestNode"),
    ),
    *map(_of_method, METHODS),
)
