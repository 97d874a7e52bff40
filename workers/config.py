"""What a worker can be told, read once from the environment."""

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from workers import chromium

CREDENTIALS_FILE: Final = "credentials.env"


class SettingInvalid(Exception):
    """A variable of the environment has a value that cannot be used; the message names it."""


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of one worker process."""

    server: str  # host:port of the gRPC server
    data_dir: Path
    work_dir: Path  # holds one folder per attempt while it runs
    bots_dir: Path | None  # further bots, one YAML file each
    redis_url: str  # redis://, rediss:// or unix://
    chromium_path: str | None  # None: there is none, and bots that open pages fail
    slots: int  # runs at a time, 1 to 256
    grace_seconds: float  # between asking a run to end and killing it, 0 to 600
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
        grace_seconds=_number(environment, "GRACE_SECONDS", default=10, low=0, high=600),
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


def _server(environment: Mapping[str, str]) -> str:
    server = environment.get("SWITCHYARD_SERVER") or "127.0.0.1:50051"
    if server.startswith("unix:"):
        return server
    host, _, port = server.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise SettingInvalid(f"SWITCHYARD_SERVER must be host:port, not {server!r}")
    return server


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
