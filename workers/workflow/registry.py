"""What types of nodes there are: their inputs, outputs and ports, and what they do.

Further types come by entry points of the group `switchyard.nodes`: each refers to a `NodeType`, or to a function
without arguments that returns one or a list of them. A type that is there already is not replaced.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import entry_points
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

import structlog

if TYPE_CHECKING:
    from workers.workflow.blocks import Block, Jump
    from workers.workflow.branches import Branches
    from workers.workflow.step import Step

ENTRY_POINT_GROUP: Final = "switchyard.nodes"

# Ports of control, by which most nodes are left and entered.
EXEC_OUT: Final = "exec_out"
EXEC_IN: Final = "exec_in"

log: Final = structlog.get_logger(__name__)

Kind = Literal["any", "text", "number", "integer", "boolean", "list", "object", "condition"]
# A "start" begins a run, a "trigger" where there is no start; a "part" of a block never begins one.
Role = Literal["step", "start", "trigger", "part"]

Given: TypeAlias = dict[str, Any]


class Leave(NamedTuple):
    """The node is done: leave by `port`, with these outputs."""

    port: str
    outputs: Mapping[str, Any]


# Outputs of a node that leaves by `exec_out`, or what else is to happen.
Result: TypeAlias = "Mapping[str, Any] | Leave | Block | Branches | Jump"
Run: TypeAlias = "Callable[[Given, Step], Result | Awaitable[Result]]"
# Makes the block of a node again from what its `state` was, in a next attempt of the run.
Reopen: TypeAlias = "Callable[[Any, Step], Block] | None"


@dataclass(frozen=True, slots=True)
class Input:
    """A value a node takes, from a connection or from its configuration under this name or an alias of it."""

    name: str
    kind: Kind = "any"
    required: bool = False
    default: Any = None
    aliases: tuple[str, ...] = ()
    # Values it may have, of a text; empty for any.
    choices: tuple[str, ...] = ()
    # Taken as it is written: references in it are not replaced.
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """A value a node gives out, referred to under this name or an alias of it."""

    name: str
    kind: Kind = "any"
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)  # without slots, for what is computed once
class NodeType:
    """A type of node. `run` is given its inputs by name, converted, those that were not given with their defaults."""

    name: str
    category: str
    description: str
    run: Run
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    aliases: tuple[str, ...] = ()
    # Ports by which control leaves; `case_*` stands for any name of that form.
    exec_ports: tuple[str, ...] = (EXEC_OUT,)
    # Other names of those ports.
    port_aliases: Mapping[str, str] = field(default_factory=dict)
    # Ports by which control enters.
    exec_inputs: tuple[str, ...] = (EXEC_IN,)
    role: Role = "step"
    # Whatever else is configured or connected is an input too; whatever else is connected is an output.
    open_inputs: bool = False
    open_outputs: bool = False
    # `run` changes something outside of the run, and is not to be repeated by a next attempt. So does all that waits.
    acts: bool = False
    # For a type that opens blocks. Without it an attempt begins anew that was lost in one.
    reopen: Reopen = None

    @cached_property
    def other_names(self) -> Sequence[tuple[str, str]]:
        """Each alias of an output, and its name."""
        return [(alias, one.name) for one in self.outputs for alias in one.aliases]

    @cached_property
    def waits(self) -> bool:
        """Whether `run` is a coroutine function: it may take its time while others go on."""
        return iscoroutinefunction(self.run)

    def exec_port(self, name: str) -> str | None:
        """Return the port of control that `name` means, None when it is none."""
        name = self.port_aliases.get(name, name)
        return name if _matches(name, self.exec_ports) else None

    def is_exec_input(self, name: str) -> bool:
        """Tell whether control can enter by `name`."""
        return _matches(name, self.exec_inputs)

    def input_name(self, name: str) -> str | None:
        """Return the input that `name` means, None when there is none."""
        for one in self.inputs:
            if name == one.name or name in one.aliases:
                return one.name
        return name if self.open_inputs else None

    def has_output(self, name: str) -> bool:
        """Tell whether a value is given out under `name`."""
        return self.open_outputs or any(name == one.name or name in one.aliases for one in self.outputs)


class Registry(Mapping[str, NodeType]):
    """Types by name; `find` knows their aliases too. `refused` gives the reason for each name refused on purpose."""

    def __init__(self, types: Iterable[NodeType], refused: Mapping[str, str] | None = None) -> None:
        self.refused = refused or {}
        self._types: dict[str, NodeType] = {}
        self._names: dict[str, NodeType] = {}
        for one in types:
            if one.name not in self._types:
                self._types[one.name] = one
                for name in (one.name, *one.aliases):
                    self._names.setdefault(name, one)

    def __getitem__(self, name: str) -> NodeType:
        return self._types[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def find(self, name: str) -> NodeType | None:
        """Return the type that is called `name`, or has it as an alias; None when there is none."""
        return self._names.get(name)

    def with_installed(self) -> "Registry":
        """Return these types and those that are installed as entry points."""
        return Registry([*self.values(), *_installed()], self.refused)


def _installed() -> Iterator[NodeType]:
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        try:
            loaded = entry.load()
            made = loaded if isinstance(loaded, NodeType) else loaded()
        except Exception:  # one broken package must not take all workflows with it
            log.exception("an entry point of nodes cannot be loaded", name=entry.name)
            continue
        yield from made if isinstance(made, list) else [made]


def _matches(name: str, ports: tuple[str, ...]) -> bool:
    return name in ports or any(port[-1] == "*" and name.startswith(port[:-1]) for port in ports)
