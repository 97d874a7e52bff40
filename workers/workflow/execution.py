"""The execution of one graph: what all ways through it share."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from workers.workflow.branches import meeting
from workers.workflow.errors import LimitExceeded, NodeFailed
from workers.workflow.graph_index import GraphIndex, IndexedNode
from workers.workflow.registry import Given
from workers.workflow.run import Run
from workers.workflow.scope import SECRETS, Scope, Secrets
from workers.workflow.values import kept

_NAME_LIMIT: Final = 256


class WayState(NamedTuple):
    """Where a way through the graph of the run is: before `node`, None for its end, and whether an edge leads there.

    `blocks` tells the open ones: their owner, their names, and the rest of their state.
    """

    node: str | None
    led: bool
    blocks: Sequence[Any]


class Keeper(Protocol):
    """Keeps the state of the run for a next attempt."""

    async def keep(self, execution: "Execution", place: WayState) -> None:
        """Return when it is kept, or cannot be."""


class Execution:
    """One graph being executed: that of the run, or one within."""

    def __init__(
        self, run: Run, index: GraphIndex, secrets: Mapping[str, str], outer: "Execution | None" = None
    ) -> None:
        """`outer` executes the graph with the node that this one belongs to.

        Raises:
            LimitExceeded: there are too many around it.
        """
        self.run = run
        self.index = index
        self.outer = outer
        self.depth: int = 0 if outer is None else outer.depth + 1
        if self.depth > run.limits.workflows:
            raise LimitExceeded(f"workflows execute one another more than {run.limits.workflows} deep")
        self.secrets = secrets
        run.redaction.add(secrets.values())
        self.scope = Scope({}, run.host.now, run.warn_unknown, secrets=Secrets(secrets))
        # What nodes have found out about the graph, which does not change.
        self.memory: dict[str, Any] = {}
        # The root whose way is being gone.
        self.root = 0
        # Where a run that resumes keeps its state, and whether a node has acted since it did.
        self.keeper: Keeper | None = None
        self.unkept = False
        # When each node was last executed, in steps; and how large the large values are that are held.
        self.last: dict[str, int] = {}
        self._sizes: dict[tuple[str, str], int] = {}
        self._meetings: dict[tuple[str, str], str | None] = {}

    def begin(self, node: IndexedNode) -> int:
        """Count a step, tell where the run is, and return the number of the step. Raises LimitExceeded."""
        number = self.last[node.id] = self.run.count(node, self.fraction)
        if node.acts and self.keeper is not None:
            self.unkept = True
        return number

    def fraction(self) -> float:
        """Tell how far the run has come, by the nodes of its own graph that have been executed."""
        if self.outer is not None:
            return self.outer.fraction()
        return len(self.last) / (len(self.index.nodes) + 1)

    def bind(self, node: IndexedNode, scope: Scope) -> Given:
        """Return the inputs of a node. Raises NodeFailed."""
        assert node.kind is not None  # noqa: S101, only disabled nodes have none, and those are not executed
        return node.binding(node.kind, self._when).bind(scope)

    def keep(self, node: IndexedNode, given: Mapping[str, Any], scope: Scope) -> dict[str, Any]:
        """Keep the outputs of a node and return them as they are shown. Raises NodeFailed."""
        if not given and node.id in scope.outputs:  # a loop that is done: its last turn stays known
            return {}
        outputs = {name: self._kept((node.id, name), value) for name, value in given.items()}
        scope.outputs[node.id] = outputs
        if node.kind is not None and node.kind.other_names and outputs:
            scope.outputs[node.id] = outputs | {
                alias: outputs[name] for alias, name in node.kind.other_names if name in outputs
            }
        if node.kept_in and outputs:
            self.set_variable(node.kept_in, next(iter(outputs.values())))
        return outputs

    def outputs(self) -> Mapping[str, Any]:
        """Return what each node gave out last, under the names its type gives them."""
        shown: dict[str, Any] = {}
        for node_id, outputs in self.scope.outputs.items():
            if named := self._named(node_id, outputs):
                shown[node_id] = named
        return shown

    def put_back(self, outputs: Mapping[str, dict[str, Any]]) -> None:
        """Let nodes have given out what they had in an earlier attempt. Raises NodeFailed."""
        for node_id, given in outputs.items():
            self.scope.outputs[node_id] = given
            for name, value in self._named(node_id, given).items():
                self._kept((node_id, name), value)

    def set_variables(self, variables: Mapping[str, Any]) -> None:
        """Set those of the graph, and `variables` over them. Raises NodeFailed."""
        for name, value in (self.index.variables | dict(variables)).items():
            self.set_variable(name, value)

    def set_variable(self, name: str, value: object) -> None:
        """Set a variable. Raises NodeFailed."""
        if not isinstance(name, str) or not 0 < len(name) <= _NAME_LIMIT:
            raise NodeFailed(f"the name of a variable must be a text of 1 to {_NAME_LIMIT} characters")
        if name == SECRETS:
            raise NodeFailed(f"no variable can be called {SECRETS!r}: {{{{{SECRETS}.name}}}} is a secret")
        self.scope.variables[name] = self._kept(("", name), value)
        self.run.redaction.note(name, value)
        if len(self.scope.variables) > self.run.limits.variables:
            raise LimitExceeded(f"the run has more than {self.run.limits.variables:,} variables")

    def meeting(self, node: IndexedNode, port: str) -> str | None:
        """Return where the ways out of one port meet again, None when nowhere."""
        key = (node.id, port)
        if key not in self._meetings:
            self._meetings[key] = meeting(self.index.nodes, node.edges[port], lambda _: True)
        return self._meetings[key]

    def forget(self) -> None:
        """Let go what is held; a graph within is done."""
        self.run.hold(-sum(self._sizes.values()))

    def _kept(self, key: tuple[str, str], value: object) -> object:
        value, size = kept(value, self.run.limits.value_bytes)
        before = self._sizes.pop(key, 0) if self._sizes else 0
        if size:
            self._sizes[key] = size
        if size or before:
            self.run.hold(size - before)
        return value

    def _named(self, node_id: str, outputs: Mapping[str, Any]) -> dict[str, Any]:
        """Return outputs without those that are there a second time under an alias."""
        kind = self.index.nodes[node_id].kind
        aliases = {alias for alias, _ in kind.other_names} if kind is not None else set()
        return {name: value for name, value in outputs.items() if name not in aliases}

    def _when(self, node_id: str) -> int:
        return self.last.get(node_id, 0)
