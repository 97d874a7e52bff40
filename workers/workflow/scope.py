"""What a name means at one place of a run: secrets, names of blocks, variables, outputs of nodes, the clock. Pure."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from workers.workflow.errors import SecretUnknown

MISSING: Final[Any] = object()
# Nothing else is called so.
SECRETS: Final = "secrets"

Names = dict[str, Any]


class Secrets(Mapping[str, str]):
    """Secrets as texts refer to them: each by its name, never all together."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> str:
        """Raises SecretUnknown."""
        if name not in self._values:
            raise SecretUnknown(f"the secret {name!r} does not exist")
        return self._values[name]

    def get(self, name: str, _default: object = None) -> str:
        """Return the secret of this name. Raises SecretUnknown."""
        return self[name]

    def __iter__(self) -> Iterator[str]:
        raise SecretUnknown(f"a secret is referred to by its name, as {{{{{SECRETS}.name}}}}")

    def __len__(self) -> int:
        return len(self._values)


_NO_SECRETS: Final = Secrets({})


class Scope:
    """Names of one branch of a run. Variables belong to the whole run, outputs to a branch and those it came from."""

    __slots__ = ("_now", "_parent", "_secrets", "blocks", "outputs", "unknown", "variables")

    def __init__(
        self,
        variables: Names,
        now: Callable[[], datetime],
        unknown: Callable[[str], None],
        parent: "Scope | None" = None,
        secrets: Secrets = _NO_SECRETS,
    ) -> None:
        """`unknown` is told each reference that means nothing."""
        self.variables = variables
        # Outputs of nodes of this branch by node id.
        self.outputs: dict[str, Names] = {}
        # What open blocks call things, the innermost last.
        self.blocks: list[Names] = []
        self.unknown = unknown
        self._now = now
        self._parent = parent
        self._secrets = secrets

    def branch(self) -> "Scope":
        """Return the scope of a branch that sees all of this one, and whose outputs this one does not see."""
        return Scope(self.variables, self._now, self.unknown, self, self._secrets)

    def find(self, name: str) -> Any:
        """Return what `name` means, MISSING when nothing."""
        if name == SECRETS:
            return self._secrets
        found = self._of_block(name)
        if found is not MISSING:
            return found
        if name in self.variables:
            return self.variables[name]
        outputs = self.outputs_of(name)
        if outputs is not None:
            return outputs
        return self._of_clock(name) if name.startswith("$") else MISSING

    def outputs_of(self, node_id: str) -> Mapping[str, Any] | None:
        """Return what a node gave out last, None when it has not been executed."""
        scope: Scope | None = self
        while scope is not None:
            outputs = scope.outputs.get(node_id)
            if outputs is not None:
                return outputs
            scope = scope._parent
        return None

    def _of_block(self, name: str) -> Any:
        scope: Scope | None = self
        while scope is not None:
            for names in reversed(scope.blocks):
                if name in names:
                    return names[name]
            scope = scope._parent
        return MISSING

    def _of_clock(self, name: str) -> Any:
        write = _CLOCK.get(name)
        return MISSING if write is None else write(self._now())


_CLOCK: Final[Mapping[str, Callable[[datetime], Any]]] = {
    "$currentDate": lambda now: now.date().isoformat(),
    "$currentTime": lambda now: now.time().isoformat("seconds"),
    "$currentDateTime": lambda now: now.replace(tzinfo=None).isoformat(timespec="seconds"),
    "$timestamp": lambda now: int(now.timestamp()),
}
