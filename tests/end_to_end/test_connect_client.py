"""The Connect clients of npm call a gateway that runs apart, from Node and from a page of another origin.

What they are given is the contract, as descriptors; nothing of it was made for this gateway.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import grpc
import pytest
import pytest_asyncio
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.rpc import error_details_pb2, status_pb2
from playwright.async_api import async_playwright

HERE = Path(__file__).parent / "connect_client"
ROOT = HERE.parents[2]
NODE, NPM = shutil.which("node"), shutil.which("npm")
CHROMIUM = os.environ.get("CHROMIUM_PATH") or shutil.which("chromium") or shutil.which("google-chrome")

# All tests share one gateway, so they share its loop.
pytestmark = [
    pytest.mark.skipif(not (NODE and NPM), reason="the clients need node and npm"),
    pytest.mark.asyncio(loop_scope="module"),
]

CONNECT = ["connect json", "connect binary", "connect get", "connect gzip"]
GRPC_WEB = ["grpc-web binary", "grpc-web json"]
SENTENCE = "kein solcher Bäum: 100 %"
BLAME = {"field": "name", "description": "name is wrong"}


@pytest.fixture(scope="module")
def descriptor_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("orchard") / "orchard.binpb"
    # The .proto files of google.rpc lie beside their generated code.
    folders = [f"-I{folder}" for folder in (HERE, Path(error_details_pb2.__file__).parents[2])]
    command = [sys.executable, "-m", "grpc_tools.protoc", *folders, "--include_imports"]
    subprocess.run([*command, f"--descriptor_set_out={target}", "orchard.proto"], check=True)
    return target


@pytest.fixture(scope="module")
def classes(descriptor_set: Path) -> dict[str, Any]:
    """Message classes of the orchard, in a pool of their own."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptor_set.read_bytes()).file:
        pool.Add(file)
    names = ("GetTreeRequest", "Tree", "Fruit")
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"orchard.v1.{name}")) for name in names}


@pytest.fixture(scope="module")
def client_folder(tmp_path_factory: pytest.TempPathFactory, descriptor_set: Path) -> Path:
    """The clients beside the contract and their packages, as npm installs them from the lock file."""
    folder = tmp_path_factory.mktemp("connect_client")
    for file in (*HERE.glob("*.js*"), HERE / "page.html", descriptor_set):
        shutil.copy(file, folder)
    assert NPM is not None
    command = [NPM, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=90)
    return folder


class Orchard:
    """The servicer."""

    def __init__(self, classes: dict[str, Any]) -> None:
        self._classes = classes
        self.endless_ended = 0

    async def get_tree(self, request: Any, context: Any) -> Any:
        assert ("authorization", "Bearer orchard") in context.invocation_metadata()
        if request.name == "wrong":
            await self._refuse(context)
        await context.send_initial_metadata((("etag", '"1"'),))
        context.set_trailing_metadata((("link", "</next>"),))
        return self._classes["Tree"](name=request.name, fruit_count=2**60)

    async def _refuse(self, context: Any) -> None:
        violation = error_details_pb2.BadRequest.FieldViolation(**BLAME)
        status = status_pb2.Status(code=3, message=SENTENCE)
        status.details.add().Pack(error_details_pb2.BadRequest(field_violations=[violation]))
        trailing = (("grpc-status-details-bin", status.SerializeToString()), ("link", "</why>"))
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, status.message, trailing)

    async def pick(self, request: Any, context: Any) -> AsyncIterator[Any]:
        if request.name == "wrong":
            await self._refuse(context)
        for number in (1, 2, 3):
            yield self._classes["Fruit"](number=number)
        if request.name == "rotten":
            await self._refuse(context)
        if request.name == "endless":
            try:
                await asyncio.sleep(60)
            finally:
                self.endless_ended += 1

    async def store(self, requests: AsyncIterator[Any], context: Any) -> Any:
        grams = [request.grams async for request in requests]
        return self._classes["Tree"](fruit_count=int(sum(grams)))

    def handlers(self) -> "grpc.GenericRpcHandler[Any, Any]":
        request, fruit = self._classes["GetTreeRequest"].FromString, self._classes["Fruit"].FromString
        serialize = {"response_serializer": lambda message: message.SerializeToString()}
        return grpc.method_handlers_generic_handler(
            "orchard.v1.OrchardService",
            {
                "GetTree": grpc.unary_unary_rpc_method_handler(self.get_tree, request, **serialize),
                "Pick": grpc.unary_stream_rpc_method_handler(self.pick, request, **serialize),
                "Store": grpc.stream_unary_rpc_method_handler(self.store, fruit, **serialize),
            },
        )


