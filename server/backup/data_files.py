"""Which files of the data folder are kept: all but what the next start makes by itself."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from server.data_folder import LOCK_NAME, UNFINISHED

# What a restore needs while it goes on, and where it puts what was there before.
RESTORING: Final = "restoring"
BEFORE: Final = "before-restore-"

# The database is saved by other means; a queue only says that there is work, and locks die with their processes.
LEFT_OUT: Final = frozenset(
    {
        RESTORING,
        UNFINISHED,
        "queue",
        "queue.sock",
        "queue.log",
        LOCK_NAME,
        "up.lock",
        "work",
    }
)


class Found(NamedTuple):
    """A file or a folder, with its path relative to the data folder."""

    relative: Path
    path: Path
    is_folder: bool


def kept_files(data_dir: Path, database: Path | None) -> Iterator[Found]:
    """Yield folders before what they hold. Links, sockets and pipes are left out, and what is gone by now.

    `database` is the file of a SQLite database, which may lie there.
    """
    for top in kept_entries(data_dir, database):
        if top.is_dir() and not top.is_symlink():
            yield Found(top.relative_to(data_dir), top, is_folder=True)
            yield from _below(top, data_dir)
        elif _is_file(top):
            yield Found(top.relative_to(data_dir), top, is_folder=False)


def kept_entries(data_dir: Path, database: Path | None) -> list[Path]:
    """Return what stands directly in the data folder and is kept."""
    left_out = {data_dir / name for name in LEFT_OUT}.union(() if database is None else database_files(database))
    return [path for path in sorted(data_dir.iterdir()) if path not in left_out and not path.name.startswith(BEFORE)]


def database_files(database: Path) -> list[Path]:
    """Return the files that a SQLite database may consist of."""
    return [database.with_name(database.name + suffix) for suffix in ("-wal", "-shm", "")]


def _below(top: Path, data_dir: Path) -> Iterator[Found]:
    for folder, names, files in os.walk(top):
        for name in sorted(names):
            path = Path(folder, name)
            if not path.is_symlink():
                yield Found(path.relative_to(data_dir), path, is_folder=True)
        for name in sorted(files):
            path = Path(folder, name)
            if _is_file(path):
                yield Found(path.relative_to(data_dir), path, is_folder=False)


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False
