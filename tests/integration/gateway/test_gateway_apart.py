"""`python -m gateway` in front of a gRPC server, as a process of its own."""

import asyncio
import json
import os
import re
import signal
import ssl
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.descriptor import FileDescriptor
from grpc_reflection.v1alpha import reflection, reflection_pb2

from gateway.backend.connection import ServerAddress
from gateway.contract.source import ask_server
from tests.integration.gateway.serving.certificate import make_certificate
from tests.patience import PATIENCE
from tests.ports import free_port

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
        found = re.search(rb"running on (https?://\S+)", line)
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


async def test_a_gateway_that_stops_first_says_that_it_is_not_ready(
    server: str, descriptor_set: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "library.binpb"
    file.write_bytes(descriptor_set)
    listening, probing = (f"127.0.0.1:{free_port()}" for _ in range(2))
    options = ["--listen", listening, "--probes", probing, "--drain", "3"]
    process = await start("--backend", server, "--descriptor-set", str(file), *options)

    try:
        async with httpx.AsyncClient(base_url=f"http://{listening}") as client:

            async def ready(status: int) -> None:
                async with asyncio.timeout(PATIENCE):
                    while await status_of(client, f"http://{probing}/readyz") != status:
                        await asyncio.sleep(0.02)

            await ready(200)
            process.send_signal(signal.SIGTERM)
            await ready(503)
            meanwhile = await status_of(client, "/v1/books/b1")
        ended = await asyncio.wait_for(process.wait(), 30)
    finally:
        if process.returncode is None:
            process.kill()

    assert (meanwhile, ended) == (200, 0)


async def status_of(client: httpx.AsyncClient, url: str) -> int:
    """The status of the answer; 0 while there is none."""
    try:
        return (await client.get(url)).status_code
    except httpx.TransportError:
        return 0


async def test_types_are_not_looked_for_over_the_connection_that_told_of_the_services(server: str) -> None:
    services = await asyncio.to_thread(ask_server, ServerAddress(server))
    pool = services[0].file.pool

    assert pool.FindMessageTypeByName(services[0].methods[0].input_type.full_name)
    # A client may name any type in google.protobuf.Any, and so may a server in the details of an error.
    with pytest.raises(KeyError):
        pool.FindMessageTypeByName("nobody.Knows")


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
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE)
    status, *lines = head.decode().split("\r\n")[:-2]
    headers = dict(line.lower().split(": ", 1) for line in lines)
    body = await asyncio.wait_for(reader.readexactly(int(headers["content-length"])), PATIENCE)
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
        (
            b"GET /plain/books/b1 HTTP/1.1\r\nHost: localhost/@evil.example\r\n\r\n",
            400,
            "header Host must be a name or an address, and a port if it is not the usual one",
        ),
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


@pytest.mark.parametrize("host", [b"a", b"a.example:80", b"127.0.0.1:8000", b"[::1]:8000", b"under_score", b""])
async def test_a_host_may_have_any_form_it_has_in_urls(address: str, host: bytes) -> None:
    status, _, _ = await answer_to(address, b"GET /plain/books/b1 HTTP/1.1\r\nHost: %b\r\n\r\n" % host)

    assert status == 200


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
        (["--backend", "x:1", "--reflection", "--max-body-bytes", "0"], 2, b"'0' must be a positive whole number"),
        (["--backend", "x:1", "--reflection", "--unknown-fields", "drop"], 2, b"invalid choice: 'drop'"),
        (["--backend", "x:1", "--reflection", "--print-defaults", "--print-nulls"], 2, b"not allowed with argument"),
        (["--backend", "x:1", "--reflection", "--tls-cert", "a.pem"], 2, b"--tls-cert and --tls-key go together"),
        (["--backend", "x:1", "--reflection", "--backend-ca", "a.pem"], 2, b"--backend-ca and --backend-cert need"),
        (["--backend", "x:1", "--reflection", "--tls-cert", "no", "--tls-key", "no"], 1, b"no or no cannot be read"),
        (
            ["--backend", "x:1", "--reflection", "--backend-tls", "--backend-ca", "README.md"],
            1,
            b"README.md has no certificates in PEM form",
        ),
        (["--backend", "x:1", "--reflection", "--service-config", "none.yaml"], 1, b"none.yaml cannot be read"),
        (["--backend", "x:1", "--reflection", "--service-config", "pyproject.toml"], 1, b"pyproject.toml"),
    ],
)
async def test_a_start_that_cannot_work_says_why(arguments: list[str], code: int, sentence: bytes) -> None:
    process = await start(*arguments)

    _, errors = await process.communicate()

    assert process.returncode == code
    assert sentence in errors


