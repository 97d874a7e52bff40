"""Which rpc answers a request, and with which variables.

Rules without a source are where google/api/http.proto is silent.
"""

import sys
from collections.abc import Mapping

import pytest
from google.protobuf import empty_pb2

from gateway.codec.dialect import STRICT
from gateway.contract.error_form import ErrorForm
from gateway.contract.services import ContractInvalid, HttpBinding, Method
from gateway.errors import BadRequest
from gateway.routing import Match, RouteConflict, Router, WrongMethod
from gateway_options.v1 import options_pb2


def rpc(name: str, *routes: str, query_match: tuple[str, str] | None = None) -> Method:
    """An rpc with a binding for each "METHOD /template"."""
    options = options_pb2.MethodOptions()
    if query_match is not None:
        options.query_match.parameter, options.query_match.value = query_match
    descriptor = empty_pb2.Empty.DESCRIPTOR
    return Method(
        full_name=f"/test.Svc/{name}",
        descriptor=None,  # type: ignore[arg-type]  # routing does not look at it
        input=descriptor,
        output=descriptor,
        input_class=empty_pb2.Empty,
        output_class=empty_pb2.Empty,
        client_streaming=False,
        server_streaming=False,
        bindings=tuple(map(binding, routes)),
        options=options,
        dialect=STRICT,
        error_form=ErrorForm(),
        listeners=("main",),
        default_framing=options_pb2.Stream.FRAMING_UNSPECIFIED,
        max_body_bytes=0,
    )


def binding(route: str) -> HttpBinding:
    http_method, template = route.split(" ")
    return HttpBinding(http_method, template, body="", response_body="")


def found(router: Router, http_method: str, path: bytes, query: bytes = b"") -> tuple[str, Mapping[str, str]] | None:
    match = router.find(http_method, path, query)
    return (match.method.full_name.rpartition("/")[2], match.variables) if isinstance(match, Match) else None


def test_a_literal_goes_before_a_star_and_a_star_before_two() -> None:
    router = Router([rpc("Rest", "GET /v1/**"), rpc("One", "GET /v1/{id}"), rpc("Literal", "GET /v1/me")])

    assert found(router, "GET", b"/v1/me") == ("Literal", {})
    assert found(router, "GET", b"/v1/you") == ("One", {"id": "you"})
    assert found(router, "GET", b"/v1/you/there") == ("Rest", {})


def test_a_literal_that_leads_nowhere_gives_way_to_a_star() -> None:
    router = Router([rpc("Deep", "GET /a/b/c"), rpc("Star", "GET /a/{x}/d")])

    assert found(router, "GET", b"/a/b/d") == ("Star", {"x": "b"})


def test_a_literal_without_the_http_method_gives_way_to_a_star_that_has_it() -> None:
    router = Router([rpc("Make", "POST /a/b"), rpc("Read", "GET /a/{x}")])

    assert found(router, "GET", b"/a/b") == ("Read", {"x": "b"})


def test_the_order_of_rpcs_does_not_matter() -> None:
    rpcs = [rpc("One", "GET /v1/{id}"), rpc("Literal", "GET /v1/me")]

    assert found(Router(rpcs), "GET", b"/v1/me") == found(Router(rpcs[::-1]), "GET", b"/v1/me")


def test_two_stars_take_no_segment_too() -> None:
    router = Router([rpc("Rest", "GET /files/{path=**}")])

    assert found(router, "GET", b"/files") == ("Rest", {"path": ""})
    assert found(router, "GET", b"/files/a/b") == ("Rest", {"path": "a/b"})


def test_a_star_takes_no_empty_segment() -> None:
    router = Router([rpc("One", "GET /v1/{id}/x")])

    assert found(router, "GET", b"/v1//x") is None


def test_a_trailing_slash_is_another_path() -> None:
    router = Router([rpc("List", "GET /v1")])

    assert router.find("GET", b"/v1/") is None


def test_a_trailing_slash_is_dropped_where_the_gateway_ignores_it() -> None:
    router = Router([rpc("List", "GET /v1"), rpc("Rest", "GET /files/{path=**}")], ignore_trailing_slash=True)

    assert found(router, "GET", b"/v1/") == ("List", {})
    assert router.find("POST", b"/v1/") == WrongMethod(("GET", "HEAD", "OPTIONS"))
    # Here it is part of the path.
    assert found(router, "GET", b"/files/a/") == ("Rest", {"path": "a/"})
    # Only one is dropped.
    assert router.find("GET", b"/v1//") is None


