"""What `python -m gateway` lets its user decide about headers and bodies."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor import FileDescriptor
from google.rpc import error_details_pb2, status_pb2

ROOT = Path(__file__).parents[4]


def described(file: FileDescriptor) -> bytes:
    """A descriptor set of `file` and all it imports, imports first."""
    files: dict[str, FileDescriptor] = {}

    def add(one: FileDescriptor) -> None:
        for imported in one.dependencies:
            add(imported)
        files.setdefault(one.name, one)

    add(file)
    protos = [descriptor_pb2.FileDescriptorProto.FromString(one.serialized_pb) for one in files.values()]
    return descriptor_pb2.FileDescriptorSet(file=protos).SerializeToString()


@pytest.fixture
async def arguments(echo: FileDescriptor, servicer: Any, tmp_path: Path) -> AsyncIterator[list[str]]:
    """Arguments of a gateway before a server that runs."""
    (tmp_path / "echo.binpb").write_bytes(described(echo))
    server = grpc.aio.server()
    server.add_generic_rpc_handlers(servicer.handlers(echo.services_by_name["EchoService"]))
    address = f"unix:{tmp_path}/echo.sock"
    server.add_insecure_port(address)
    await server.start()
    yield ["--backend", address, "--descriptor-set", f"{tmp_path}/echo.binpb", "--listen", "127.0.0.1:0"]
    await server.stop(None)


async def start(*arguments: str) -> asyncio.subprocess.Process:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'generated' / 'python'}"}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", *arguments, stderr=asyncio.subprocess.PIPE, env=environment, cwd=ROOT
    )


@asynccontextmanager
async def gateway(*arguments: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway that runs as a process of its own."""
    process = await start(*arguments)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(30):
            async for line in process.stderr:
                if found := re.search(rb"running on (http://\S+)", line):
                    break
            async with httpx.AsyncClient(base_url=found[1].decode() if found else "") as client:
                yield client
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 30)


async def test_each_option_is_obeyed(arguments: list[str]) -> None:
    lists = ["--forwarded-headers", "x-tenant, x-note", "--forwarded-cookies", "session", "--exposed-metadata", "sum"]
    headers = {"x-tenant": "a", "authorization": "Bearer t", "cookie": "session=s; other=o", "accept-encoding": "gzip"}
    query: dict[str, Any] = {"text": "a", "times": 2000, "initial": ["sum: 1", "etag: 2"], "trailing": "sum: 3"}

    async with gateway(*arguments, *lists, "--longest-call", "0.2", "--no-etags", "--no-compression") as client:
        said = await client.get("/say", params=query, headers=headers)
        slow = await client.get("/say", params={"wait_milliseconds": 30_000})

    heard = [line for line in said.json()["heard"] if not line.startswith(("x-request-id", "x-gateway"))]
    assert heard == ["x-tenant: a", "cookie: session=s"]
    assert (said.headers["sum"], said.headers["grpc-trailer-sum"]) == ("1", "3")
    assert not {"etag", "content-encoding", "vary"} & set(said.headers)
    assert slow.status_code == 504


async def test_the_defaults_are_the_usual(arguments: list[str]) -> None:
    headers = {"authorization": "Bearer t", "grpc-metadata-note": "n", "accept-encoding": "zstd"}

    async with gateway(*arguments) as client:
        said = await client.get("/say", params={"text": "a", "times": 2000, "initial": "link: l"}, headers=headers)

    assert {"authorization: Bearer t", "note: n"} <= set(said.json()["heard"])
    assert (said.headers["link"], said.headers["content-encoding"]) == ("l", "zstd")
    assert said.headers["etag"].startswith('W/"')


async def test_error_details_may_be_of_types_that_only_the_descriptor_set_has(
    arguments: list[str], echo: FileDescriptor
) -> None:
    own = message_factory.GetMessageClass(echo.message_types_by_name["SayResponse"])(text="own")
    status = status_pb2.Status(code=9, message="as asked")
    for packed in (own, error_details_pb2.ErrorInfo(reason="ASKED")):
        status.details.add().Pack(packed)
    status.details.add(type_url="type.googleapis.com/nobody.Knows", value=b"??")
    trailing = f"grpc-status-details-bin: {status.SerializeToString().decode()}"

    async with gateway(*arguments) as client:
        said = await client.get("/say", params={"failure": "FAILED_PRECONDITION", "trailing": trailing})

    assert said.json()["details"] == [
        {"@type": "type.googleapis.com/gatewaytest.echo.v1.SayResponse", "text": "own"},
        {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "ASKED"},
        {"@type": "type.googleapis.com/nobody.Knows", "value": "Pz8="},
    ]


@pytest.mark.parametrize(
    ("wrong", "status", "sentence"),
    [
        (["--forwarded-headers", "cookie"], 1, b"'cookie' cannot be forwarded as a whole: list the cookies by name"),
        (["--exposed-metadata", "Content-Length"], 1, b"'content-length' is no header that a server may write"),
        (["--rate-limit-storage", "http://a"], 1, b"requests are counted at memory://, redis://"),
        (["--longest-call", "0"], 2, b"'0' must be a positive number of seconds"),
        (["--longest-call", "inf"], 2, b"'inf' must be a positive number of seconds"),
    ],
)
async def test_a_wrong_option_stops_the_start(
    arguments: list[str], wrong: list[str], status: int, sentence: bytes
) -> None:
    process = await start(*arguments, *wrong)
    _, errors = await asyncio.wait_for(process.communicate(), 30)

    assert (process.returncode, sentence in errors, b"Traceback" in errors) == (status, True, False)