async def ask(arguments: list[str], requests: list[httpx.Request]) -> list[httpx.Response]:
    """Answers of a gateway that is started for these requests; their URLs are paths."""
    process = await start(*arguments, "--listen", "127.0.0.1:0")
    try:
        async with httpx.AsyncClient(base_url=await asyncio.wait_for(address_of(process), 30)) as client:
            return [
                await client.request(one.method, one.url.raw_path.decode(), content=one.content) for one in requests
            ]
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), 30)


def get(path: str) -> httpx.Request:
    return httpx.Request("GET", f"http://gateway{path}")


async def test_options_hold_for_services_that_state_none(server: str, descriptor_set: bytes, tmp_path: Path) -> None:
    file = tmp_path / "library.binpb"
    file.write_bytes(descriptor_set)
    options = [
        "--unknown-parameters=ignore",
        "--unknown-fields=ignore",
        "--proto-names",
        "--print-nulls",
        "--integers-as-numbers",
        "--enums-as-numbers",
        "--error-shape=coded",
        "--max-body-bytes=100",
        "--trailing-slash=ignore",
    ]

    plain, refused, stated, stated_refusal = await ask(
        ["--backend", server, "--descriptor-set", str(file), *options],
        [get("/plain/books/b1/?nobody=1"), get("/plain/books/missing"), get("/v1/books/b1"), get("/v1/books/missing")],
    )

    assert plain.json() == stated.json()
    assert (plain.json()["page_count"], plain.json()["genre"]) == (2**40, None)
    assert refused.json() == {"error": "Not found", "message": "no such book", "code": "NOT_FOUND"}
    # What a service states itself is stronger.
    assert stated_refusal.json() == {"detail": "no such book"}


async def test_defaults_are_printed_without_nulls(server: str) -> None:
    (answer,) = await ask(["--backend", server, "--reflection", "--print-defaults"], [get("/plain/books/b1")])

    assert answer.json() == {"id": "b1", "title": "A title", "pageCount": str(2**40), "seen": []}


async def test_streams_are_events_where_the_option_says_so_and_accept_nothing_else(server: str) -> None:
    process = await start(
        "--backend", server, "--reflection", "--default-stream-framing", "sse", "--listen", "127.0.0.1:0"
    )
    try:
        async with httpx.AsyncClient(base_url=await asyncio.wait_for(address_of(process), 30)) as client:
            types = [
                (await client.get("/v1/books/b1/pages", headers={"accept": accept}))
                .headers["content-type"]
                .partition(";")[0]
                for accept in ("*/*", "text/event-stream", "application/x-ndjson")
            ]
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), 30)

    assert types == ["text/event-stream", "text/event-stream", "application/x-ndjson"]


async def test_rules_of_a_service_config_replace_annotations(server: str, tmp_path: Path) -> None:
    # Comments of google/api/http.proto, "Using gRPC API Service Configuration".
    file = tmp_path / "service.yaml"
    file.write_text(
        """
        type: google.api.Service
        http:
          rules:
            - selector: gatewaytest.library.v1.PlainService.GetPlainBook
              get: /configured/{id}
              additional_bindings:
                - post: /configured
                  body: "*"
        """
    )

    configured, annotated = await ask(
        ["--backend", server, "--reflection", "--service-config", str(file)],
        [get("/configured/b1"), get("/plain/books/b1")],
    )

    assert (configured.status_code, configured.json()["id"], annotated.status_code) == (200, "b1", 404)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("http: [", b"is no YAML"),
        ("name: x", b"has no `http` with rules"),
        ("http: {rules: [{selector: a.B.C, fetch: /x}]}", b"rules[0].fetch is not a known field"),
        ("http: {rules: [{get: /x}]}", b"has a rule without a selector"),
        ("http: {rules: [{selector: a.B.C, get: /x}]}", b"a.B.C: a rule of the service config selects no rpc"),
    ],
)
async def test_a_service_config_that_cannot_work_says_why(
    descriptor_set: bytes, tmp_path: Path, text: str, sentence: bytes
) -> None:
    described, config = tmp_path / "library.binpb", tmp_path / "service.yaml"
    described.write_bytes(descriptor_set)
    config.write_text(text)

    process = await start("--backend", "x:1", "--descriptor-set", str(described), "--service-config", str(config))
    _, errors = await process.communicate()

    assert process.returncode == 1
    assert sentence in errors


