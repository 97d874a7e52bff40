"""The folder of a job as its file nodes see it: names lead to paths within, and nothing else is there for them."""

import asyncio
import os
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from workers.flow.errors import StepFailed
from workers.flow.job_folder import JobFolder
from workers.workflow.errors import NodeFailed
from workers.workflow.limits import Limits
from workers.workflow.registry import Given, Result
from workers.workflow.step import Step

# The largest file nodes make; the server takes no larger one either.
FILE_BYTES: Final = 1 << 30

_DRIVE: Final = re.compile(r"[A-Za-z]:")


class FileMissing(NodeFailed):
    """There is no such file. Another attempt begins with an empty folder too, but may make it."""


class Folder:
    """Paths in the folder of one job. Names are told back as they are there, with "/", never where the folder is."""

    def __init__(self, root: Path, limits: Limits) -> None:
        self.limits = limits
        self._job = JobFolder(root)

    def path(self, name: str) -> Path:
        """Return the path of `name`, whether it exists or not. Workflows are drawn on Windows too: "\\" separates.

        Raises:
            NodeFailed: it is no name, or leads out of the folder, by a symbolic link or otherwise.
        """
        written = name.strip().replace("\\", "/")
        if not written:
            raise NodeFailed("the name of a file is missing")
        if _DRIVE.match(written):
            raise NodeFailed(f"{name!r:.80} is outside of the job folder")
        try:
            path = self._job.inside(written)
        except StepFailed as refusal:
            raise NodeFailed(refusal.reason) from refusal
        if self.hides(path):
            raise NodeFailed(f"{name!r:.80} belongs to the run itself: no name at the top may begin with a dot")
        return path

    def hides(self, path: Path) -> bool:
        """Tell whether `path` leads out of the folder, or to what the engine keeps in it."""
        if not path.is_relative_to(self._job.root):
            return True
        return self.name(path) != "." and self.name(path).startswith(".")

    def name(self, path: Path) -> str:
        """Return the name under which nodes find `path`."""
        return path.relative_to(self._job.root).as_posix()

    def file(self, name: str) -> Path:
        """Return the path of a file that is there.

        Raises:
            NodeFailed: it is not, or is a folder, a device or the like.
        """
        path = self.path(name)
        if not path.exists():
            raise FileMissing(f"there is no file {self.name(path)!r}")
        if not path.is_file():
            raise NodeFailed(f"{self.name(path)!r} is not a file")
        return path

    def folder(self, name: str) -> Path:
        """Return the path of a folder that is there.

        Raises:
            NodeFailed: it is not.
        """
        path = self.path(name)
        if not path.is_dir():
            raise FileMissing(f"there is no folder {self.name(path)!r}")
        return path

    def target(self, name: str, *, create_folders: bool = True, overwrite: bool = True) -> Path:
        """Return the path of a file that is to be written.

        Raises:
            NodeFailed: something else than a file is there, or a file that is not to be overwritten, or no folder.
        """
        path = self.path(name)
        if path.exists() and not path.is_file():
            raise NodeFailed(f"{self.name(path)!r} is there and is not a file")
        if path.exists() and not overwrite:
            raise NodeFailed(f"the file {self.name(path)!r} is there already")
        if create_folders:
            path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def content(self, name: str) -> bytes:
        """Return what is in a file.

        Raises:
            NodeFailed: there is none, or it is larger than a value may be.
        """
        limit = self.limits.value_bytes
        with self.file(name).open("rb") as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            raise NodeFailed(f"the file {name!r:.80} is larger than {limit:,} bytes")
        return content

    def text(self, name: str, encoding: str) -> str:
        """Return the text in a file, without a byte order mark, line ends as they are.

        Raises:
            NodeFailed: there is none, it is too large, or it is not in `encoding`.
        """
        return decoded(self.content(name), encoding, name)

    def new_artifact(self, name: str) -> Path:
        """Return a path for a file that is kept with the job."""
        return self._job.new_artifact(name)

    def new_part(self) -> Path:
        """Return a path, hidden from the nodes, for a file that is not yet whole."""
        return self._job.root / f".part-{os.urandom(8).hex()}"


def decoded(content: bytes, encoding: str, name: str) -> str:
    """Return `content`, which is that of the file `name`, as text.

    Raises:
        NodeFailed: it is not in `encoding`, or that is none.
    """
    try:
        return content.decode("utf-8-sig" if encoding.lower() in ("utf-8", "utf8") else encoding)
    except LookupError as error:
        raise NodeFailed(f"its input 'encoding' is not an encoding of texts: {encoding!r:.60}") from error
    except UnicodeError as error:
        raise NodeFailed(f"the file {name!r:.80} is not text in {encoding}") from error


def encoded(text: str, encoding: str) -> bytes:
    """Return `text` as it is written to a file.

    Raises:
        NodeFailed: `encoding` cannot say it, or is none.
    """
    try:
        return text.encode(encoding)
    except LookupError as error:
        raise NodeFailed(f"its input 'encoding' is not an encoding of texts: {encoding!r:.60}") from error
    except UnicodeError as error:
        raise NodeFailed(f"the text cannot be written in {encoding}") from error


async def in_folder(work: Callable[[Folder], Any], step: Step) -> Any:
    """Do `work`, which reads or writes files, without holding up others; return what it returns.

    Raises:
        NodeFailed: `work` raised it, or the system refused.
    """
    return await asyncio.to_thread(_worked, work, Folder(step.host.folder, step.limits))


def _worked(work: Callable[[Folder], Any], folder: Folder) -> Any:
    try:
        return work(folder)
    except OSError as error:
        where = Path(error.filename).name if isinstance(error.filename, str) else "a file"
        raise NodeFailed(f"{where} cannot be used: {os.strerror(error.errno or 0)}") from error


def file_node(work: Callable[[Given, Folder], Result]) -> Callable[[Given, Step], Coroutine[Any, Any, Result]]:
    """Return what runs a node whose `work` is all in the folder of the job."""

    async def run(given: Given, step: Step) -> Result:
        result: Result = await in_folder(lambda folder: work(given, folder), step)
        return result

    return run
