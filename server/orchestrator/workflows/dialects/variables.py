"""Variables a run begins with: plain values by name, declarations by name, or a list of declarations."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from server.errors import InvalidArgument
from server.json_text import spell
from server.orchestrator.workflows.dialects.nodes import quoted, refusal

FIELD: Final = "workflow_json.variables"

# Templates declare beside the graph what it may be given. What stands later wins.
KEYS: Final = ("parameters", "default_variables", "variables")
# An object of nothing but these is a declaration; any other one is a value.
DECLARATION: Final = frozenset(
    {
        "name", "value", "default_value", "type", "data_type", "param_type", "description", "display_name", "required",
        "scope", "constraints", "group", "order", "sensitive",
    }
)  # fmt: skip


def variables_of(layers: Sequence[Mapping[str, Any]]) -> str:
    """Return the variables of a file as a JSON object; those of an inner layer win.

    Raises:
        InvalidArgument: they are neither an object nor a list of declarations.
    """
    variables: dict[str, Any] = {}
    for layer in layers:
        for key in KEYS:
            variables.update(_variables(layer.get(key), key))
    return spell(variables)


def _variables(value: object, key: str) -> Mapping[str, Any]:
    match value:
        case None:
            return {}
        case dict():
            return {name: _value(member) for name, member in value.items() if not _awaited(member)}
        case list():
            return _declared(value)
    # What else a template calls its parameters is none of ours.
    if key != "variables":
        return {}
    raise InvalidArgument.field(FIELD, "must be an object, or a list of objects with name and value")


def _declared(declarations: Sequence[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, declaration in _named(declarations):
        if name in found:
            raise refusal(f"Variable {quoted(name)} must not be declared twice", FIELD)
        found[name] = declaration
    return {name: _value(declaration) for name, declaration in found.items() if not _awaited(declaration)}


def _named(declarations: Sequence[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for position, declaration in enumerate(declarations, start=1):
        name = declaration.get("name") if isinstance(declaration, dict) else None
        if not isinstance(name, str) or not name:
            raise refusal(f"Variable number {position} must be an object with a name", FIELD)
        yield name, {"default_value": None, **{key: declaration[key] for key in DECLARATION & declaration.keys()}}


def _value(member: Any) -> Any:
    if not _is_declaration(member):
        return member
    return member["value"] if "value" in member else member["default_value"]


def _awaited(member: Any) -> bool:
    """Whether `member` declares a variable that has no value before whoever runs the workflow gives it one."""
    return _is_declaration(member) and member.get("required") is True and _value(member) is None


def _is_declaration(member: Any) -> bool:
    return (
        isinstance(member, dict) and ("value" in member or "default_value" in member) and member.keys() <= DECLARATION
    )
