"""`python -m gateway` before a server in Go: all it knows of it is what reflection tells."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.end_to_end.system import wait_until
from tests.ports import free_port

HERE = Path(__file__).parent / "go_server"
ROOT = Path(__file__).parents[3]

pytestmark = [
    pytest.mark.skipif(shutil.which("go") is None, reason="go is not installed"),
    # The first build fetches and compiles grpc-go.
    pytest.mark.timeout(480),
]


@contextmanager
def running(*command: str | Path) -> Iterator["subprocess.Popen[str]"]:
    """`command` as a process, until the block ends."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=20)


@pytest.fixture(scope="module")
def go_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the server in Go."""
    folder = tmp_path_factory.mktemp("go")
    described, program = folder / "greeter.binpb", folder / "greeter"
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{HERE}", f"-I{ROOT / 'proto'}"]
    subprocess.run([*protoc, f"--descriptor_set_out={described}", "greeter.proto"], check=True)
    subprocess.run(["go", "build", "-o", program, "."], cwd=HERE, check=True)
    with running(program, described) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address, "the server did not start"
        yield address


@pytest.fixture(scope="module")
def client(go_server: str) -> Iterator[httpx.Client]:
    """A client of a gateway before the server."""
    listen = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "gateway", "--backend", go_server, "--reflection", "--listen", listen]
    with running(*command), httpx.Client(base_url=f"http://{listen}", trust_env=False) as client:
        wait_until(lambda: answers(client), timeout=30, what=lambda: "the gateway does not answer")
        yield client


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/openapi.json").status_code == 200
    except httpx.TransportError:
        return False


def test_a_unary_call_has_its_answer_and_the_metadata_of_the_server(client: httpx.Client) -> None:
    answer = client.get("/v1/greetings/Momo")

    assert answer.json()["text"] == "Hello Momo"
    # ProtoJSON: a 64-bit integer is text.
    assert int(answer.json()["greetingNumber"]) > 0
    assert answer.headers["cache-control"] == "max-age=60"


def test_an_error_keeps_its_status_and_its_details(client: httpx.Client) -> None:
    answer = client.get("/v1/greetings/nobody")

    told = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "NOBODY_HERE", "domain": "greeter.example"}
    assert answer.status_code == 404
    assert answer.json() == {"code": 5, "message": "nobody is not here", "details": [told]}


@pytest.mark.parametrize(
    ("accept", "start", "times"), [("application/x-ndjson", '{"text"', 2), ("text/event-stream", 'data: {"text"', 2)]
)
def test_a_stream_comes_in_the_framing_that_is_asked_for(
    client: httpx.Client, accept: str, start: str, times: int
) -> None:
    answer = client.get(f"/v1/greetings/Momo:often?count={times}", headers={"accept": accept})

    lines = [line for line in answer.text.splitlines() if line]
    assert len(lines) == times
    assert all(line.startswith(f'{start}:"Hello Momo"') for line in lines)


def test_a_stream_that_fails_at_once_has_the_status(client: httpx.Client) -> None:
    assert client.get("/v1/greetings/nobody:often?count=1").status_code == 404


def test_both_sides_of_a_stream_are_carried_and_an_error_ends_it_in_order(client: httpx.Client) -> None:
    sent = b"".join(b'{"name":"%b"}\n' % name for name in (b"Momo", b"Gigi", b"nobody", b"Beppo"))

    answer = client.post("/v1/talk", content=sent, headers={"content-type": "application/x-ndjson"})

    first, second, last = [json.loads(line) for line in answer.text.splitlines()]
    assert [first["text"], second["text"]] == ["Hello Momo", "Hello Gigi"]
    assert last["error"]["code"] == 5


def test_connect_clients_are_served_on_the_same_port(client: httpx.Client) -> None:
    answer = client.post("/gatewaytest.greeter.v1.GreeterService/Greet", json={"name": "Momo"})

    assert answer.json()["text"] == "Hello Momo"


def test_openapi_is_written_from_reflection_and_claims_no_credential(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()

    assert set(document["paths"]) == {"/v1/greetings/{name}", "/v1/greetings/{name}:often", "/v1/talk"}
    # Which calls want a credential, no descriptor of this server says.
    assert "security" not in document
    assert "securitySchemes" not in document.get("components", {})
    assert not [path for path, item in document["paths"].items() for one in item.values() if "security" in one]
