"""A gateway inside of another application, as Starlette and FastAPI mount them.

Source: ASGI, HTTP connection scope (https://asgi.readthedocs.io/en/stable/specs/www.html): `root_path` is decoded,
`raw_path` is the whole path as the client spelled it.
"""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from google.protobuf.descriptor import FileDescriptor
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from gateway.app import Gateway
from gateway.backend import Backend
from gateway.http.mount import below_mount


@pytest.fixture
def gateway(library: FileDescriptor, backend: Backend) -> Gateway:
    return Gateway(list(library.services_by_name.values()), backend)


def in_starlette(gateway: Gateway) -> Any:
    async def home(_request: Any) -> PlainTextResponse:
        return PlainTextResponse("home")

    return Starlette(routes=[Route("/", home), Mount("/api", app=gateway)])


def in_fastapi(gateway: Gateway) -> Any:
    app = FastAPI()

    @app.get("/")
    async def home() -> str:
        return "home"

    app.mount("/api", gateway)
    return app


def client_of(app: Any, root_path: str = "") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, root_path=root_path), base_url="http://localhost")


@pytest.mark.parametrize("mount", [in_starlette, in_fastapi])
async def test_routes_are_found_below_the_mount_and_nowhere_else(
    gateway: Gateway, mount: Callable[[Gateway], Any]
) -> None:
    async with client_of(mount(gateway)) as client:
        book = await client.get("/api/plain/books/b1")
        escaped = await client.get("/api/plain/books/a%2Fb%20c")
        added = await client.post("/api/v1/books", json={"title": "New"})
        missing = await client.get("/api/plain/nothing")
        wrong = await client.delete("/api/plain/books/b1")
        aloud = await client.get("/api/v1/books/b1/aloud")
        outside = await client.get("/plain/books/b1")
        home = await client.get("/")

    assert book.json() == {"id": "b1", "title": "A title", "pageCount": str(2**40)}
    assert escaped.json()["id"] == "a/b c"
    assert (added.status_code, added.json()["title"]) == (201, "New")
    assert (missing.status_code, missing.json()) == (404, {"code": 5, "message": "Not Found"})
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert aloud.text.endswith("event: end\ndata: success\n\n")
    assert outside.status_code == 404
    assert home.text in ("home", '"home"')


async def test_a_mount_may_be_spelled_with_escapes_and_variables(gateway: Gateway) -> None:
    app = Starlette(routes=[Mount("/{tenant}/my api", app=gateway)])

    async with client_of(app) as client:
        answer = await client.get("/gr%C3%BCn/%6Dy%20api/plain/books/a%2Fb")

    assert (answer.status_code, answer.json()["id"]) == (200, "a/b")


async def test_a_mount_within_a_mount(gateway: Gateway) -> None:
    app = Starlette(routes=[Mount("/a", app=Starlette(routes=[Mount("/b", app=gateway)]))])

    async with client_of(app) as client:
        answer = await client.get("/a/b/plain/books/b1")

    assert answer.json()["id"] == "b1"


async def test_the_document_and_the_pages_follow_the_mount(gateway: Gateway) -> None:
    app = in_starlette(gateway)

    async with client_of(app) as client:
        mounted = (await client.get("/api/openapi.json")).json()
        page = await client.get("/api/docs")
        script = await client.get("/api/docs/start.js")
    async with client_of(gateway) as client:
        alone = (await client.get("/openapi.json")).json()

    # OpenAPI 3.1, "Server Object": paths are appended to its URL.
    assert mounted == {**alone, "servers": [{"url": "/api"}]}
    # Links without a slash at their beginning are found beside the page.
    assert (page.status_code, script.status_code) == (200, 200)
    assert 'src="docs/start.js"' in page.text
    assert 'url: "openapi.json"' in script.text


async def test_a_gateway_behind_a_proxy_that_keeps_the_prefix_is_told_of_it(gateway: Gateway) -> None:
    # As `uvicorn --root-path /prefix` has it.
    async with client_of(gateway, root_path="/prefix") as client:
        kept = await client.get("/prefix/plain/books/b1")
        stripped = await client.get("/plain/books/b1")

    assert (kept.status_code, stripped.status_code) == (200, 200)


@pytest.mark.parametrize(
    ("raw_path", "root_path", "below"),
    [
        (b"/api/v1", "/api", b"/v1"),
        (b"/api/v1", "/api/", b"/v1"),
        (b"/api", "/api", b""),
        (b"/api/", "/api", b"/"),
        # What the client escaped stays escaped, but in the mount itself.
        (b"/%61pi/a%2Fb", "/api", b"/a%2Fb"),
        (b"/gr%C3%BCn/x", "/grün", b"/x"),
        ("/grün/x".encode(), "/grün", b"/x"),
        (b"/100%25/x", "/100%", b"/x"),
        # Another path that begins with the same letters.
        (b"/apis/v1", "/api", b"/apis/v1"),
        (b"/ap", "/api", b"/ap"),
        (b"/v1", "/api", b"/v1"),
        (b"/%zz", "/api", b"/%zz"),
        (b"/api/%", "/api", b"/%"),
    ],
)
def test_the_mount_is_taken_off_the_path_as_the_client_spelled_it(
    raw_path: bytes, root_path: str, below: bytes
) -> None:
    assert below_mount(raw_path, root_path) == below
