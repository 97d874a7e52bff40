"""What a client must know of an rpc."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from google.protobuf.message import Message

Q = TypeVar("Q", bound=Message)
R = TypeVar("R", bound=Message)


@dataclass(frozen=True)
class Method(Generic[Q, R]):
    """One rpc.

    Attributes:
        path: as gRPC has it, "/package.Service/Rpc".
        request: class of its request. Called, it takes more than its type information says: None for an unset field,
            dicts for messages, datetimes for timestamps.
        response: class of its answer.
        repeatable: made twice, it does no more than made once.
        resumes: of a stream: what it takes to open it again when it broke, see `resume`; None when it cannot be.
    """

    path: str
    request: Callable[..., Q]
    response: type[R]
    repeatable: bool = False
    resumes: Callable[[Any, Any], None] | None = None


@dataclass(frozen=True)
class Paged(Generic[Q, R]):
    """A list that comes in pages: `items` is the field of the answer that holds them, `turn` turns the page."""

    method: Method[Q, R]
    items: str
    turn: Callable[[Any, Any], bool]
