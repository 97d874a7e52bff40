"""What a node is: its name, its arguments, what it does, the blocks of steps it owns."""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from workers.flow.arguments import nearest
from workers.flow.graph import EXEC_OUT
from workers.flow.job import Job

A = TypeVar("A")

# How long a step may take beyond its own `timeout` before it counts as hung.
GRACE_SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Continue:
    """The step is done: leave by `port`, and keep these values under these names."""

    port: str = EXEC_OUT
    variables: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Repeat:
    """Run the block "body" once for each item, then leave. The item is called `name` inside."""

    items: Sequence[object]
    name: str
    # Seconds to rest between two turns.
    pause_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Guard:
    """Run the block "body"; if a step of it fails the block "catch"; in every case the block "finally"."""


Result = Continue | Repeat | Guard


@dataclass(frozen=True, slots=True)
class NodeType(Generic[A]):
    """A kind of node. `arguments` is a dataclass as `arguments.py` describes."""

    name: str
    arguments: type[A]
    run: Callable[[A, Job], Awaitable[Result]]
    # What the log says of a step. Never what is typed into a page. None: nothing, the step speaks for itself.
    describe: Callable[[A], str] | None = None
    # Type and details of the event that telemetry hears of when a step on a page is done. Never what is typed.
    event: Callable[[A], tuple[str, Mapping[str, object]]] | None = None
    # Key in YAML -> port that leads into the block. The key "steps" must be given, others may.
    blocks: Mapping[str, str] = field(default_factory=dict)
    # Blocks of which at least one must be given.
    one_block_of: tuple[str, ...] = ()
    # Whether the end of a block leads back here, to choose the next port. A branch leads on to the next step instead.
    blocks_return: bool = True
    # Arguments of which exactly one must be given, and of which one may be given.
    one_of: tuple[str, ...] = ()
    at_most_one_of: tuple[str, ...] = ()

    def limit_seconds(self, arguments: A) -> float:
        """Seconds after which a step counts as hung."""
        own = getattr(arguments, "timeout", None) or getattr(arguments, "seconds", None) or 0.0
        return float(own) + GRACE_SECONDS


class Registry(Mapping[str, NodeType[Any]]):
    """Node types by name."""

    def __init__(self, types: Sequence[NodeType[Any]]) -> None:
        self._types = {one.name: one for one in types}

    def __getitem__(self, name: str) -> NodeType[Any]:
        return self._types[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def hint(self, name: str) -> str:
        """Return what to say after "there is no node <name>": the nearest known name, else all of them."""
        return nearest(name, sorted(self._types)) or f"; there are {', '.join(sorted(self._types))}"