@pytest.fixture(scope="module")
def orchard(classes: dict[str, Any]) -> Orchard:
    return Orchard(classes)


@pytest.fixture(scope="module")
def access_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the gateway writes."""
    return tmp_path_factory.mktemp("gateway") / "log"


@pytest.fixture(scope="module")
def site(client_folder: Path) -> Iterator[str]:
    """Origin of the page."""
    serve_folder = partial(SilentHandler, directory=str(client_folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve_folder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class SilentHandler(SimpleHTTPRequestHandler):
    """Serves files and writes no log."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - named by the standard library
        pass


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(orchard: Orchard, descriptor_set: Path, access_log: Path, site: str) -> AsyncIterator[str]:
    """Address of a gateway that runs in front of the orchard."""
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([orchard.handlers()])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    with access_log.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gateway", "--backend", f"127.0.0.1:{port}"),
            *("--descriptor-set", str(descriptor_set), "--listen", "127.0.0.1:0", "--allowed-origin", site),
            stderr=log,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'generated' / 'python'}"},
            cwd=ROOT,
        )
    try:
        async with asyncio.timeout(30):
            while not (found := re.search(r"running on (http://\S+)", access_log.read_text())):
                await asyncio.sleep(0.05)
        yield found[1]
    finally:
        process.terminate()
        await asyncio.wait_for(process.wait(), 30)
        await server.stop(None)


@pytest.mark.parametrize("transport", [*CONNECT, *GRPC_WEB])
async def test_programs_see_what_a_grpc_client_would_see(
    transport: str, gateway: str, orchard: Orchard, client_folder: Path
) -> None:
    endless_before = orchard.endless_ended

    results = await call_from_node(transport, gateway, client_folder)

    assert_all_is_seen(results)
    if transport in CONNECT:
        assert results["harvest"] == "8"
    else:
        # gRPC-Web has no streams of requests.
        assert results["harvest"]["error"]["code"] == "Unimplemented"
    await wait_for_ends(orchard, endless_before + 2)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
async def test_pages_of_another_origin_see_the_same(gateway: str, orchard: Orchard, site: str) -> None:
    endless_before = orchard.endless_ended

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page()
        await page.goto(f"{site}/page.html?{urlencode({'url': gateway})}")
        found = await page.wait_for_function("window.results", timeout=30_000)
        results = await found.json_value()
        await browser.close()

    assert list(results) == ["connect json", "connect get", "grpc-web binary"]
    for one in results.values():
        assert_all_is_seen(one)
        # Browsers do not send streams; the client does not even try.
        assert "error" in one["harvest"]
    await wait_for_ends(orchard, endless_before + 6)


async def test_an_rpc_without_side_effects_may_be_a_get(gateway: str, access_log: Path, client_folder: Path) -> None:
    await call_from_node("connect get", gateway, client_folder)

    assert "method=GET path=/orchard.v1.OrchardService/GetTree status=200" in access_log.read_text()


async def call_from_node(transport: str, gateway: str, client_folder: Path) -> Any:
    assert NODE is not None
    client = await asyncio.create_subprocess_exec(
        *(NODE, "client.js", transport, gateway), cwd=client_folder, stdout=asyncio.subprocess.PIPE
    )
    output, _ = await asyncio.wait_for(client.communicate(), 30)
    return json.loads(output)


def assert_all_is_seen(results: Any) -> None:
    """Messages, metadata, errors with their details, deadlines and partings are what the servicer made of them."""
    refusal = {"code": "InvalidArgument", "message": SENTENCE, "violations": [BLAME], "link": "</why>"}
    assert results["unary"] == {"name": "älm", "fruitCount": str(2**60), "etag": '"1"', "link": "</next>"}
    assert results["refused"] == {"error": refusal}
    assert results["large"] == 5_000
    assert results["stream"] == {"numbers": [1, 2, 3]}
    assert results["streamRefused"] == {"numbers": [], "error": refusal}
    assert results["streamBreaks"] == {"numbers": [1, 2, 3], "error": refusal}
    assert results["deadline"]["numbers"] == [1, 2, 3]
    assert results["deadline"]["error"]["code"] == "DeadlineExceeded"
    assert results["left"]["error"]["code"] == "Canceled"


async def wait_for_ends(orchard: Orchard, count: int) -> None:
    """Wait for the end of the call the client left and of the one that had no more time: both within a second or so."""
    async with asyncio.timeout(2):
        while orchard.endless_ended < count:
            await asyncio.sleep(0.05)