async def test_reflection_of_version_1_is_enough(library: FileDescriptor, librarian: Any) -> None:
    # `reflection.RegisterV1` of grpc-go registers this version alone.
    running = grpc.aio.server()
    running.add_generic_rpc_handlers(librarian.handlers(library))
    names = [service.full_name for service in library.services_by_name.values()]
    servicer = reflection.ReflectionServicer(names)
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
        response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    running.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("grpc.reflection.v1.ServerReflection", {"ServerReflectionInfo": handler})]
    )
    port = running.add_insecure_port("127.0.0.1:0")
    await running.start()

    (answer,) = await ask(["--backend", f"127.0.0.1:{port}", "--reflection"], [get("/plain/books/b1")])

    await running.stop(None)
    assert answer.json()["id"] == "b1"


async def test_without_reflection_the_start_says_what_to_do(library: FileDescriptor, librarian: Any) -> None:
    running = grpc.aio.server()
    running.add_generic_rpc_handlers(librarian.handlers(library))
    port = running.add_insecure_port("127.0.0.1:0")
    await running.start()

    process = await start("--backend", f"127.0.0.1:{port}", "--reflection")
    _, errors = await process.communicate()

    await running.stop(None)
    assert process.returncode == 1
    assert b"has no gRPC reflection; give --descriptor-set instead" in errors


async def test_a_server_that_is_away_is_503_and_found_again_when_it_is_back(
    library: FileDescriptor, librarian: Any, descriptor_set: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "library.binpb"
    file.write_bytes(descriptor_set)
    socket = f"unix:{tmp_path}/library.sock"

    async def serve() -> "grpc.aio.Server":
        running = grpc.aio.server()
        running.add_generic_rpc_handlers(librarian.handlers(library))
        running.add_insecure_port(socket)
        await running.start()
        return running

    async def status_when_settled(client: httpx.AsyncClient, wanted: int) -> float:
        """Seconds until the gateway answers as wanted."""
        began = time.monotonic()
        while (await client.get("/plain/books/b1")).status_code != wanted:
            assert time.monotonic() - began < 5
            await asyncio.sleep(0.05)
        return time.monotonic() - began

    process = await start("--backend", socket, "--descriptor-set", str(file), "--listen", "127.0.0.1:0")
    try:
        async with httpx.AsyncClient(base_url=await asyncio.wait_for(address_of(process), 30)) as client:
            away = await client.get("/plain/books/b1")
            running = await serve()
            first = await status_when_settled(client, 200)
            await running.stop(None)
            gone = await client.get("/plain/books/b1")
            running = await serve()
            second = await status_when_settled(client, 200)
            await running.stop(None)
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), 30)

    message = "The server behind this gateway cannot be reached."
    assert (away.status_code, away.json()) == (503, {"code": 14, "message": message})
    assert gone.status_code == 503
    # At most a second between attempts, and some patience with a busy machine.
    assert max(first, second) < 3


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that signs itself, and its key."""
    return make_certificate(tmp_path_factory.mktemp("tls"))


async def test_tls_on_both_sides_with_a_certificate_of_our_own(
    library: FileDescriptor, librarian: Any, certificate: tuple[Path, Path]
) -> None:
    cert, key = certificate
    running = grpc.aio.server()
    running.add_generic_rpc_handlers(librarian.handlers(library))
    names = [service.full_name for service in library.services_by_name.values()]
    reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], running)
    pair = [(key.read_bytes(), cert.read_bytes())]
    # It wants to know its clients too.
    credentials = grpc.ssl_server_credentials(pair, cert.read_bytes(), require_client_auth=True)
    port = running.add_secure_port("localhost:0", credentials)
    await running.start()

    process = await start(
        *("--backend", f"localhost:{port}", "--reflection", "--backend-tls", "--backend-ca", str(cert)),
        *("--backend-cert", str(cert), "--backend-key", str(key), "--tls-cert", str(cert), "--tls-key", str(key)),
        *("--listen", "127.0.0.1:0"),
    )
    try:
        address = (await asyncio.wait_for(address_of(process), 30)).replace("127.0.0.1", "localhost")
        async with httpx.AsyncClient(base_url=address, verify=ssl.create_default_context(cafile=cert)) as client:
            answer = await client.get("/plain/books/b1")
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), 30)
        await running.stop(None)

    assert address.startswith("https://")
    assert answer.json()["id"] == "b1"
