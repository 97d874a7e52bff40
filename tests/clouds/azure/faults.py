"""What can go wrong at a step: one request of the API, by its name."""

import asyncio
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from aiohttp import web

FaultKind = Literal[
    "throttled",
    "error 500",
    "unavailable",
    "no answer",
    "cut before",
    "cut after",
    "changing",
    "quota",
    "refused",
    "echoed",
]
KINDS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)
# These pass by themselves, and the same request works afterwards.
PASSING: Final[tuple[FaultKind, ...]] = (
    "throttled",
    "error 500",
    "unavailable",
    "no answer",
    "cut before",
    "cut after",
    "changing",
)

_ANSWERS: Final[dict[FaultKind, tuple[int, str, str]]] = {
    "throttled": (429, "TooManyRequests", "The request is being throttled as the limit has been reached."),
    "error 500": (500, "InternalServerError", "Encountered internal server error. Correlation: 7f4a."),
    "unavailable": (503, "ServerTimeout", "The request timed out."),
    "changing": (409, "ContainerGroupTransitioning", "The container group is still transitioning, please retry later."),
    "quota": (
        409,
        "ContainerGroupQuotaReached",
        "container group quota 'StandardCores' exceeded in region 'eastus'. Limit: '10', Usage: '10' Requested: '2'.",
    ),
    "refused": (403, "AuthorizationFailed", "The client 'app-1' does not have authorization to perform action."),
}


class Refusal(Exception):
    """An answer that says no, in the words of the API."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or {}


@dataclass
class Held:
    """A request that is held, by its number from 1: `come` is set then. Once `released` is, it is cut off."""

    number: int = 0
    # Whether it is carried out before that.
    after: bool = False
    come: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    async def hold(self, request: web.Request) -> None:
        """Hold a request until it is released, and cut it off."""
        self.come.set()
        await self.released.wait()
        cut(request)


@dataclass
class Faults:
    """The faults that wait for their step, and how often each step was taken."""

    def __post_init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self._waiting: dict[str, deque[FaultKind]] = {}
        self.held = Held()

    def add(self, step: str, kind: FaultKind, times: int = 1) -> None:
        """Let the next `times` requests of `step` end so."""
        self._waiting.setdefault(step, deque()).extend([kind] * times)

    def left(self) -> int:
        """Return how many faults still wait."""
        return sum(len(kinds) for kinds in self._waiting.values())

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self._waiting.clear()

    def next(self, step: str) -> FaultKind | None:
        """Return what happens to the request that has come for `step`."""
        self.taken[step] += 1
        kinds = self._waiting.get(step)
        return kinds.popleft() if kinds else None


async def suffer(kind: FaultKind, request: web.Request) -> None:
    """Let `kind` happen to a request that is not carried out. "echoed" repeats what was sent, as APIs sometimes do.

    Raises:
        Refusal: it is answered so.
    """
    if kind == "cut before":
        cut(request)
    if kind == "no answer":
        await asyncio.Event().wait()
    if kind == "echoed":
        raise Refusal(400, "InvalidRequestContent", f"The request content was invalid: {await request.text()}")
    if kind == "changing" and request.path.count("/") == 2:
        raise Refusal(409, "ShareBeingDeleted", "The specified share is being deleted. Try operation later.")
    if kind in _ANSWERS:
        status, code, message = _ANSWERS[kind]
        raise Refusal(status, code, message, {"Retry-After": "1"} if kind == "throttled" else None)


def cut(request: web.Request) -> None:
    """End the connection without an answer."""
    if request.transport is not None:
        request.transport.abort()
    # Never sent: there is no connection left.
    raise web.HTTPInternalServerError