def test_two_stars_take_empty_segments_as_they_are() -> None:
    router = Router([rpc("Rest", "GET /files/{path=**}")])

    assert found(router, "GET", b"/files//a//") == ("Rest", {"path": "/a//"})


def test_a_literal_may_be_percent_encoded_in_the_template() -> None:
    # http.proto: reserved characters of a literal "should be percent-encoded before the matching".
    router = Router([rpc("Literal", "GET /v1/a%3Ab%20c")])

    assert found(router, "GET", b"/v1/a:b%20c") == ("Literal", {})
    assert found(router, "GET", b"/v1/a%3ab%20c") == ("Literal", {})


def test_the_root_is_a_path() -> None:
    assert found(Router([rpc("Root", "GET /")]), "GET", b"/") == ("Root", {})


# Decoding. Source: comments in google/api/http.proto ("except for %2F and %2f" in variables of several segments).


def test_the_path_is_split_before_it_is_decoded() -> None:
    router = Router([rpc("One", "GET /v1/{id}")])

    assert found(router, "GET", b"/v1/a%2Fb%20c") == ("One", {"id": "a/b c"})


def test_a_segment_is_decoded_once() -> None:
    router = Router([rpc("One", "GET /v1/{id}")])

    assert found(router, "GET", b"/v1/%252F") == ("One", {"id": "%2F"})


@pytest.mark.parametrize("template", ["/v1/{name=**}", "/v1/{name=a/*}"])
def test_a_variable_of_several_segments_keeps_encoded_slashes(template: str) -> None:
    router = Router([rpc("Many", f"GET {template}")])

    assert found(router, "GET", b"/v1/a/b%2Fc%2fd%20e") == ("Many", {"name": "a/b%2Fc%2fd e"})


def test_a_literal_is_found_in_encoded_form() -> None:
    assert found(Router([rpc("Literal", "GET /v1/me")]), "GET", b"/v1/%6De") == ("Literal", {})


def test_a_plus_sign_in_a_path_is_a_plus_sign() -> None:
    assert found(Router([rpc("One", "GET /v1/{id}")]), "GET", b"/v1/a+b") == ("One", {"id": "a+b"})


def test_text_beyond_ascii_comes_out_whole() -> None:
    router = Router([rpc("One", "GET /v1/{id}")])

    assert found(router, "GET", "/v1/grün".encode()) == ("One", {"id": "grün"})
    assert found(router, "GET", b"/v1/gr%C3%BCn") == ("One", {"id": "grün"})


@pytest.mark.parametrize("path", [b"/v1/%FF", b"/v1/%zz", b"/v1/%4", b"/v1/\xff"])
def test_a_path_that_is_no_percent_encoded_text_is_refused(path: bytes) -> None:
    with pytest.raises(BadRequest, match=r"^path must"):
        Router([rpc("One", "GET /v1/{id}")]).find("GET", path)


# Verbs.


def test_a_declared_verb_chooses_its_rpc() -> None:
    router = Router([rpc("Read", "GET /v1/{id}"), rpc("Open", "POST /v1/{id}:open")])

    assert found(router, "POST", b"/v1/x:open") == ("Open", {"id": "x"})


def test_a_colon_without_a_declared_verb_is_data() -> None:
    router = Router([rpc("Read", "GET /v1/{id}"), rpc("Open", "POST /v1/{id}:open")])

    assert found(router, "GET", b"/v1/x:y") == ("Read", {"id": "x:y"})


def test_only_the_last_colon_starts_a_verb() -> None:
    router = Router([rpc("Open", "POST /v1/{id}:open")])

    assert found(router, "POST", b"/v1/a:b:open") == ("Open", {"id": "a:b"})


def test_an_encoded_colon_is_always_data() -> None:
    router = Router([rpc("Read", "GET /v1/{id}"), rpc("Open", "GET /v1/{id}:open")])

    assert found(router, "GET", b"/v1/x%3Aopen") == ("Read", {"id": "x:open"})


def test_a_verb_with_the_wrong_http_method_is_not_taken_for_data() -> None:
    router = Router([rpc("Read", "GET /v1/{id}"), rpc("Open", "POST /v1/{id}:open")])

    assert router.find("GET", b"/v1/x:open") == WrongMethod(("OPTIONS", "POST"))


def test_a_verb_of_another_path_is_data_here() -> None:
    router = Router([rpc("File", "GET /files/{name}"), rpc("Open", "POST /v1/{id}:open")])

    assert found(router, "GET", b"/files/x:open") == ("File", {"name": "x:open"})


