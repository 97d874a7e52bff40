"""The folder of one environment: DATA_DIR/environments/<id>, mode 0700.

workspace/        its files
home/             HOME of all that runs in it
environment.log   what it has printed, and environment.log.1 before that
state.json        the process that holds it, and where it listens; no secret
ide-password      only when nobody has given a password: a generated one
control.sock      takes commands, while it runs
lock              held by the holder for its life
"""

import fcntl
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from workers.environments.local.processes import Process

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")


class IdRefused(Exception):
    """An id of an environment that is no plain name."""


@dataclass(frozen=True, slots=True)
class State:
    """What is known of an environment that was started. `failed` is why it ended by itself; empty: it did not."""

    pid: int
    start: int
    region: str = ""
    user_id: str = ""
    isolated: bool = True
    in_script: bool = False  # the startup script is at work; the editor comes after it
    port: int = 0  # of the editor, once it was started
    failed: str = ""

    @property
    def holder(self) -> Process:
        """The process that holds it, or did."""
        return Process(self.pid, self.start)


class Folder:
    """The folder of one environment, which may not be there."""

    def __init__(self, data_dir: Path, environment_id: str) -> None:
        """Raises IdRefused."""
        if not _ID.fullmatch(environment_id):
            raise IdRefused(f"{environment_id!r:.100} is not the id of an environment")
        self.environment_id = environment_id
        self.path = environments_dir(data_dir) / environment_id
        self.workspace = self.path / "workspace"
        self.home = self.path / "home"
        self.log = self.path / "environment.log"
        self.control = self.path / "control.sock"

    @property
    def exists(self) -> bool:
        """Whether anything of it is there, be it a link to elsewhere."""
        return os.path.lexists(self.path)

    def make(self) -> None:
        """Make what is missing.

        Raises:
            OSError: it cannot be made.
        """
        for path in (self.path.parent, self.path, self.workspace, self.home):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)

    def read_state(self) -> State | None:
        """Return what was written last; None before the first start."""
        try:
            text = (self.path / "state.json").read_text(encoding="utf-8")
            return State(**json.loads(text))
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
            return None

    def write_state(self, state: State) -> None:
        """Replace what was written last, at once."""
        self._write("state.json", json.dumps(asdict(state)))

    def holder(self) -> Process | None:
        """Return the living process that holds it; None when it does not run."""
        state = self.read_state()
        return state.holder if state is not None and state.holder.alive else None

    def password(self) -> str:
        """Return the generated password of the editor, made if it is not there."""
        path = self.path / "ide-password"
        if not path.exists():
            self._write(path.name, secrets.token_urlsafe(18) + "\n")
        return path.read_text(encoding="utf-8").strip()

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold it until the context is left; yield whether that was possible: nobody else holds it."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(descriptor)

    def remove(self) -> list[str]:
        """Remove it with all that is in it, following no link out of it; return what stayed, with the reasons."""
        if self.path.is_symlink():
            self.path.unlink()
            return []
        stayed: list[str] = []

        def note(_function: object, path: str, error: tuple[object, BaseException, object]) -> None:
            if not isinstance(error[1], FileNotFoundError):
                stayed.append(f"{path}: {error[1]}")

        # What may not be changed is allowed first, and parents before their children; `walk` follows no link.
        for parent, folders, _ in os.walk(self.path):
            for name in folders:
                with suppress(OSError):
                    _allow(Path(parent, name))
        shutil.rmtree(self.path, onerror=note)
        return stayed

    def _write(self, name: str, text: str) -> None:
        fresh = self.path / f".{name}.{os.getpid()}"
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text)
        fresh.replace(self.path / name)


def environments_dir(data_dir: Path) -> Path:
    """Return the folder of all folders."""
    return data_dir / "environments"


def folders_in(data_dir: Path) -> Iterator[Folder]:
    """Yield the folders that are there, by name."""
    with suppress(FileNotFoundError):
        for path in sorted(environments_dir(data_dir).iterdir()):
            with suppress(IdRefused):
                yield Folder(data_dir, path.name)


def _allow(path: Path) -> None:
    """Let us read and change a folder of ours; a link stays as it is, and so does what it leads to."""
    mode = path.lstat().st_mode
    if stat.S_ISDIR(mode) and mode & 0o700 != 0o700:
        path.chmod(mode | 0o700)
