"""The inputs of one node: what is constant, what is looked up each time, and what is missing. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from workers.workflow.errors import ExpressionInvalid, MissingInput, NodeFailed
from workers.workflow.expressions import compile_condition
from workers.workflow.references import Constant, compile_value
from workers.workflow.registry import Given, Input, NodeType
from workers.workflow.scope import MISSING, Scope
from workers.workflow.values import CONVERTERS, boolean, shown

# Where a value may come from: a node and the name of its output.
Sources = Sequence[tuple[str, str]]
# Tells when a node was last executed; 0 for never.
When = Callable[[str], int]


class _Looked(NamedTuple):
    """An input that is looked up each time."""

    name: str
    look: Callable[[Scope], Any]
    declared: Input | None


class Binding:
    """Gives a node its inputs. A connection wins over the configuration as soon as its node has been executed."""

    __slots__ = ("_constant", "_failure", "_looked", "_missing", "_required")

    def __init__(self, kind: NodeType, config: Mapping[str, Any], connected: Mapping[str, Sources], when: When) -> None:
        """`connected` gives the sources of an input by its name."""
        self._constant: Given = {}
        self._looked: list[_Looked] = []
        self._failure: NodeFailed | None = None
        self._required = tuple(one.name for one in kind.inputs if one.required)
        for one in kind.inputs:
            sources = connected.get(one.name, ())
            self._add(one.name, one, _configured(one, config), sources, when)
        if kind.open_inputs:
            declared = {name for one in kind.inputs for name in (one.name, *one.aliases)}
            for name in dict.fromkeys([*config, *connected]):
                if name not in declared:
                    self._add(name, None, config.get(name, MISSING), connected.get(name, ()), when)
        self._missing = [name for name in self._required if self._constant.get(name, MISSING) is None]

    def bind(self, scope: Scope) -> Given:
        """Return the inputs by name.

        Raises:
            NodeFailed: one is missing, or is not what it should be; the sentence names it.
        """
        if self._failure is not None:
            raise self._failure
        given = self._constant.copy()
        for name, look, declared in self._looked:
            value = look(scope)
            if declared is None:
                given[name] = value
            else:
                given[name] = converted(declared, value)
        for name in self._required:
            if given[name] is None:
                raise MissingInput(f"its input {name!r} is missing")
        return given

    def _add(self, name: str, declared: Input | None, written: Any, sources: Sources, when: When) -> None:
        try:
            compiled = _compiled(declared, written)
            if isinstance(compiled, Constant) and not sources:
                self._constant[name] = compiled.value if declared is None else converted(declared, compiled.value)
                return
        except NodeFailed as failure:  # told when the node is executed: its place in the run says more
            self._failure = self._failure or failure
            return
        look = (lambda _: compiled.value) if isinstance(compiled, Constant) else compiled
        self._looked.append(_Looked(name, _connected(sources, when, look) if sources else look, declared))
        self._constant[name] = None


def _configured(declared: Input, config: Mapping[str, Any]) -> Any:
    for name in (declared.name, *declared.aliases):
        value = config.get(name)
        if value is not None and not (value == "" and declared.kind == "condition"):
            return value
    return MISSING


def _compiled(declared: Input | None, written: Any) -> Constant | Callable[[Scope], Any]:
    if written is MISSING:
        return Constant(None if declared is None else declared.default)
    if declared is not None and declared.kind == "condition":
        try:
            return compile_condition(written)
        except ExpressionInvalid as error:
            raise ExpressionInvalid(f"its input {declared.name!r}: {error.reason}") from error
    return Constant(written) if declared is not None and declared.raw else compile_value(written)


def _connected(sources: Sources, when: When, configured: Callable[[Scope], Any]) -> Callable[[Scope], Any]:
    if len(sources) == 1:
        ((node_id, output),) = sources

        def look(scope: Scope) -> Any:
            outputs = scope.outputs_of(node_id)
            if outputs is None:
                return configured(scope)
            value = outputs.get(output, MISSING)
            return configured(scope) if value is MISSING else value

        return look

    def look_at_newest(scope: Scope) -> Any:
        for node_id, output in sorted(sources, key=lambda source: when(source[0]), reverse=True):
            outputs = scope.outputs_of(node_id)
            if outputs is not None and output in outputs:
                return outputs[output]
        return configured(scope)

    return look_at_newest


# Editors write "" for an empty field, also where a text could not stand.
_NEVER_TEXT: Final = frozenset({"list", "object", "number", "integer"})


def converted(declared: Input, value: Any) -> Any:
    """Return `value` as the input wants it; its default where nothing is given.

    Raises:
        NodeFailed: it cannot be; the sentence names the input.
    """
    if value is None or (value == "" and declared.kind in _NEVER_TEXT):
        return declared.default
    if declared.kind == "condition":
        return boolean(value)
    convert = CONVERTERS[declared.kind]
    try:
        if convert is not None:
            value = convert(value)
    except NodeFailed as failure:
        raise NodeFailed(f"its input {declared.name!r} {failure.reason}") from failure
    if declared.choices and value not in declared.choices:
        chosen = _chosen(declared.choices, value)
        if chosen is None:
            known = ", ".join(declared.choices)
            raise NodeFailed(f"its input {declared.name!r} must be one of {known}, not {shown(value)}")
        return chosen
    return value


_NO_LETTERS: Final = str.maketrans("", "", " _-")


def _chosen(choices: Sequence[str], value: object) -> str | None:
    """Return the choice that `value` means: case, spaces and hyphens aside."""
    said = str(value).lower().translate(_NO_LETTERS)
    return next((choice for choice in choices if choice.translate(_NO_LETTERS) == said), None)
