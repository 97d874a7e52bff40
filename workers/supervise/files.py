"""When a file of the workspace last changed."""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

# What lies deeper in a large workspace is not looked at: a look has to stay cheap.
_MOST_ENTRIES: Final = 20_000


def newest_change(folder: Path, *, now: float) -> float | None:
    """Return when a file below `folder` last changed, in seconds since the epoch; None when there is none.

    Times after `now` do not count: they come with files from elsewhere. Links are not followed.
    """
    return max((changed for changed in _changes(folder) if changed <= now), default=None)


def _changes(folder: Path) -> Iterator[float]:
    folders = deque([os.fspath(folder)])
    left = _MOST_ENTRIES
    while folders and left > 0:
        # What goes away while we look is not there.
        with suppress(OSError), os.scandir(folders.popleft()) as entries:
            for entry in entries:
                left -= 1
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    with suppress(OSError):
                        yield entry.stat(follow_symlinks=False).st_mtime
