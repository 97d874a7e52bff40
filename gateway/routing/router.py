"""Finds the rpc of an HTTP request.

Paths form a tree by segment: literals before "*" before "**", with a way back where the better branch leads nowhere.
What google/api/http.proto leaves open: a colon is a verb only where a route declares it, an escaped colon never; "**"
takes zero segments too; a trailing slash makes another path unless told otherwise; "*" takes no empty segment.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import parse_qsl

from gateway.contract.services import ContractInvalid, HttpBinding, Method
from gateway.errors import BadRequest
from gateway.routing.path_template import ONE, REST, PathTemplate, TemplateInvalid, Variable, parse_template
from gateway.routing.percent import decode, decode_but_slashes

# Kind of a custom pattern that stands for every HTTP method.
ANY_METHOD = "*"


class RouteConflict(Exception):
    """Two rpcs claim the same HTTP method and path."""


class Match(NamedTuple):
    """The rpc of a request. `variables` maps field paths of the template to decoded text."""

    method: Method
    binding: HttpBinding
    variables: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WrongMethod:
    """The path is known, the HTTP method is not. `allowed` is sorted; it has HEAD beside GET, and OPTIONS."""

    allowed: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Route:
    method: Method
    binding: HttpBinding
    variables: tuple[Variable, ...]
    wanted: tuple[str, str] | None
    """Query parameter and value without which the route is not taken."""


# The routes of one place in the tree: verb, then HTTP method, then those with a query match before the one without.
_Routes = dict[str, dict[str, list[_Route]]]


@dataclass(slots=True)
class _Node:
    literals: dict[str, "_Node"] = field(default_factory=dict)
    one: "_Node | None" = None
    rest: _Routes = field(default_factory=dict)
    here: _Routes = field(default_factory=dict)
    plain: dict[str, _Route] = field(default_factory=dict)
    """By HTTP method, those of `here` that have neither a verb nor a rival that wants a query parameter."""


class Router:
    """Immutable once built. The cost of a lookup does not depend on the number of routes.

    With `ignore_trailing_slash` a path that no route has is looked up once more without the slash at its end.

    Raises:
        ContractInvalid: a binding has no valid path template; the message names the rpc.
        RouteConflict: two bindings answer the same requests; the message names both rpcs.
    """

    def __init__(self, methods: Iterable[Method], *, ignore_trailing_slash: bool = False) -> None:
        self._root = _Node()
        self._verbs: set[str] = set()
        self._ignore_trailing_slash = ignore_trailing_slash
        for method in methods:
            for binding in method.bindings:
                self._add(method, binding, _template(method, binding))
        _settle(self._root)

    def _add(self, method: Method, binding: HttpBinding, template: PathTemplate) -> None:
        if template.verb:
            self._verbs.add(template.verb)
        query_match = method.options.query_match
        wanted = (query_match.parameter, query_match.value) if query_match.parameter else None
        rivals = self._place(template.segments).setdefault(template.verb, {}).setdefault(binding.http_method, [])
        for rival in rivals:
            if rival.wanted == wanted:
                names = f"{rival.method.full_name} and {method.full_name}"
                raise RouteConflict(f"{names} both claim {binding.http_method} {binding.template}")
        rivals.append(_Route(method, binding, template.variables, wanted))
        rivals.sort(key=lambda route: route.wanted is None)

    def _place(self, segments: Sequence[str]) -> _Routes:
        node = self._root
        for segment in segments:
            if segment == REST:
                return node.rest
            if segment == ONE:
                node.one = node.one or _Node()
                node = node.one
            else:
                node = node.literals.setdefault(decode(segment), _Node())
        return node.here

    def find(self, http_method: str, raw_path: bytes, query: bytes = b"") -> Match | WrongMethod | None:
        """The rpc of a request; None when no route has the path.

        `raw_path` is still percent-encoded (ASGI `raw_path`) and has no query; `query` is raw too. HEAD is served by
        GET. OPTIONS that no route claims is WrongMethod with the allowed methods.

        Raises:
            BadRequest: the path is not percent-encoded UTF-8.
        """
        try:
            path = raw_path.decode()
        except UnicodeDecodeError as error:
            raise BadRequest("path must be percent-encoded UTF-8") from error
        # For a path without escapes and verbs, the way that takes the better branch each time. Most requests are done
        # with it, so it stands here in one piece. What it does not find needs the whole search, which begins with the
        # same way and so finds the same where this finds anything.
        if "%" not in path and not (self._verbs and ":" in path):
            segments = path[1:].split("/")
            node = self._root
            for segment in segments:
                below = node.literals.get(segment) or (node.one if segment else None)
                if below is None:
                    break
                node = below
            else:
                route = node.plain.get(http_method)
                if route is not None:
                    values = {}
                    for variable in route.variables:
                        first = variable.first
                        covered = segments[first] if variable.single else "/".join(segments[first : variable.end])
                        values[variable.field_path] = covered
                    return Match(route.method, route.binding, values)
        found = self._find(http_method, _split(path), query)
        if found is None and self._ignore_trailing_slash and path.endswith("/"):
            return self._find(http_method, _split(path[:-1]), query)
        return found

    def _find(self, http_method: str, segments: list[str], query: bytes) -> Match | WrongMethod | None:
        allowed: set[str] = set()
        if self._verbs and segments and (colon := segments[-1].rfind(":")) >= 0:
            verb = decode(segments[-1][colon + 1 :])
            if verb in self._verbs:
                search = _Search(http_method, [*segments[:-1], segments[-1][:colon]], verb, query, allowed)
                found = search.below(self._root, 0)
                # A verb that no route of this path declares is data.
                if found is not None or allowed:
                    return found or _wrong_method(allowed)
        found = _Search(http_method, segments, "", query, allowed).below(self._root, 0)
        return found or (_wrong_method(allowed) if allowed else None)


class _Search:
    """The way of one request through the tree.

    Adds to `allowed` the other HTTP methods of routes that have the path.
    """

    __slots__ = ("_allowed", "_decoded", "_http_method", "_query", "_segments", "_verb")

    def __init__(self, http_method: str, segments: list[str], verb: str, query: bytes, allowed: set[str]) -> None:
        self._http_method = http_method
        self._segments = segments
        self._decoded = [decode(segment) if "%" in segment else segment for segment in segments]
        self._verb = verb
        self._query = query
        self._allowed = allowed

    def below(self, node: _Node, at: int) -> Match | None:
        """The best match below `node` for the path from segment `at` on."""
        found = None
        if at == len(self._decoded):
            found = self._choose(node.here)
        else:
            segment = self._decoded[at]
            literal = node.literals.get(segment)
            if literal is not None:
                found = self.below(literal, at + 1)
            if found is None and node.one is not None and segment:
                found = self.below(node.one, at + 1)
        if found is None and node.rest:
            found = self._choose(node.rest)
        return found

    def _choose(self, routes: _Routes) -> Match | None:
        by_method = routes.get(self._verb)
        if by_method is None:
            return None
        for name in (self._http_method, "GET" if self._http_method == "HEAD" else "", ANY_METHOD):
            for route in by_method.get(name, ()):
                if route.wanted is None or route.wanted in _parameters(self._query):
                    return Match(route.method, route.binding, _values(route.variables, self._segments))
        self._allowed.update(by_method.keys() - {self._http_method, ANY_METHOD})
        return None


def _settle(node: _Node) -> None:
    """Fill in what follows from the routes of `node` and of all below."""
    node.plain = {name: routes[0] for name, routes in node.here.get("", {}).items() if routes[0].wanted is None}
    for below in (*node.literals.values(), *([node.one] if node.one is not None else [])):
        _settle(below)


def _template(method: Method, binding: HttpBinding) -> PathTemplate:
    try:
        return parse_template(binding.template)
    except TemplateInvalid as reason:
        raise ContractInvalid(f"{method.full_name}: {reason}") from reason


def _split(path: str) -> list[str]:
    return path[1:].split("/") if path not in ("", "/") else []


def _parameters(query: bytes) -> list[tuple[str, str]]:
    return parse_qsl(query.decode("latin-1"), keep_blank_values=True)


def _wrong_method(allowed: set[str]) -> WrongMethod:
    more = {"HEAD", "OPTIONS"} if "GET" in allowed else {"OPTIONS"}
    return WrongMethod(tuple(sorted(allowed | more)))


def _values(variables: tuple[Variable, ...], segments: list[str]) -> dict[str, str]:
    values = {}
    for variable in variables:
        if variable.single:
            segment = segments[variable.first]
            values[variable.field_path] = decode(segment) if "%" in segment else segment
        else:
            covered = segments[variable.first : variable.end]
            values[variable.field_path] = "/".join(map(decode_but_slashes, covered))
    return values
