"""What a worker can be told, read once from the environment."""

import os
import shlex
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from workers import chromium

CREDENTIALS_FILE: Final = "credentials.env"


class SettingInvalid(Exception):
    """A variable of the environment has a value that cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of one worker process."""

    server: str  # where gRPC finds the server, or several that do the same work: host:port, unix:path, ipv4:a:1,b:1
    data_dir: Path
    work_dir: Path  # holds one folder per attempt while it runs
    bots_dir: Path | None  # further bots, one YAML file each
    redis_url: str  # redis://, rediss:// or unix://
    chromium_path: str | None  # None: there is none, and bots that open pages fail
    slots: int  # runs at a time, 1 to 256
    comfy_sessions: int  # sessions at ComfyUI at a time, 0 to 64
    grace_seconds: float  # between asking a run to end and killing it, 0 to 600
    up_pid: int | None  # `switchyard up` that has started this worker, and whose end ends local environments
    local_ide_command: Sequence[str]  # editor of local environments; empty: JupyterLab
    provider_settings: Mapping[str, str] = field(repr=False)  # all variables: each cloud has its own, with secrets
    worker_host: str
    worker_token: str | None = field(repr=False)  # None: read DATA_DIR/credentials.env, which the server writes


def read_config(environment: Mapping[str, str]) -> Config:
    """Return the settings that `environment` holds.

    Raises:
        SettingInvalid: a value is out of range or not of its type.
    """
    data_dir = Path(environment.get("DATA_DIR") or "./data").resolve()
    bots_dir = environment.get("BOTS_DIR")
    return Config(
        server=_server(environment),
        data_dir=data_dir,
        work_dir=Path(environment.get("WORK_DIR") or data_dir / "work").resolve(),
        bots_dir=Path(bots_dir).resolve() if bots_dir else None,
        redis_url=_redis_url(environment, data_dir),
        chromium_path=_chromium_path(environment),
        slots=int(_number(environment, "WORKER_SLOTS", default=4, low=1, high=256, whole=True)),
        comfy_sessions=int(_number(environment, "COMFY_SESSIONS", default=5, low=0, high=64, whole=True)),
        grace_seconds=_number(environment, "GRACE_SECONDS", default=10, low=0, high=600),
        up_pid=_up_pid(environment),
        local_ide_command=_ide_command(environment),
        provider_settings=environment,
        worker_host=socket.gethostname()[:255],
        worker_token=environment.get("WORKER_TOKEN") or None,
    )


def read_worker_token(data_dir: Path) -> str | None:
    """Return WORKER_TOKEN of `data_dir`/credentials.env; None while the server has not written it."""
    try:
        text = (data_dir / CREDENTIALS_FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if name.strip() == "WORKER_TOKEN":
            return value.strip().strip("\"'") or None
    return None


def _chromium_path(environment: Mapping[str, str]) -> str | None:
    try:
        found = chromium.find(environment)
    except chromium.ChromiumMissing as error:
        raise SettingInvalid(str(error)) from error
    return None if found is None else str(found)


def _up_pid(environment: Mapping[str, str]) -> int | None:
    """Return the process that `switchyard up` names as itself, if it is what has started us."""
    return os.getppid() if environment.get("SWITCHYARD_UP_PID") == str(os.getppid()) else None


def _ide_command(environment: Mapping[str, str]) -> Sequence[str]:
    text = environment.get("LOCAL_IDE_COMMAND") or ""
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise SettingInvalid(f"LOCAL_IDE_COMMAND must be quoted as in a shell: {error}") from None
    if words and "{port}" not in text:
        raise SettingInvalid("LOCAL_IDE_COMMAND must say with {port} where it listens")
    return words


def _server(environment: Mapping[str, str]) -> str:
    server = environment.get("SWITCHYARD_SERVER") or "127.0.0.1:50051"
    if server.startswith("unix:"):
        return server
    places = [place.strip() for place in server.split(",")]
    hosts = [_host_of(place) for place in places]
    if len(places) == 1:
        return server
    # Source: https://github.com/grpc/grpc/blob/master/doc/naming.md
    try:
        (version,) = {ip_address(host.strip("[]")).version for host in hosts}
    except ValueError:
        raise SettingInvalid(
            "SWITCHYARD_SERVER must be one host:port, whose host may stand for several servers, or several addresses "
            f"of one kind with their ports, not {server!r}"
        ) from None
    return f"ipv{version}:{','.join(places)}"


def _host_of(place: str) -> str:
    host, _, port = place.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise SettingInvalid(f"SWITCHYARD_SERVER must be host:port, not {place!r}")
    return host


def _redis_url(environment: Mapping[str, str], data_dir: Path) -> str:
    url = environment.get("REDIS_URL") or f"unix://{data_dir}/queue.sock"
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise SettingInvalid("REDIS_URL must begin with redis://, rediss:// or unix://")
    return url


def _number(
    environment: Mapping[str, str], name: str, *, default: float, low: float, high: float, whole: bool = False
) -> float:
    text = environment.get(name)
    if not text:
        return default
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        raise SettingInvalid(f"{name} must be a number, not {text!r}") from None
    if not low <= value <= high:
        raise SettingInvalid(f"{name} must be between {low:g} and {high:g}, not {text}")
    return value


def main() -> int:
    """Check the settings and start nothing: `python -m workers.config` prints what is wrong and exits with 1."""
    try:
        read_config(os.environ)
    except SettingInvalid as mistake:
        print(mistake, file=sys.stderr)  # noqa: T201 - its answer
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
