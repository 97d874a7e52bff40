"""`python -m gateway` in front of a gRPC server, as a process of its own."""

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.descriptor import FileDescriptor
from grpc_reflection.v1alpha import reflection

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def server(library: FileDescriptor, librarian: Any) -> AsyncIterator[str]:
    running = grpc.aio.server()
    running.add_generic_rpc_handlers(librarian.handlers(library))
    names = [service.full_name for service in library.services_by_name.values()]
    reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], running)
    port = running.add_insecure_port("127.0.0.1:0")
    await running.start()
    yield f"127.0.0.1:{port}"
    await running.stop(None)


async def start(*arguments: str) -> asyncio.subprocess.Process:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'generated' / 'python'}"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *arguments, stderr=asyncio.subprocess.PIPE, env=environment, cwd=ROOT
    )


async def address_of(process: asyncio.subprocess.Process) -> str:
    """Where the gateway listens, as it says itself."""
    assert process.stderr is not None
    async for line in process.stderr:
        found = re.search(rb"running on (http://\S+)", line)
        if found:
            return found[1].decode()
    raise AssertionError("the gateway did not start")


@pytest.mark.parametrize("source", ["descriptor_set", "reflection"])
async def test_it_serves_what_it_reads_from_either_source(
    server: str, descriptor_set: bytes, tmp_path: Path, source: str
) -> None:
    file = tmp_path / "library.binpb"
    file.write_bytes(descriptor_set)
    described = ["--reflection"] if source == "reflection" else ["--descriptor-set", str(file)]

    process = await start("--backend", server, *described, "--listen", "127.0.0.1:0")
    try:
        async with httpx.AsyncClient(base_url=await asyncio.wait_for(address_of(process), 30)) as client:
            book = await client.get("/v1/books/b1")
            lent = await client.get("/v1/books/lent")
            plain = await client.get("/plain/books/b1")
            aloud = await client.get("/v1/books/b1/aloud")
    finally:
        process.send_signal(signal.SIGTERM)
        ended = await asyncio.wait_for(process.wait(), 30)

    assert (book.status_code, book.json()["title"], book.json()["added_at"]) == (200, "A title", None)
    assert (lent.status_code, lent.json()) == (409, {"detail": "it is lent"})
    assert plain.json() == {"id": "b1", "title": "A title", "pageCount": str(2**40)}
    assert aloud.text.endswith("event: end\ndata: success\n\n")
    assert ended == 0


@pytest.fixture
async def address(server: str, descriptor_set: bytes, tmp_path: Path) -> AsyncIterator[str]:
    """Host and port of a gateway that runs."""
    file = tmp_path / "library.binpb"
    file.write_bytes(descriptor_set)
    process = await start("--backend", server, "--descriptor-set", str(file), "--listen", "127.0.0.1:0")
    try:
        yield (await asyncio.wait_for(address_of(process), 30)).removeprefix("http://")
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), 30)


async def answer_to(address: str, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes and return status, headers and body of the answer."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(request)
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    status, *lines = head.decode().split("\r\n")[:-2]
    headers = dict(line.lower().split(": ", 1) for line in lines)
    body = await asyncio.wait_for(reader.readexactly(int(headers["content-length"])), 5)
    writer.close()
    await writer.wait_closed()
    return int(status.split()[1]), headers, body


UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n" % (
    b"dGhlIHNhbXBsZSBub25jZQ=="
)


@pytest.mark.parametrize(
    ("request_bytes", "status", "sentence"),
    [
        (b"\x16\x03\x01 no HTTP\r\n\r\n", 400, "the request must be valid HTTP"),
        (b"NOSUCHVERB /plain/books/b1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, "the request must be valid HTTP"),
        (b"GET /plain/books/b1 HTTP/1.1\r\nHost: a\r\nX-A: \0\r\n\r\n", 400, "the request must be valid HTTP"),
        # RFC 9112, section 3.2.
        (b"GET /plain/books/b1 HTTP/1.1\r\n\r\n", 400, "the request must have a Host header"),
        (
            b"GET /plain/books/b1 HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n\r\n",
            400,
            "the request must have only one Host header",
        ),
        (b"GET /plain/books/b1 HTTP/1.1\r\nHost: a\r\n%b\r\n" % UPGRADE, 400, "this route does not speak WebSocket"),
        (b"GET /nowhere HTTP/1.1\r\nHost: a\r\n%b\r\n" % UPGRADE, 404, "Not Found"),
    ],
)
async def test_what_is_refused_before_any_route_looks_like_every_refusal(
    address: str, request_bytes: bytes, status: int, sentence: str
) -> None:
    found, headers, body = await answer_to(address, request_bytes)

    assert (found, headers["content-type"]) == (status, "application/json")
    assert len(headers["x-request-id"]) == 32
    assert json.loads(body)["message"] == sentence


async def test_a_request_without_host_is_served_to_http_1_0(address: str) -> None:
    status, _, _ = await answer_to(address, b"GET /plain/books/b1 HTTP/1.0\r\n\r\n")

    assert status == 200


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["--backend", "x:1"], 2, b"one of the arguments --descriptor-set --reflection is required"),
        (["--backend", "x:1", "--descriptor-set", "none.binpb"], 1, b"none.binpb cannot be read"),
        (["--backend", "x:1", "--descriptor-set", "README.md"], 1, b"README.md is no descriptor set"),
        (["--backend", "x:1", "--reflection", "--listen", "8000"], 2, b"'8000' must be HOST:PORT"),
    ],
)
async def test_a_start_that_cannot_work_says_why(arguments: list[str], code: int, sentence: bytes) -> None:
    process = await start(*arguments)

    _, errors = await process.communicate()

    assert process.returncode == code
    assert sentence in errors
