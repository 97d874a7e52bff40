"""From path variables, query, headers and body to a request message, by the rules of google/api/http.proto.

The path wins over the body and the query, unless an option refuses a body that differs; a header fills what these leave
unset; a default value what is unset then.
The mask of a PATCH is made from its body when no other part gives one.
Only types are checked here; bounds are the server's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache

from google.protobuf.message import Message

from gateway.binding.absent import compile_defaults, compile_headers
from gateway.binding.body import compile_body
from gateway.binding.parameter import NotAParameter, Parameter, find_parameter
from gateway.binding.query import QueryRules, refusal_of
from gateway.binding.same_as_path import compile_same_as_path
from gateway.binding.update_mask import compile_update_mask
from gateway.codec.errors import ParseError
from gateway.contract.services import ContractInvalid, HttpBinding, Method
from gateway.routing.path_template import parse_template

__all__ = ["Bind", "compile_binding"]

# (variables of the template, raw query, headers with names in lower case, body or None) -> request
Bind = Callable[[Mapping[str, str], bytes, Sequence[tuple[bytes, bytes]], bytes | None], Message]


@lru_cache(maxsize=4096)
def compile_binding(method: Method, binding: HttpBinding, *, body: str | None = None) -> Bind:
    """Return the function that makes requests of `method` from what came by `binding`.

    `body` takes the place of what the binding says of the body; which query parameters there are does not change. A
    body of None leaves what it covers unset. The function raises BadRequest with a violation for each variable and
    parameter that is wrong, or for the first wrong field of the body; UnsupportedMediaType for a body that is no JSON.

    Raises:
        ContractInvalid: a variable of the path names no field that takes text, or a default value does not fit.
    """
    variables = _path_parameters(method, binding)
    setters = {field_path: parameter.set for field_path, parameter in variables.items()}
    query_match = method.options.query_match.parameter
    input_class = method.input_class
    covered = binding if body is None else replace(binding, body=body)
    read_body = compile_body(method, covered)
    refuse_other = compile_same_as_path(variables, method.dialect) if covered.body == "*" else None
    query_rules = QueryRules(
        descriptor=method.input,
        taken={parameter.path for parameter in variables.values()},
        body=binding.body,
        ignored={query_match} if query_match else set(),
        ignore_unknown=method.dialect.ignore_unknown_parameters,
    )
    fill_from_headers = compile_headers(method.input)
    fill_mask = compile_update_mask(method, covered)
    fill_defaults = compile_defaults(method.input)

    def bind(
        values: Mapping[str, str], query: bytes, headers: Sequence[tuple[bytes, bytes]], body: bytes | None
    ) -> Message:
        request = input_class() if body is None else read_body(body, headers)
        if refuse_other is not None:
            refuse_other(request, values)
        violations = query_rules.bind(request, query) if query else []
        for field_path, text in values.items():
            try:
                setters[field_path](request, text)
            except ParseError as refusal:
                violations.extend(refusal.inside(field_path).violations)
        if violations:
            raise refusal_of(violations)
        if fill_from_headers is not None:
            fill_from_headers(request, headers)
        if fill_mask is not None:
            fill_mask(request, body or b"")
        if fill_defaults is not None:
            fill_defaults(request)
        return request

    return bind


def _path_parameters(method: Method, binding: HttpBinding) -> dict[str, Parameter]:
    parameters: dict[str, Parameter] = {}
    for variable in parse_template(binding.template).variables:
        try:
            parameter = find_parameter(method.input, variable.field_path)
        except NotAParameter as reason:
            raise ContractInvalid(f"{method.full_name}: path variable {variable.field_path} {reason}") from reason
        if parameter.field.is_repeated:
            raise ContractInvalid(f"{method.full_name}: path variable {variable.field_path} is a repeated field")
        parameters[variable.field_path] = parameter
    return parameters
