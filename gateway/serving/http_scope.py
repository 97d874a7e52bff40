"""The scope of a request, as ASGI has it: https://asgi.readthedocs.io/en/stable/specs/www.html"""

import asyncio
from typing import Any, Final
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from gateway.http.exchange import Headers
from gateway.http.request_body import Scope

TRAILERS: Final = "http.response.trailers"


class Scopes:
    """Makes the scopes of one connection. What all of them share is put together once."""

    def __init__(self, transport: asyncio.Transport, config: Config, app_state: dict[str, Any]) -> None:
        client = get_remote_addr(transport)
        self.peer = client[0] if client else ""
        """Address of the connection's other end; empty for a Unix socket."""
        self._app_state = app_state
        self._root_path = config.root_path
        # The keys that each request sets are there already: a copy that need not grow costs half.
        self._common: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": config.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": get_local_addr(transport),
            "client": client,
            "scheme": "https" if is_ssl(transport) else "http",
            "root_path": config.root_path,
            "method": "",
            "path": "",
            "raw_path": b"",
            "query_string": b"",
            "headers": [],
            "state": {},
        }

    def make(self, http_method: str, target: bytes, headers: Headers) -> Scope:
        """Return the scope of a request of HTTP/1.1.

        Raises:
            HttpParserInvalidURLError: `target` has none of the forms of RFC 9112, section 3.2.
        """
        scope = self._common.copy()
        if target.startswith(b"/") and b"#" not in target:
            raw_path, _, scope["query_string"] = target.partition(b"?")
        else:
            parsed = httptools.parse_url(target)
            raw_path = parsed.path or b"/"
            scope["query_string"] = parsed.query or b""
        # The parser lets only ASCII through.
        path = raw_path.decode("ascii")
        if "%" in path:
            path = unquote(path)
        if self._root_path:
            path = self._root_path + path
            raw_path = self._root_path.encode("ascii") + raw_path
        scope["method"] = http_method
        scope["path"] = path
        scope["raw_path"] = raw_path
        scope["headers"] = headers
        scope["state"] = self._app_state.copy()
        return scope
