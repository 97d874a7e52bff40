"""The folder of one run: what its steps may read, and where they leave files.

Names come from configuration, captions and pages, so each is resolved, symbolic links too, and must end up inside.
"""

import re
from pathlib import Path
from typing import Final

from workers.flow.errors import StepFailed

ARTIFACTS: Final = "artifacts"

# Longest file name we make, so that it fits every file system and the contract's 200 characters.
_NAME_LIMIT: Final = 120
_UNSAFE: Final = re.compile(r"[^\w. -]+")


class JobFolder:
    """Paths inside one job folder."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def file(self, name: str, *, below: str = ".") -> Path:
        """Return the regular file `name` in the folder `below` the job folder, resolved.

        Raises:
            StepFailed: it is not there, is no file, or lies outside of `below`.
        """
        path = self.inside(name, below=below)
        if not path.is_file():
            raise StepFailed(f"there is no file {name!r} in {_shown(below)}")
        return path

    def inside(self, name: str, *, below: str = ".") -> Path:
        """Return the path of `name` in the folder `below`, resolved, whether it exists or not.

        Raises:
            StepFailed: it lies outside of `below`, or `below` outside of the job folder.
        """
        try:
            base = (self.root / below).resolve()
            path = (base / name).resolve()
            path.exists()  # a name that is too long shows only here
        except (OSError, RuntimeError, ValueError) as error:  # too long, a circle of links, a NUL
            raise StepFailed(f"{name!r:.80} is not a usable file name") from error
        if not base.is_relative_to(self.root):
            raise StepFailed(f"{below!r:.80} is outside of the job folder")
        if not path.is_relative_to(base):
            raise StepFailed(f"{name!r:.80} is outside of {_shown(below)}")
        return path

    def new_artifact(self, name: str) -> Path:
        """Return a path for an artifact called like `name`, made safe and unique; its folder exists."""
        folder = self.root / ARTIFACTS
        folder.mkdir(exist_ok=True)
        wanted = Path(_UNSAFE.sub("_", name).strip(" .")[-_NAME_LIMIT:] or "file")
        path = folder / wanted
        number = 1
        while path.exists() or path.is_symlink():
            number += 1
            path = folder / f"{wanted.stem}-{number}{wanted.suffix}"
        return path


def _shown(below: str) -> str:
    return "the job folder" if below == "." else f"'{below.removeprefix('./')}'"