def test_two_stars_may_be_followed_by_a_verb() -> None:
    router = Router([rpc("Peek", "GET /v1/{name=**}:peek")])

    assert found(router, "GET", b"/v1/a/b:peek") == ("Peek", {"name": "a/b"})


# HTTP methods. Source: RFC 9110, sections 9.3.2 (HEAD) and 15.5.6 (405).


def test_an_unknown_path_is_nothing() -> None:
    assert Router([rpc("One", "GET /v1/{id}")]).find("GET", b"/v2/x") is None


def test_a_wrong_method_lists_the_methods_of_all_routes_with_the_path() -> None:
    router = Router([rpc("Read", "GET /v1/{id}"), rpc("Change", "PATCH /v1/{id}"), rpc("Make", "PUT /v1/me")])

    assert router.find("DELETE", b"/v1/me") == WrongMethod(("GET", "HEAD", "OPTIONS", "PATCH", "PUT"))


def test_head_is_served_by_get() -> None:
    assert found(Router([rpc("Read", "GET /v1/{id}")]), "HEAD", b"/v1/x") == ("Read", {"id": "x"})


def test_options_is_answered_with_the_allowed_methods() -> None:
    assert Router([rpc("Make", "POST /v1")]).find("OPTIONS", b"/v1") == WrongMethod(("OPTIONS", "POST"))


def test_a_custom_kind_is_an_http_method() -> None:
    assert found(Router([rpc("Search", "SEARCH /v1")]), "SEARCH", b"/v1") == ("Search", {})


def test_the_custom_kind_star_takes_every_method_that_has_no_route_of_its_own() -> None:
    router = Router([rpc("Any", "* /v1"), rpc("Read", "GET /v1")])

    assert found(router, "PURGE", b"/v1") == ("Any", {})
    assert found(router, "HEAD", b"/v1") == ("Read", {})


# Query match.


def test_a_route_with_a_query_match_goes_first_when_the_query_has_the_value() -> None:
    router = Router([rpc("Json", "GET /logs"), rpc("Text", "GET /logs", query_match=("format", "text"))])

    assert found(router, "GET", b"/logs", b"a=1&format=text") == ("Text", {})
    assert found(router, "GET", b"/logs", b"format=json") == ("Json", {})
    assert found(router, "GET", b"/logs") == ("Json", {})


def test_a_route_whose_query_match_fails_is_not_there() -> None:
    router = Router([rpc("Text", "GET /logs", query_match=("format", "text"))])

    assert router.find("GET", b"/logs") is None


# Cost.


def test_a_lookup_costs_the_same_whatever_the_number_of_routes() -> None:
    def routes(number: int) -> Router:
        return Router(
            [
                rpc(f"Rpc{n}", f"GET /v1/things{n}/{{id}}/parts/*", f"POST /v1/things{n}/{{id}}:open{n}")
                for n in range(number)
            ]
        )

    few, many = (calls_of(router, b"/v1/things7/x/parts/y") for router in (routes(10), routes(1000)))

    assert few == many


def calls_of(router: Router, path: bytes) -> int:
    """How many functions, Python's own included, run for one lookup."""
    count = 0

    def profile(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(profile)
    try:
        assert isinstance(router.find("GET", path), Match)
    finally:
        sys.setprofile(None)
    return count


# Conflicts.


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("GET /v1/{a}", "GET /v1/{b}"),
        ("GET /v1/{a=x/*}", "GET /v1/x/{b}"),
        ("GET /v1/{a=**}", "GET /v1/**"),
        ("POST /v1/{a}:open", "POST /v1/*:open"),
    ],
)
def test_two_rpcs_with_the_same_path_are_refused_with_both_names(first: str, second: str) -> None:
    with pytest.raises(RouteConflict, match=r"/test\.Svc/First and /test\.Svc/Second"):
        Router([rpc("First", first), rpc("Second", second)])


def test_a_template_outside_of_the_grammar_is_refused_with_the_rpc() -> None:
    with pytest.raises(ContractInvalid, match=r"^/test\.Svc/Broken: .*/v1/\*\*/x"):
        Router([rpc("Broken", "GET /v1/**/x")])


def test_the_same_path_with_different_verbs_methods_or_query_matches_is_no_conflict() -> None:
    Router(
        [
            rpc("Read", "GET /v1/{id}", "GET /v1/{id}:peek"),
            rpc("Change", "PATCH /v1/{id}"),
            rpc("Text", "GET /v1/{id}", query_match=("format", "text")),
        ]
    )
