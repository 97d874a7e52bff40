"""The router has a short way for plain paths and a long one for all others. Both must find the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.routing import RouteConflict, Router
from tests.unit.gateway.test_router import found, rpc

LITERALS = ("a", "b", "c")
templates = st.lists(st.sampled_from([*LITERALS, "*", "{x}", "{y}"]), min_size=1, max_size=4)
tails = st.sampled_from(["", "/**", "/{rest=**}", "/{pair=a/*}"])
paths = st.lists(st.sampled_from([*LITERALS, "d", ""]), min_size=0, max_size=5)


def escaped(path: str) -> bytes:
    """`path` with all its letters as escapes. By RFC 3986, section 6.2.2.2, it is the same path."""
    return "".join(letter if letter == "/" else f"%{ord(letter):02X}" for letter in path).encode()


@given(st.lists(st.tuples(templates, tails), min_size=1, max_size=6), paths)
def test_escapes_of_letters_change_nothing(parts: list[tuple[list[str], str]], path: list[str]) -> None:
    methods = []
    for number, (segments, tail) in enumerate(parts):
        if len([one for one in segments if one == "{x}"]) > 1 or len([one for one in segments if one == "{y}"]) > 1:
            continue  # binds a field twice
        methods.append(rpc(f"R{number}", f"GET /{'/'.join(segments)}{tail}"))
    try:
        router = Router(methods)
    except RouteConflict:
        return
    text = "/" + "/".join(path)

    assert found(router, "GET", text.encode()) == found(router, "GET", escaped(text))


@pytest.mark.parametrize("path", [b"/a/b", b"/a/x", b"/a", b"/", b"/a/b/c", b"/d/b"])
def test_a_verb_of_another_route_changes_nothing(path: bytes) -> None:
    # A router that knows verbs looks at every path with a colon more closely.
    routes = [rpc("AB", "GET /a/b"), rpc("A", "GET /a/{x}"), rpc("Rest", "GET /a/**"), rpc("Any", "GET /{y}/b")]
    plain, with_verb = Router(routes), Router([*routes, rpc("Verb", "GET /z:go")])

    assert found(with_verb, "GET", path) == found(plain, "GET", path)
    assert found(with_verb, "GET", path + b":stay") == found(plain, "GET", path + b":stay")
