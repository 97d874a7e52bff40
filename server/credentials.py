"""The secrets the server lives by: given by the environment, or made at the first start and kept in one file.

The file is a list of NAME=value lines that a shell can read, mode 0600. What the environment gives wins and is not
written down.
"""

import fcntl
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from server.config import SECRETS, ConfigInvalid, ServerConfig

FILE_NAME: Final = "credentials.env"
_HEADER: Final = "# Made by switchyard. Whoever can read this can do everything. Variables of the environment win.\n"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The secrets, and what was done to the file they lie in.

    `created`: something was generated now. `tightened`: the file could be read by others and was closed.
    `admin_password_given`: the environment sets the admin's password, so it counts from this start on.
    """

    api_key: str = field(repr=False)
    jwt_secret_key: str = field(repr=False)
    admin_password: str = field(repr=False)
    worker_token: str = field(repr=False)
    gateway_token: str = field(repr=False)
    path: Path
    created: bool
    tightened: bool
    admin_password_given: bool


def load_credentials(config: ServerConfig) -> Credentials:
    """Read the secrets and generate those that are nowhere. The data folder must exist.

    The key of tokens is made only for a database that comes along: servers that share one must sign with the same key.

    Raises:
        ConfigInvalid: the file is there and cannot be read as NAME=value lines, or JWT_SECRET_KEY has to be set.
    """
    path = config.data_dir / FILE_NAME
    with _alone_in(config.data_dir):
        stored = _read(path)
        tightened = _tighten(path)
        given = {name: value for name in SECRETS if (value := getattr(config, name.lower())) is not None}
        known = {**stored, **given}
        made = {name: secrets.token_urlsafe(32) for name in SECRETS if name not in known}
        if "JWT_SECRET_KEY" in made and config.database_file is None:
            raise ConfigInvalid("JWT_SECRET_KEY must be set, because other servers may use the same DATABASE_URL")
        if made:
            _write(path, {**stored, **made})
    values = {name.lower(): value for name, value in {**known, **made}.items() if name in SECRETS}
    return Credentials(
        **values,
        path=path,
        created=bool(made),
        tightened=tightened,
        admin_password_given=config.admin_password is not None,
    )


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes that start at this moment from making different secrets."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(path: Path) -> dict[str, str]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigInvalid(f"{path} cannot be read as text: {error}") from error
    lines = enumerate(text.splitlines(), start=1)
    return dict(_pair(path, number, line.strip()) for number, line in lines if line.strip() and line.strip()[0] != "#")


def _pair(path: Path, number: int, line: str) -> tuple[str, str]:
    name, separator, value = line.partition("=")
    if not separator or not name.isidentifier() or not value:
        raise ConfigInvalid(f"{path} line {number} must be NAME=value; repair it, or remove the file to make a new one")
    return name, value.strip("\"'")


def _tighten(path: Path) -> bool:
    """Close the file to everybody else. Return whether it had been open."""
    if not path.exists() or not stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        return False
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return True


def _write(path: Path, values: Mapping[str, str]) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(_HEADER + "".join(f"{name}={value}\n" for name, value in values.items()))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
