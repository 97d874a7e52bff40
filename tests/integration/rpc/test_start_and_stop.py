"""A server as a process of its own: how it starts, when it refuses to, who is let in, and how it stops."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from switchyard.tasks.v1.worker_service_pb2 import ClaimTaskRequest
from switchyard.tasks.v1.worker_service_pb2_grpc import WorkerServiceStub
from tests.integration.database.databases import USUAL_DIALECT, bare_database_url, server_settings

ROOT = Path(__file__).parents[3]
LISTENING = re.compile(r"switchyard server: http (http://\S+) http://\S+ grpc (\S+)")


@dataclass
class Running:
    """A server that listens."""

    process: subprocess.Popen[str]
    url: str
    grpc_address: str
    data_dir: Path

    def credential(self, name: str) -> str:
        lines = (self.data_dir / "credentials.env").read_text().splitlines()
        return next(line.partition("=")[2] for line in lines if line.startswith(f"{name}="))

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, list[dict[str, Any]]]:
        """Return the exit code and the lines of the log."""
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=30)
        return self.process.returncode, [json.loads(line) for line in log.splitlines()]


def command(data_dir: Path, **environ: str) -> dict[str, Any]:
    settings = {"DATA_DIR": str(data_dir), "PORT": "0", "AGENT_PORT": "0", "GRPC_PORT": "0", **environ}
    return {
        "args": [sys.executable, "-m", "server"],
        "cwd": ROOT,
        "env": server_settings(data_dir, settings),
        "text": True,
    }


def refusal(data_dir: Path, **environ: str) -> str:
    """Start a server that will not start, and return its one line."""
    done: subprocess.CompletedProcess[str] = subprocess.run(
        **command(data_dir, **environ), capture_output=True, check=False, timeout=90
    )
    assert done.returncode == 2, done.stderr
    return done.stderr.strip().splitlines()[-1]


@contextmanager
def started(data_dir: Path, **environ: str) -> Iterator[Running]:
    process = subprocess.Popen(**command(data_dir, **environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout is not None
        match = LISTENING.match(process.stdout.readline())
        assert match is not None, process.communicate(timeout=10)
        yield Running(process, match[1], match[2], data_dir)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server for those tests that leave it running."""
    with started(tmp_path_factory.mktemp("data")) as running:
        yield running


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Running]:
    with started(tmp_path) as running:
        yield running


def test_a_server_starts_serves_and_stops_in_order(own_server: Running) -> None:
    info = httpx.get(f"{own_server.url}/api/server").json()
    with grpc.insecure_channel(own_server.grpc_address) as channel:
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        services = ProtoReflectionDescriptorDatabase(channel).get_services()

    code, log = own_server.stop()

    assert (info["service"], info["database"], info["queue_reachable"]) == ("switchyard", USUAL_DIALECT, False)
    assert health.status == health_pb2.HealthCheckResponse.SERVING
    assert "switchyard.bots.v1.RunService" in services
    assert code == 0
    assert log[-1]["event"] == "server stopped"
    assert all({"event", "level", "timestamp"} <= line.keys() for line in log)


@pytest.mark.parametrize(("setting", "lines"), [("", 1), ("false", 0)])
def test_a_request_has_a_line_in_the_log_unless_that_is_turned_off(tmp_path: Path, setting: str, lines: int) -> None:
    with started(tmp_path, ACCESS_LOG=setting) as server:
        httpx.get(f"{server.url}/api/server?token=secret", headers={"x-request-id": "given"})
        _, log = server.stop()

    served = [line for line in log if line["event"] == "request served"]
    assert len(served) == lines
    for line in served:
        assert (line["method"], line["path"], line["status"], line["client"], line["request_id"], line["level"]) == (
            "GET",
            "/api/server",
            200,
            "127.0.0.1",
            "given",
            "info",
        )


@pytest.mark.parametrize(
    "name",
    [
        "switchyard_database_write_seconds_count",
        "switchyard_event_loop_lag_seconds_count",
        'switchyard_rpc_calls_total{code="OK",method="/switchyard.system.v1.SystemService/GetServerInfo"}',
        'switchyard_database_connections{state="free"}',
        'switchyard_http_requests_total{method="/switchyard.system.v1.SystemService/GetServerInfo",status="200"}',
    ],
)
def test_what_a_server_does_is_counted(server: Running, name: str) -> None:
    httpx.get(f"{server.url}/api/server")

    while sample(server, name) == 0:
        time.sleep(0.05)

    assert sample(server, name) > 0


def sample(server: Running, name: str) -> float:
    """The value of a metric with its labels."""
    lines = httpx.get(f"{server.url}/metrics").text.splitlines()
    [line] = [line for line in lines if line.startswith(f"{name} ")]
    return float(line.rpartition(" ")[2])


