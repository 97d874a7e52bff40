"""What `switchyard doctor` looks at. Each function looks at one thing and says what it found and what to do.

Nothing is changed, but for a scratch file and a browser profile that are gone afterwards.
"""

import errno
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import grpc
import redis
from packaging.requirements import Requirement

from server.cli.addresses import credentials_file, refused_binding
from server.cli.connection import Connection
from server.cli.installation.embedded_queue import NoQueueProgram, in_data_folder, queue_program
from server.cli.output import size_text
from server.config import ServerConfig
from switchyard.orchestrator.v1 import metrics_service_pb2
from switchyard.system.v1 import system_service_pb2
from switchyard.telemetry.v1 import statistics_service_pb2

OLDEST_PYTHON: Final = (3, 11)
# Screenshots, traces and logs of a day of runs fit into this.
LEAST_FREE_BYTES: Final = 1024**3
BROWSER_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 3.0
# Millions of rows are read.
COUNT_SECONDS: Final = 300.0
LOCK: Final = Path(__file__).parents[3] / "deploy" / "requirements.lock"
ServerInfo = system_service_pb2.GetServerInfoResponse


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. `advice` says what to do when it is not `ok`."""

    name: str
    ok: bool
    found: str
    advice: str = ""


def examine(config: ServerConfig, environ: Mapping[str, str], connection: Connection) -> Iterator[Check]:
    """Yield one Check after the other, as they are done."""
    yield check_python()
    yield check_packages(LOCK)
    yield check_browser(environ)
    yield check_disk(config.data_dir)
    yield check_credentials(credentials_file(config))
    server, info = check_server(connection)
    yield server
    yield check_database(config, info)
    if info is not None:
        yield check_counts(connection)
        yield check_metrics(connection)
    yield check_queue(config, info)
    yield check_port("PORT", config.host, config.port, server_runs=info is not None)
    yield check_port("GRPC_PORT", config.grpc_host, config.grpc_port, server_runs=info is not None)


def check_python() -> Check:
    """Look at the version of Python."""
    version = ".".join(map(str, sys.version_info[:3]))
    needed = ".".join(map(str, OLDEST_PYTHON))
    return Check("python", sys.version_info >= OLDEST_PYTHON, version, f"install Python {needed} or newer")


def check_packages(lock: Path) -> Check:
    """Compare the installed packages with the lock."""
    if not lock.exists():
        return Check("packages", True, "installed without a lock")
    wrong = [f"{name} {found or 'missing'} instead of {wanted}" for name, wanted, found in differing_packages(lock)]
    if wrong:
        return Check("packages", False, "; ".join(wrong), "run `make setup`; if that finds nothing to do, `make clean`")
    return Check("packages", True, f"as in {lock.name}")


def differing_packages(lock: Path) -> Iterator[tuple[str, str, str | None]]:
    """Yield name, locked and installed version of each package that is not as the lock has it."""
    for line in lock.read_text("utf-8").splitlines():
        if not re.match(r"[a-z0-9]", line):
            continue
        requirement = Requirement(line.removesuffix("\\"))
        if requirement.marker is not None and not requirement.marker.evaluate():
            continue
        wanted = next(iter(requirement.specifier)).version
        try:
            found = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            found = None
        if found != wanted:
            yield requirement.name, wanted, found


def check_browser(environ: Mapping[str, str]) -> Check:
    """Find the browser and open an empty page in it."""
    advice = "run `make setup`, or set CHROMIUM_PATH"
    looked = subprocess.run(
        [sys.executable, "-m", "workers.chromium"], env=dict(environ), capture_output=True, text=True, check=False
    )
    if looked.returncode != 0:
        return Check("browser", False, looked.stderr.strip() or "no Chromium", advice)
    path = looked.stdout.strip()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # The sandbox cannot be used by root.
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={profile}"]
        try:
            page = run_quietly([path, *options, "--dump-dom", "data:text/html,<p>it works</p>"])
        except (OSError, subprocess.SubprocessError) as error:
            return Check("browser", False, f"{path} does not start: {error}", "start it by hand to see why")
    if "it works" not in page:
        return Check("browser", False, f"{path} shows no page", "start it by hand to see why")
    return Check("browser", True, f"{path} opens a page")


def run_quietly(command: list[str]) -> str:
    """Return what `command` prints on standard output."""
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
        timeout=BROWSER_SECONDS,
        check=True,
    )
    return done.stdout


def check_disk(data: Path) -> Check:
    """Look whether the data folder, or the folder it will be made in, can be written to and has room."""
    folder = next(path for path in (data, *data.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Check("disk", False, f"{folder} cannot be written to: {error.strerror}", "set DATA_DIR or correct it")
    free = shutil.disk_usage(folder).free
    found = f"{data}, {size_text(free)} free"
    return Check("disk", free >= LEAST_FREE_BYTES, found, f"make room: {size_text(LEAST_FREE_BYTES)} should be free")


def check_credentials(path: Path) -> Check:
    """Look whether only its owner can read the file of secrets."""
    try:
        mode = path.stat().st_mode & 0o777
    except FileNotFoundError:
        return Check("credentials", True, "made at the first start")
    return Check("credentials", mode & 0o077 == 0, f"{path}, mode {mode:04o}", f"chmod 600 {path}")


def check_server(connection: Connection) -> tuple[Check, ServerInfo | None]:
    """Ask the server who it is. One that does not run is no fault."""
    request = system_service_pb2.GetServerInfoRequest()
    try:
        info = connection.system.GetServerInfo(request, timeout=ANSWER_SECONDS)
    except grpc.RpcError as error:
        return server_refusal(error, connection.address), None
    found = f"{info.service} {info.version} at {connection.address}"
    return Check("server", True, f"{found}, {info.queued_tasks} tasks wait, {info.running_tasks} run"), info


def server_refusal(error: grpc.RpcError, address: str) -> Check:
    """Say why the server told nothing."""
    status = getattr(error, "code", lambda: None)()
    if status in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
        return Check("server", True, f"not running at {address}")
    if status in (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED):
        return Check("server", False, f"{address} refuses our credential", "set SWITCHYARD_API_KEY, or use --api-key")
    return Check("server", False, f"{address} answers {status}", "another program has the port: set GRPC_PORT")


def check_database(config: ServerConfig, info: ServerInfo | None) -> Check:
    """Ask the server, or open the database as it would."""
    if info is not None:
        return Check("database", True, f"{info.database}, in use by the server")
    parts = urlsplit(config.database_url)
    if parts.scheme == "postgresql":
        found = f"postgresql at {parts.hostname or 'localhost'}:{parts.port or 5432}"
        failure = refused_connection(parts.hostname or "localhost", parts.port or 5432)
        return Check("database", failure is None, f"{found}{f': {failure}' if failure else ''}", "correct DATABASE_URL")
    return check_sqlite(Path(config.database_url.removeprefix("sqlite:///")))


def check_sqlite(path: Path) -> Check:
    """Read the whole file once; nothing is written."""
    if not path.exists():
        return Check("database", True, "made at the first start")
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=ANSWER_SECONDS)) as database:
            (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        verdict = str(error)
    return Check("database", verdict == "ok", f"{path}: {verdict}", "restore the file from a copy, or set DATA_DIR")


def refused_connection(host: str, port: int) -> str | None:
    """Return why no TCP connection can be made; None when it can."""
    try:
        with socket.create_connection((host, port), timeout=ANSWER_SECONDS):
            return None
    except OSError as error:
        return error.strerror or str(error)


def check_counts(connection: Connection) -> Check:
    """Have the server count sessions, events and proxies anew, and compare."""
    try:
        found = connection.statistics.CheckStatistics(
            statistics_service_pb2.CheckStatisticsRequest(), timeout=COUNT_SECONDS
        )
    except grpc.RpcError as error:
        status = getattr(error, "code", lambda: None)()
        return Check("counts", False, f"the server did not count: {status}", "see the server's log")
    if found.ok:
        return Check("counts", True, f"{found.compared} totals of telemetry are what their rows amount to")
    told = "; ".join(f"{one.what}: {one.stored}, but {one.counted}" for one in found.differences[:3])
    advice = "report this as a fault of Switchyard; the rows are right, the totals are not"
    return Check("counts", False, f"{len(found.differences)} totals are wrong: {told}", advice)


def check_metrics(connection: Connection) -> Check:
    """Have the server count jobs anew, and compare."""
    request = metrics_service_pb2.CheckMetricsRequest()
    try:
        found = connection.metrics.CheckMetrics(request, timeout=COUNT_SECONDS)
    except grpc.RpcError as error:
        status = getattr(error, "code", lambda: None)()
        return Check("jobs", False, f"the server did not count: {status}", "see the server's log")
    if found.ok:
        return Check("jobs", True, f"{found.compared} sums of jobs are what their rows amount to")
    told = "; ".join(f"{one.what}: {one.stored}, but {one.counted}" for one in found.differences[:3])
    advice = "report this as a fault of Switchyard; the rows are right, the sums are not"
    return Check("jobs", False, f"{len(found.differences)} sums are wrong: {told}", advice)


def check_queue(config: ServerConfig, info: ServerInfo | None) -> Check:
    """Ask the server whether its queue answers; without it, ask the queue, or look for the program it would be."""
    if config.use_memory_queue:
        return Check("queue", True, "not used; workers ask every two seconds")
    if info is not None:
        found = "answers the server" if info.queue_reachable else "does not answer the server; work waits, none is lost"
        return Check("queue", info.queue_reachable, found, "start the Redis of REDIS_URL, or `switchyard up`")
    if config.redis_url is not None:
        return check_redis(config.redis_url)
    try:
        program = queue_program()
    except NoQueueProgram as error:
        return Check("queue", False, str(error), "install redis-server, or set REDIS_URL")
    return Check("queue", True, f"{program}, will listen on {in_data_folder(config.data_dir).socket_path}")


def check_redis(url: str) -> Check:
    """Ask a Redis for an answer. The URL may hold a password and is not repeated."""
    timeouts = {"socket_timeout": ANSWER_SECONDS, "socket_connect_timeout": ANSWER_SECONDS}
    try:
        with closing(redis.Redis.from_url(url, **timeouts)) as client:
            client.ping()
    except (redis.RedisError, OSError, ValueError) as error:
        return Check("queue", False, f"REDIS_URL: {error}", "correct REDIS_URL, or remove it")
    return Check("queue", True, "REDIS_URL answers")


def check_port(variable: str, host: str, port: int, *, server_runs: bool) -> Check:
    """Look whether the port that `variable` sets is free, or taken by the server that runs."""
    name = "HTTP port" if variable == "PORT" else "gRPC port"
    refusal = refused_binding(host, port)
    if refusal is None:
        return Check(name, True, f"{port} is free")
    if refusal.errno == errno.EADDRINUSE and server_runs:
        return Check(name, True, f"{port}, used by the server")
    advice = f"end the program that has it, or set {variable}"
    return Check(name, False, f"{host}:{port}: {refusal.strerror}", advice)
