"""The OpenAPI document: paths, and what their operations share."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import orjson

from gateway.contract.services import HttpBinding, Method
from gateway.errors.problem import ErrorReasons
from gateway.openapi.comments import read_comments
from gateway.openapi.operation import CREDENTIALS, Operations
from gateway.openapi.path import OpenApiPath, openapi_path
from gateway.openapi.refusals import HEADERS
from gateway.openapi.schema import Json, Schemas
from gateway.options import GatewayOptions

# HTTP methods a path item has a key for.
VERBS: Final = frozenset({"GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"})
# Operations of other methods, "*" for every method. OpenAPI 3.2 calls this `additionalOperations`; 3.1 cannot say it.
OTHER_VERBS: Final = "x-additionalOperations"
# Operations by method and template whose path OpenAPI cannot tell from another one: `{name=**}` beside `{id}`.
OTHER_ROUTES: Final = "x-otherRoutes"
CONVENTIONS: Final = """\
Every request may carry `X-Request-ID`, which comes back, and `Grpc-Timeout`, after which the answer is 504 ("500m" is \
half a second). Keys and query parameters are accepted as they stand here and as the .proto files spell them."""
PARAMETERS: Final[Json] = {
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "Entity tags of answers the client has (RFC 9110, section 13.1.2).",
        "schema": {"type": "string"},
    }
}
SECURITY_SCHEMES: Final[Json] = {
    "bearer": {"type": "http", "scheme": "bearer"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}


def openapi_document(methods: Sequence[Method], options: GatewayOptions, reasons: ErrorReasons) -> bytes:
    """Return the document for all HTTP bindings of `methods`, as JSON. `reasons` tell the statuses of refusals."""
    comments = read_comments(options.comments)
    schemas = Schemas(comments)
    services = service_names(methods)
    paths = Paths(Operations(comments, schemas, options, reasons, services))
    # By service, so that one contract gives one document, whoever reads it.
    ordered = sorted(methods, key=lambda method: method.descriptor.containing_service.full_name)
    for route in sorted(routes(ordered), key=precedence):
        paths.add(route)
    document: Json = {
        "openapi": "3.1.0",
        "info": {"title": options.title, "version": options.version, "description": CONVENTIONS},
        "servers": [{"url": "/"}],
        "tags": [tag(service, schemas, name) for service, name in sorted(services.items())],
        "paths": paths.items,
        "components": {
            "schemas": schemas.components,
            "parameters": PARAMETERS,
            "headers": HEADERS,
        },
    }
    if options.credential_needed is not None:
        # Otherwise nobody knows what credentials the server takes, if it takes any.
        document["components"]["securitySchemes"] = SECURITY_SCHEMES
        document["security"] = [{}, *CREDENTIALS]
    return orjson.dumps(document)


class Route(NamedTuple):
    """One binding of an rpc; `number` is its place among these, from 1."""

    method: Method
    binding: HttpBinding
    number: int
    path: OpenApiPath


def routes(methods: Sequence[Method]) -> Iterator[Route]:
    """All bindings of `methods`, in their order."""
    for method in methods:
        for number, binding in enumerate(method.bindings, start=1):
            yield Route(method, binding, number, openapi_path(binding.template))


def precedence(route: Route) -> tuple[bool, bool]:
    """Sorts the route that is the operation of its path before those that share the path.

    One without a query match comes before those with one, variables of one segment before those of any number.
    """
    return route.method.options.HasField("query_match"), any(place.rest for place in route.path.places)


class Paths:
    """Collects operations under their paths."""

    def __init__(self, operations: Operations) -> None:
        self.items: dict[str, Json] = {}
        self._operations = operations
        self._by_shape: dict[str, OpenApiPath] = {}
        self._first: dict[tuple[str, str], Method] = {}

    def add(self, route: Route) -> None:
        """Add the operation of one route."""
        method, binding = route.method, route.binding
        # The first names of the variables count for every path of the shape.
        first = self._by_shape.setdefault(route.path.shape, route.path)
        path = route.path.renamed([place.name for place in first.places])
        operation = self._operations.write(method, binding, path, route.number)
        item = self.items.setdefault(path.text, {})
        rival = self._first.setdefault((path.text, binding.http_method), method)
        if rival is method:
            place = item if binding.http_method in VERBS else item.setdefault(OTHER_VERBS, {})
            place[key(binding)] = operation
        elif method.options.HasField("query_match"):
            place = item if binding.http_method in VERBS else item[OTHER_VERBS]
            what = operation.get("summary", "another answer")
            merge(place[key(binding)], operation, choice(method, rival, what))
        else:
            item.setdefault(OTHER_ROUTES, {})[f"{binding.http_method} {binding.template}"] = operation


def key(binding: HttpBinding) -> str:
    """Key of the operation: in lower case where OpenAPI has one."""
    return binding.http_method.lower() if binding.http_method in VERBS else binding.http_method


def service_names(methods: Sequence[Method]) -> Mapping[str, str]:
    """Names of the services that have bindings, by their full names: the last word, unless several end with it."""
    found = {method.descriptor.containing_service.full_name for method in methods if method.bindings}
    last = Counter(service.rpartition(".")[2] for service in found)
    return {name: word if last[word := name.rpartition(".")[2]] == 1 else name for name in found}


def tag(service: str, schemas: Schemas, name: str) -> Json:
    """The tag `name` of a service, by its full name."""
    found: Json = {"name": name}
    schemas.describe(found, service)
    return found


def choice(method: Method, otherwise: Method, what: str) -> Json:
    """The query parameter that chooses `method`; without it, requests on the same path go to the other one."""
    match = method.options.query_match
    schema: Json = {"type": "string", "enum": [match.value]}
    if otherwise.dialect.ignore_unknown_parameters:
        schema = {"type": "string", "examples": [match.value]}
    words = f"`{match.value}` chooses: {what}."
    return {"name": match.parameter, "in": "query", "description": words, "schema": schema}


def identity(parameter: Json) -> tuple[str, str]:
    """What makes a parameter another one: its name and its place; for one that all share, its reference."""
    return (parameter["$ref"], "") if "$ref" in parameter else (parameter["name"], parameter["in"])


def merge(operation: Json, other: Json, chooser: Json) -> None:
    """Add to an operation what another one brings, which the parameter `chooser` chooses on the same path and verb."""
    known = [identity(one) for one in (chooser, *operation["parameters"])]
    operation["parameters"] += [one for one in other["parameters"] if identity(one) not in known]
    operation["parameters"].append(chooser)
    if "description" in other:
        operation["description"] = f"{operation.get('description', '')}\n\n{other['description']}".strip()
    for status, response in other["responses"].items():
        mine = operation["responses"].setdefault(status, response)
        if "content" in response:
            mine.setdefault("content", {}).update(response["content"])