def test_what_a_server_writes_is_closed_to_others(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    # The file of the database is one that the server makes.
    with started(tmp_path, DATABASE_URL=bare_database_url("sqlite", tmp_path)):
        open_to_others = [path.name for path in tmp_path.iterdir() if path.stat().st_mode & 0o077]

    assert open_to_others == []


def test_an_open_stream_does_not_hold_up_the_end(own_server: Running) -> None:
    created = httpx.post(
        f"{own_server.url}/api/bot-instances", json={"owner_type": "user", "owner_id": "u", "bot_code": "noop"}
    ).json()

    with httpx.stream("GET", f"{own_server.url}/api/bot-instances/{created['id']}/logs/stream") as stream:
        lines = stream.iter_lines()
        next(lines)
        own_server.process.send_signal(signal.SIGINT)
        rest = list(lines)

    assert own_server.process.wait(timeout=10) == 0
    assert rest


def test_secrets_are_made_once_and_kept(own_server: Running) -> None:
    key = own_server.credential("API_KEY")
    own_server.stop()

    with started(own_server.data_dir) as again:
        assert again.credential("API_KEY") == key
        assert httpx.get(f"{again.url}/api/v1/users", headers={"x-api-key": key}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"x-forwarded-for": "203.0.113.9"},
        {"host": "rebound.example"},
        {"origin": "https://evil.example"},
        # What only a gateway may say.
        {"x-forwarded-for": "203.0.113.9", "x-gateway-local": "1", "x-gateway-client": "127.0.0.1"},
        {"x-forwarded-for": "203.0.113.9", "x-gateway-token": "guess", "x-gateway-local": "1"},
    ],
)
def test_a_request_that_is_not_local_needs_a_credential(server: Running, headers: dict[str, str]) -> None:
    without = httpx.get(f"{server.url}/metrics", headers=headers)
    with_key = httpx.get(f"{server.url}/metrics", headers={**headers, "x-api-key": server.credential("API_KEY")})

    assert (without.status_code, without.json()) == (401, {"detail": "Authentication required"})
    assert without.headers["www-authenticate"] == "Bearer"
    assert with_key.status_code == 200
    assert with_key.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_workers_need_their_token_even_on_this_machine(server: Running) -> None:
    request = ClaimTaskRequest(worker_id="w", kinds=["run_bot"])
    with grpc.insecure_channel(server.grpc_address) as channel:
        worker = WorkerServiceStub(channel)
        with pytest.raises(grpc.RpcError) as without:
            worker.ClaimTask(request)
        answer = worker.ClaimTask(request, metadata=(("x-api-token", server.credential("WORKER_TOKEN")),))

    assert without.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert not answer.HasField("task")


def test_a_second_server_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    # Several may work over one Postgres.
    url = bare_database_url("sqlite", tmp_path)

    with started(tmp_path, DATABASE_URL=url) as server:
        sentence = refusal(tmp_path, DATABASE_URL=url)

    assert sentence == (
        f"switchyard server: DATA_DIR {tmp_path} is in use by another server (process {server.process.pid}); "
        "stop it, or give this one another DATA_DIR"
    )


def test_a_server_that_was_killed_leaves_no_lock(own_server: Running) -> None:
    own_server.process.kill()
    own_server.process.wait()

    with started(own_server.data_dir) as again:
        assert httpx.get(f"{again.url}/api/server").status_code == 200


@pytest.mark.parametrize("variable", ["PORT", "AGENT_PORT", "GRPC_PORT"])
def test_a_port_that_is_taken_is_named(tmp_path: Path, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        sentence = refusal(tmp_path, **{variable: str(port)})

    assert sentence.startswith(f"switchyard server: {variable}: 127.0.0.1:{port} cannot be listened on")


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"PORT": "http"}, "PORT must be a whole number from 0 to 65535, not 'http'"),
        (
            {"DATABASE_URL": "postgresql://u@127.0.0.1:1/x"},
            "JWT_SECRET_KEY must be set, because other servers may use the same DATABASE_URL",
        ),
        (
            {"DATABASE_URL": "postgresql://u:visible@127.0.0.1:1/x", "JWT_SECRET_KEY": "k" * 43},
            "DATABASE_URL: the database cannot be opened: [Errno 111] Connection refused",
        ),
        (
            {"JWT_DEV_MODE": "true", "HOST": "0.0.0.0"},
            "JWT_DEV_MODE must not be true while HOST is 0.0.0.0: it lets everybody in",
        ),
    ],
)
def test_a_wrong_setting_stops_the_start(tmp_path: Path, environ: dict[str, str], sentence: str) -> None:
    assert refusal(tmp_path, **environ) == f"switchyard server: {sentence}"


def test_in_development_mode_everybody_is_admin(tmp_path: Path) -> None:
    with started(tmp_path, JWT_DEV_MODE="true") as running:
        me = httpx.get(f"{running.url}/api/v1/auth/me").json()

    assert (me["roles"], me["dev_mode"]) == (["admin", "developer", "operator", "viewer"], True)


def test_on_another_address_nobody_gets_in_without_a_credential(tmp_path: Path) -> None:
    with started(tmp_path, HOST="0.0.0.0") as running:
        url = running.url.replace("0.0.0.0", "127.0.0.1")

        assert httpx.get(f"{url}/api/bot-instances").status_code == 401
        assert httpx.get(f"{url}/openapi.json").status_code == 401
