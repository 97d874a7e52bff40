"""A supervisor as a process: real connections to a port, and a server that hears its reports."""

import json
import os
import queue
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from workers.supervise import REFUSED

ROOT = Path(__file__).parents[3]
TOKEN = "token-of-the-environment"


@dataclass
class Heard:
    """One request: its path, its credential, its body."""

    path: str
    authorization: str
    body: dict[str, Any]

    @property
    def ide_connections(self) -> int:
        return int(self.body["snapshot"]["activeIDEConnections"])


@dataclass
class Far:
    """The server of the reports. `answers` are given one after the other, then 200."""

    url: str = ""
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    heard: "queue.Queue[Heard]" = field(default_factory=queue.Queue)

    def next_report(self, wanted: Callable[[Heard], bool] = lambda _: True) -> Heard:
        while not wanted(heard := self.heard.get(timeout=20)):
            pass
        return heard


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(handler: BaseHTTPRequestHandler, status: int, body: dict[str, Any]) -> None:
    content = json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@pytest.fixture
def far() -> Iterator[Far]:
    far = Far()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status, told = far.answers.pop(0) if far.answers else (200, {})
            answer(self, status, told)
            far.heard.put(Heard(self.path, self.headers["Authorization"], body))

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler) as port:
        far.url = f"http://127.0.0.1:{port}"
        yield far


@contextmanager
def supervisor(far: Far, *words: str, **variables: str) -> Iterator["subprocess.Popen[str]"]:
    environment = {
        **os.environ,
        "AGENT_URL": far.url,
        "ENVIRONMENT_ID": "env-abc123",
        "ENVIRONMENT_TOKEN": TOKEN,
        **variables,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.supervise", *words],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_a_connection_is_reported_when_it_comes_and_when_it_goes(far: Far, tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as ide,
        supervisor(far, "--ide-port", "0", "--ssh-port", str(ide.getsockname()[1]), "--workspace", str(tmp_path)),
    ):
        first = far.next_report()
        with socket.create_connection(ide.getsockname()), ide.accept()[0]:
            come = far.next_report()
        gone = far.next_report()

    assert (first.path, first.authorization) == ("/api/v1/environments/env-abc123/activity", f"Bearer {TOKEN}")
    # Without waiting for the minute to pass.
    assert [report.body["snapshot"]["activeSSHConnections"] for report in (first, come, gone)] == [0, 1, 0]
    assert "lastIDEActivity" not in first.body["snapshot"]


def test_the_editor_tells_when_it_was_last_used_and_is_asked_without_being_used(far: Far, tmp_path: Path) -> None:
    class Jupyter(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            allowed = self.path == "/api/status" and self.headers["Authorization"] == "token of-the-editor"
            answer(self, 200 if allowed else 403, {"last_activity": "2025-10-24T11:00:00.250000Z"})

        def log_message(self, *_: object) -> None:
            pass

    with (
        serving(Jupyter) as port,
        supervisor(
            far, "--ide-port", str(port), "--every", "1", "--workspace", str(tmp_path), JUPYTER_TOKEN="of-the-editor"
        ),
    ):
        reports = [far.next_report() for _ in range(3)]

    assert {report.body["snapshot"]["lastIDEActivity"] for report in reports} == {"2025-10-24T11:00:00.250Z"}
    assert {report.ide_connections for report in reports} == {0}


def test_where_the_editor_tells_nothing_the_files_do(far: Far, tmp_path: Path) -> None:
    (tmp_path / "main.py").touch()
    os.utime(tmp_path / "main.py", (1_700_000_000, 1_700_000_000))
    with supervisor(far, "--ide-port", "0", "--workspace", str(tmp_path)):
        report = far.next_report()

    assert report.body["snapshot"]["lastIDEActivity"] == "2023-11-14T22:13:20.000Z"


def test_a_report_that_failed_is_made_anew_until_it_arrives(far: Far, tmp_path: Path) -> None:
    far.answers = [(500, {}), (503, {"message": "the database is away"})]
    with supervisor(far, "--ide-port", "0", "--workspace", str(tmp_path)) as process:
        reports = [far.next_report() for _ in range(3)]
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(2)]

    assert len({report.body["timestamp"] for report in reports}) == 3
    failure = "a report did not arrive and is tried again: the server answered 500: it does not say why"
    assert lines == [f"switchyard supervise: {failure}\n", "switchyard supervise: reports arrive again\n"]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_it_ends_with_a_clear_line_when_the_server_wants_no_more(far: Far, tmp_path: Path, status: int) -> None:
    far.answers = [(status, {"error": "Unauthorized", "message": "Invalid token", "code": "UNAUTHORIZED"})]
    with supervisor(far, "--ide-port", "0", "--workspace", str(tmp_path)) as process:
        _, error = process.communicate(timeout=30)

    assert process.returncode == REFUSED
    assert error == f"switchyard supervise: the server takes no reports ({status}): Invalid token\n"


def test_it_ends_when_it_is_told_to_also_while_the_server_is_silent(far: Far, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        far.url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with supervisor(far, "--ide-port", "0", "--workspace", str(tmp_path)) as process, silent.accept()[0] as caller:
            assert caller.recv(4) == b"POST"
            process.terminate()
            _, error = process.communicate(timeout=30)

    assert (process.returncode, error) == (0, "")
