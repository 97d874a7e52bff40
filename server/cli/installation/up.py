"""Starts the whole system: queue, server, worker. `make run` and `switchyard up` end here.

The process stays as long as the system runs, so it imports neither gRPC nor the command line's libraries.
"""

import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from server.cli.addresses import credentials_file, reachable, refused_binding, shown
from server.cli.installation.embedded_queue import EmbeddedQueue, NoQueueProgram, in_data_folder, is_private
from server.cli.installation.serving import is_serving
from server.cli.installation.supervisor import Program, StartFailed, Supervisor
from server.cli.installation.terminal import own_foreground
from server.config import ConfigInvalid, ServerConfig

# A stop has to be over within 30 s. A worker lets runs go on for 10 s, then gives them 10 s to end.
WORKER_STOP_BY_SECONDS: Final = 23.0
SERVER_STOP_BY_SECONDS: Final = 27.5
QUEUE_STOP_BY_SECONDS: Final = 29.5
# A database may have to be migrated first.
SERVER_READY_SECONDS: Final = 120.0
QUEUE_READY_SECONDS: Final = 30.0
# A worker that lives this long has read its settings and reached the server.
WORKER_READY_SECONDS: Final = 1.5


class AlreadyRunning(Exception):
    """Another `switchyard up` holds the data folder."""


def main() -> int:
    """Run everything until a stop signal; return the exit code: 0, 1 when it could not start, 130 when cut short."""
    try:
        config = ServerConfig.from_environment(os.environ)
        config.data_dir.mkdir(parents=True, exist_ok=True)
        with own_foreground(), sole_user(config.data_dir):
            require_ports(config)
            return supervise(config)
    except (ConfigInvalid, StartFailed, AlreadyRunning, NoQueueProgram, OSError) as error:
        say(str(error))
        return 1


def require_ports(config: ServerConfig) -> None:
    """Refuse to start where others listen: their server would answer in place of ours.

    Raises:
        StartFailed: a port is taken.
    """
    listeners = (
        ("PORT", config.host, config.port),
        ("AGENT_PORT", config.host, config.agent_port),
        ("GRPC_PORT", config.grpc_host, config.grpc_port),
    )
    for variable, host, port in listeners:
        if refusal := refused_binding(host, port):
            place = f"{shown(host)}:{port}"
            raise StartFailed(f"{place} cannot be used: {refusal.strerror}; end the program there, or set {variable}")


def require_worker_settings(environment: Mapping[str, str]) -> None:
    """Refuse to start anything while the worker, which starts last, would refuse its settings.

    Raises:
        StartFailed: a variable has a value that the worker cannot use.
    """
    command = [sys.executable, "-m", "workers.config"]
    checked = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)
    if checked.returncode != 0:
        raise StartFailed(checked.stderr.strip())


def supervise(config: ServerConfig) -> int:
    """Run what `config` asks for. A queue of our own is left out when REDIS_URL names another, or none is wanted."""
    environment = dict(os.environ)
    programs: list[Program] = []
    queue = None
    if config.redis_url is None and not config.use_memory_queue:
        queue = in_data_folder(config.data_dir)
        programs.append(queue_program(queue, environment))
        environment["REDIS_URL"] = queue.url
    address = f"{shown(reachable(config.grpc_host))}:{config.grpc_port}"
    environment["SWITCHYARD_SERVER"] = address
    require_worker_settings(environment)
    programs += [server_program(config, environment), worker_program(environment)]
    had_credentials = credentials_file(config).exists()
    try:
        return Supervisor(programs, say).run(lambda: announce(config, new_credentials=not had_credentials))
    finally:
        if queue is not None:
            queue.remove_socket()


def queue_program(queue: EmbeddedQueue, environment: Mapping[str, str]) -> Program:
    """Return the embedded queue as a program, its folders made."""
    if not is_private(queue.socket_path.parent) and queue.socket_path.parent != queue.folder.parent:
        raise StartFailed(f"{queue.socket_path.parent} must be a folder of mode 700 of ours; remove it")
    if queue.socket_path.parent != queue.folder.parent:
        say(f"the path of the data folder is too long for a socket; the queue listens on {queue.socket_path}")

    def prepare(restarts: int) -> None:
        if aside := queue.prepare(restarts):
            say(aside)

    prepare(0)
    return Program(
        name="queue",
        command=queue.command(),
        environment=environment,
        ready=queue.answers,
        ready_seconds=QUEUE_READY_SECONDS,
        stop_by_seconds=QUEUE_STOP_BY_SECONDS,
        healthy=queue.answers,
        before_restart=prepare,
    )


def server_program(config: ServerConfig, environment: Mapping[str, str]) -> Program:
    """Return the server as a program that is ready when its gRPC health says SERVING."""
    host = reachable(config.grpc_host)
    return Program(
        name="server",
        command=[sys.executable, "-m", "server"],
        environment=environment,
        ready=lambda: is_serving(host, config.grpc_port),
        ready_seconds=SERVER_READY_SECONDS,
        stop_by_seconds=SERVER_STOP_BY_SECONDS,
    )


def worker_program(environment: Mapping[str, str]) -> Program:
    """Return the worker as a program that is ready when it has lived for a moment."""
    ready_at: list[float] = []

    def has_lived() -> bool:
        if not ready_at:
            ready_at.append(time.monotonic() + WORKER_READY_SECONDS)
        return time.monotonic() >= ready_at[0]

    return Program(
        name="worker",
        command=[sys.executable, "-m", "workers"],
        # What it makes to last longer than itself ends with us.
        environment={**environment, "SWITCHYARD_UP_PID": str(os.getpid())},
        ready=has_lived,
        ready_seconds=2 * WORKER_READY_SECONDS,
        stop_by_seconds=WORKER_STOP_BY_SECONDS,
    )


def announce(config: ServerConfig, *, new_credentials: bool) -> None:
    """Print where everything is; where the secrets are only when they have just been made."""
    http = f"http://{shown(config.host)}:{config.port}"
    lines = [
        "Switchyard is running; Ctrl-C stops it.",
        f"  HTTP          {http}",
        f"  Documentation {http}/docs",
        f"  Environments  http://{shown(config.host)}:{config.agent_port}",
        f"  gRPC          {shown(config.grpc_host)}:{config.grpc_port}",
        f"  Data          {config.data_dir}",
    ]
    if new_credentials and credentials_file(config).exists():
        lines.append(f"  Credentials   {credentials_file(config)} (made just now; holds the admin's password)")
    print(*lines, sep="\n", flush=True)  # noqa: T201 -- what the command is asked for


@contextlib.contextmanager
def sole_user(data: Path) -> Iterator[None]:
    """Hold the data folder: two systems in one folder would take each other's work.

    Raises:
        AlreadyRunning: somebody else holds it.
    """
    with (data / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            raise AlreadyRunning(f"{data} is in use by process {owner}; stop it, or set DATA_DIR") from None
        lock.seek(0)
        lock.truncate()
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def say(line: str) -> None:
    """Print one line for the operator."""
    print(f"switchyard: {line}", file=sys.stderr, flush=True)  # noqa: T201 -- what the command is asked for


if __name__ == "__main__":
    sys.exit(main())
