"""Texts that are JSON, in every way a request and an answer go; see `json_text` in gateway/v1/options.proto."""

import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import httpx
import orjson
import pytest
from google.protobuf import message_factory
from google.protobuf.descriptor import ServiceDescriptor

from gateway.app import Gateway
from gateway.backend.in_process import InProcessBackend
from gateway.contract.source import read_descriptor_set

HERE = Path(__file__).parent
PROTO = HERE.parents[2] / "proto"
# What a Struct and most parsers would change, with line ends between the tokens.
SENT = b'{\r\n  "b" : 12345678901234567890123,\n\t"a": [1.50, "\\u00e9\\n"] }'
TEXT = b'{"b":12345678901234567890123,"a":[1.50,"\\u00e9\\n"]}'


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> ServiceDescriptor:
    target = tmp_path_factory.mktemp("notes") / "notes.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"-I{HERE}", "--include_imports"]
    subprocess.run([*command, f"--descriptor_set_out={target}", "notes.proto"], check=True)
    services, _, _ = read_descriptor_set(target)
    return services[0]


def answered(request: Any) -> Any:
    if request.raw:
        request.content = request.raw
    return request


async def echo(request: Any, _context: Any) -> Any:
    return answered(request)


async def echo_twice(request: Any, _context: Any) -> AsyncIterator[Any]:
    for _ in range(2):
        yield answered(request)


@pytest.fixture
async def client(service: ServiceDescriptor) -> AsyncIterator[httpx.AsyncClient]:
    read = message_factory.GetMessageClass(service.methods_by_name["Echo"].input_type).FromString
    handlers = {
        "Echo": grpc.unary_unary_rpc_method_handler(echo, read),
        "EchoTwice": grpc.unary_stream_rpc_method_handler(echo_twice, read),
    }
    generic = grpc.method_handlers_generic_handler(service.full_name, handlers)
    app: Any = Gateway([service], InProcessBackend([generic], []))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


async def test_a_body_comes_back_as_it_was_sent(client: httpx.AsyncClient) -> None:
    answer = await client.post("/notes", content=b'{"content": ' + SENT + b"}")

    assert (answer.status_code, answer.content) == (200, b'{"content":' + TEXT + b"}")


async def test_a_body_that_is_one_text_comes_back_as_it_was_sent(client: httpx.AsyncClient) -> None:
    answer = await client.put("/notes/content", content=SENT)

    assert (answer.status_code, answer.content) == (200, TEXT)
    assert (await client.put("/notes/content", content=b"null")).content == b"null"
    assert (await client.put("/notes/content", content=b"[]")).json()["message"] == "content must be an object"


async def test_a_parameter_comes_back_as_it_was_sent(client: httpx.AsyncClient) -> None:
    answer = await client.get("/notes", params={"content": SENT.decode()})

    assert answer.content == b'{"content":' + TEXT + b"}"


async def test_a_text_with_line_ends_is_one_line_of_a_stream(client: httpx.AsyncClient) -> None:
    line = b'{"content":' + TEXT + b',"raw":' + orjson.dumps(SENT.decode()) + b"}"

    ndjson = await client.post("/twice", json={"raw": SENT.decode()})
    events = await client.post("/twice", json={"raw": SENT.decode()}, headers={"accept": "text/event-stream"})

    assert ndjson.content == 2 * (line + b"\n")
    assert events.content.count(b"data: " + line + b"\n") == 2


@pytest.mark.parametrize("raw", ["{", "[]", '{"a":1,"a":2}', '{"a":NaN}'])
async def test_a_server_that_hands_out_broken_text_is_at_fault(client: httpx.AsyncClient, raw: str) -> None:
    answer = await client.post("/notes", json={"raw": raw})

    assert (answer.status_code, answer.json()["code"]) == (500, 13)
    stream = await client.post("/twice", json={"raw": raw})
    assert (stream.status_code, stream.json()["code"]) == (500, 13)


async def test_connect_sees_a_string(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/gatewaytest.notes.v1.NoteService/Echo",
        json={"content": SENT.decode()},
        headers={"connect-protocol-version": "1"},
    )

    assert answer.json() == {"content": SENT.decode()}
