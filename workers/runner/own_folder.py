"""Folders that last as long as those who use them, and are found out when they were left behind.

The maker of a folder holds a lock on it. The lock is shared with what it forks, not with what those start, and the
kernel lets go of it when the last of them ends, whatever ends it.
"""

import fcntl
import os
import shutil
from pathlib import Path


def make(folder: Path) -> int:
    """Make `folder`, readable by us only, and return the descriptor whose lock says that it is in use.

    Raises:
        FileExistsError: it is there already.
    """
    while True:
        folder.mkdir(mode=0o700, parents=True)
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Before it was locked, `remove_abandoned` of another process may have taken it for a leftover.
        if os.fstat(lock).st_nlink > 0:
            return lock
        os.close(lock)


def remove(folder: Path, lock: int) -> list[str]:
    """Remove `folder` with all that is in it, then let go of its lock; return what stayed: paths with their reasons."""
    stayed: list[str] = []

    def note(_function: object, path: str, error: tuple[object, BaseException, object]) -> None:
        if not isinstance(error[1], FileNotFoundError):
            stayed.append(f"{path}: {error[1]}")

    shutil.rmtree(folder, onerror=note)
    os.close(lock)
    return stayed


def remove_abandoned(parent: Path, pattern: str) -> list[Path]:
    """Remove the folders of ours in `parent` whose names match `pattern` and that nobody uses; return them."""
    removed = []
    for folder in parent.glob(pattern):
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError, PermissionError):  # gone since, no folder, or somebody else's
            continue
        if _is_abandoned(lock):
            remove(folder, lock)
            removed.append(folder)
        else:
            os.close(lock)
    return removed


def _is_abandoned(folder: int) -> bool:
    """Take the lock of a folder of ours if nobody holds it."""
    if os.fstat(folder).st_uid != os.getuid():
        return False
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
