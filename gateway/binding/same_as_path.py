"""Bodies that repeat a variable of the path, for fields whose option wants both to have the same value."""

from collections.abc import Callable, Mapping

from google.protobuf.message import Message

from gateway.binding.parameter import Parameter
from gateway.codec.dialect import Dialect
from gateway.codec.errors import ParseError
from gateway.contract.options import field_options

# (request as the body has it, variables of the path)
RefuseOther = Callable[[Message, Mapping[str, str]], None]


def compile_same_as_path(parameters: Mapping[str, Parameter], dialect: Dialect) -> RefuseOther | None:
    """Return the function that refuses a body with another value than the path; None when no variable asks for it.

    `parameters` are those of the path by their field path. The function raises ParseError, which names the field as
    `dialect` spells it. A field without presence that is empty in the body is taken for absent.
    """
    guarded = {path: one for path, one in parameters.items() if field_options(one.field).same_as_path}
    if not guarded:
        return None

    def refuse_other(request: Message, values: Mapping[str, str]) -> None:
        for path, parameter in guarded.items():
            if _has_other(request, parameter, values[path]):
                raise ParseError("must be the one in the path", _spelled(parameter, dialect))

    return refuse_other


def _has_other(request: Message, parameter: Parameter, text: str) -> bool:
    holder, name = request, parameter.field.name
    for parent in parameter.parents:
        holder = getattr(holder, parent)
    given = holder.HasField(name) if parameter.field.has_presence else bool(getattr(holder, name))
    try:
        return given and getattr(holder, name) != parameter.read(text)
    except ParseError:
        return False  # Which is refused when the path is read.


def _spelled(parameter: Parameter, dialect: Dialect) -> str:
    last = parameter.field.name if dialect.proto_names else parameter.field.json_name
    return ".".join((*parameter.parents, last))
