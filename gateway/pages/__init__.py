"""The OpenAPI document, and two pages that show it. They need nothing from the internet.

The programs of the pages (Swagger UI, ReDoc) lie in the wheel `fastapi-offline`, which is used for these files only;
its Python code is never imported.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import quote

import orjson

from gateway.contract.services import Method
from gateway.errors.problem import ErrorReasons
from gateway.http.exchange import JSON, Headers
from gateway.openapi import openapi_document
from gateway.options import GatewayOptions

DOCUMENT: Final = b"/openapi.json"
HTML: Final = b"text/html; charset=utf-8"
SCRIPT: Final = b"text/javascript; charset=utf-8"
STYLE: Final = b"text/css; charset=utf-8"

LOGO: Final = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
OWN: Final = Path(__file__).parent
# The pages run scripts of ours only and talk to this origin only. ReDoc searches in a worker made from a blob.
POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS: Final[Headers] = [(b"content-security-policy", POLICY), (b"cache-control", b"no-cache")]
ASSET_HEADERS: Final[Headers] = [(b"cache-control", b"max-age=3600")]


@dataclass(frozen=True, slots=True)
class Page:
    """One file to serve. A guarded one tells something about the API."""

    content_type: bytes
    headers: Headers
    guarded: bool
    read: Callable[[], bytes]


class Pages:
    """What is served besides routes of the contract."""

    def __init__(self, methods: Sequence[Method], options: GatewayOptions, reasons: ErrorReasons) -> None:
        self._methods = methods
        self._options = options
        self._reasons = reasons
        vendor = vendor_folder()
        self._pages = {
            DOCUMENT: Page(JSON, [(b"cache-control", b"no-cache")], True, lambda: self._document),
            b"/docs": Page(HTML, PAGE_HEADERS, True, partial(self._html, OWN / "docs.html")),
            b"/redoc": Page(HTML, PAGE_HEADERS, True, partial(self._html, OWN / "redoc.html")),
            b"/docs/start.js": asset(SCRIPT, OWN / "start.js"),
            b"/docs/swagger-ui.css": asset(STYLE, vendor / "swagger-ui.css"),
            b"/docs/swagger-ui-bundle.js": asset(SCRIPT, vendor / "swagger-ui-bundle.js"),
            b"/redoc/redoc.standalone.js": Page(SCRIPT, ASSET_HEADERS, False, partial(without_logo, vendor)),
        }

    def find(self, raw_path: bytes, root_path: str = "") -> Page | None:
        """The page at this path, for a gateway that is mounted at `root_path`."""
        page = self._pages.get(raw_path)
        if page is not None and root_path and raw_path == DOCUMENT:
            return replace(page, read=lambda: with_server(self._document, root_path))
        return page

    @cached_property
    def _document(self) -> bytes:
        return openapi_document(self._methods, self._options, self._reasons)

    def _html(self, template: Path) -> bytes:
        return template.read_text().replace("{{title}}", escape(self._options.title)).encode()


def with_server(document: bytes, root_path: str) -> bytes:
    """The document of a gateway whose paths begin at `root_path` (OpenAPI 3.1, "Server Object")."""
    return orjson.dumps({**orjson.loads(document), "servers": [{"url": quote(root_path)}]})


def asset(content_type: bytes, file: Path) -> Page:
    """A file that is the same for every API."""
    return Page(content_type, ASSET_HEADERS, False, file.read_bytes)


def without_logo(vendor: Path) -> bytes:
    """ReDoc, whose only reach into the internet is its maker's logo, without that logo."""
    return (vendor / "redoc.standalone.js").read_bytes().replace(LOGO, b"data:,")


def vendor_folder() -> Path:
    """Folder of the vendored programs.

    Raises:
        FileNotFoundError: the wheel is not installed.
    """
    spec = find_spec("fastapi_offline")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the pages /docs and /redoc need the package fastapi-offline")
    return Path(spec.submodule_search_locations[0]) / "static"
