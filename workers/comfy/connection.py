"""What a session needs of ComfyUI, whichever way it reaches it."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import orjson

from workers.comfy.errors import Unreachable
from workers.comfy.happenings import Told
from workers.comfy.history import ResultFile
from workers.comfy.workflow import Workflow

# One request to ComfyUI; the answers are small but for files.
REQUEST_SECONDS: Final = 30.0
# A file, from its first byte to its last.
FILE_SECONDS: Final = 600.0
# The contract's bound for an artifact.
FILE_BYTES: Final = 1 << 30
# Messages that wait to be read. Whoever sends a prompt reads them all; between prompts they are dropped.
WAITING_MESSAGES: Final = 10_000

_SHOWN_ANSWER: Final = 200


class FileMissing(Exception):
    """ComfyUI does not give a file that a prompt left; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What ComfyUI answered."""

    status: int
    text: str

    def json(self) -> Any:
        """Return the value in an answer that must be one.

        Raises:
            Unreachable: it says that there was an error, or is not JSON.
        """
        self.check()
        try:
            return orjson.loads(self.text)
        except orjson.JSONDecodeError as error:
            raise Unreachable(f"ComfyUI gave no usable answer: {self.text[:_SHOWN_ANSWER]!r}") from error

    def check(self) -> None:
        """Return when it is an answer of ComfyUI itself, and no error.

        Raises:
            Unreachable: it is not.
        """
        if self.status in (401, 403):
            raise Unreachable(f"ComfyUI does not let us in any more: it answers with status {self.status}")
        if self.status != 200:
            raise Unreachable(f"ComfyUI gave no usable answer: status {self.status}")


@dataclass(frozen=True, slots=True)
class Composed:
    """A workflow as it is to be executed, in JSON; `workflow`, for ComfyUI's page, is empty when there is none."""

    prompt: str
    workflow: str


class Line:
    """What ComfyUI says by itself: its messages, and whether it is there."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[Told | Literal["back"]] = asyncio.Queue()
        self.away_since: float | None = None  # on the clock of the loop
        self.changed = asyncio.Event()  # it went away or came back; cleared by whoever waits

    def hear(self, message: Told) -> None:
        """Take a message; the oldest goes when nobody reads them."""
        if self._messages.qsize() >= WAITING_MESSAGES:
            self._messages.get_nowait()
        self._messages.put_nowait(message)

    def lose(self) -> None:
        """The WebSocket is closed."""
        if self.away_since is None:
            self.away_since = asyncio.get_running_loop().time()
            self.changed.set()

    def open(self) -> None:
        """The WebSocket is open, the first time or again."""
        self.away_since = None
        self.changed.set()
        self._messages.put_nowait("back")

    def forget(self) -> None:
        """Drop what waits to be read."""
        while not self._messages.empty():
            self._messages.get_nowait()

    async def next(self) -> Told | Literal["back"]:
        """Return the next message; "back" says that some may have been missed before it."""
        return await self._messages.get()


class Comfy(Protocol):
    """One ComfyUI. Every method may raise `Unreachable`, which passes, and `SessionFailed`, which does not."""

    @property
    def line(self) -> Line:
        """What it says by itself."""

    async def request(self, method: str, route: str, body: str | None = None) -> Answer:
        """Call its API. `route` stands behind its `/api`; `body` is JSON."""

    async def submit(self, fields: str) -> Answer:
        """Post a prompt in the name under which we get messages; `fields` of the body are JSON without braces."""

    async def open(self, workflow: Workflow) -> int:
        """Make `workflow` the one that is open; return how many nodes there are.

        Raises:
            Invalid: it has nodes that ComfyUI does not know, or cannot be loaded.
        """

    async def compose(self, inputs: str) -> Composed:
        """Return what is open with the values of `inputs` in it, which stays as it is.

        Raises:
            NoWorkflow: nothing is open.
            Invalid: `inputs` do not fit.
        """

    async def save(self, file: ResultFile, path: Path) -> None:
        """Write a file that a prompt left to `path`.

        Raises:
            FileMissing: ComfyUI does not give it.
        """

    async def gone(self) -> str:
        """Return once the session cannot go on, with the reason."""
