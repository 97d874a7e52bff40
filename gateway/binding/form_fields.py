"""Parts of a form beside its file: fields of the request by name, with the rules of query parameters."""

from collections.abc import Callable, Iterable

from google.protobuf.message import Message

from gateway.binding.query import QueryRules, refusal_of
from gateway.contract.services import HttpBinding, Method
from gateway.routing.path_template import parse_template

ReadForm = Callable[[Iterable[tuple[str, str]]], Message]


def compile_form_fields(method: Method, binding: HttpBinding) -> ReadForm:
    """Return the function that makes a request of names and values, with nothing else in it.

    It raises BadRequest with a violation for each part that is wrong.
    """
    rules = QueryRules(
        descriptor=method.input,
        taken={variable.field_path for variable in parse_template(binding.template).variables},
        body=binding.body,
        ignored=(),
        ignore_unknown=method.dialect.ignore_unknown_parameters,
    )

    def read(pairs: Iterable[tuple[str, str]]) -> Message:
        request = method.input_class()
        violations = rules.bind_pairs(request, pairs)
        if violations:
            raise refusal_of(violations)
        return request

    return read
