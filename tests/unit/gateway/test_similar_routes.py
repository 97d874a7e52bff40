"""Which service the error on a path without a route belongs to."""

import time
from collections.abc import Mapping
from dataclasses import replace

import pytest

from gateway.contract.error_form import ErrorForm, Words
from gateway.contract.services import Method
from gateway.routing.similar_routes import SimilarRoutes
from gateway_options.v1 import options_pb2

STATUS = ErrorForm()
DETAIL = ErrorForm(options_pb2.ServiceOptions.ERROR_SHAPE_DETAIL)
CODED = ErrorForm(options_pb2.ServiceOptions.ERROR_SHAPE_CODED, {404: Words("No such book", "NO_BOOK")})


@pytest.fixture
def routes(methods: Mapping[str, Method]) -> SimilarRoutes:
    def at(template: str, form: ErrorForm) -> Method:
        method = next(one for one in methods.values() if one.bindings)
        return replace(method, bindings=(replace(method.bindings[0], template=template),), error_form=form)

    return SimilarRoutes([at("/api/books/{id}", DETAIL), at("/api/books/loans", CODED)], STATUS)


@pytest.mark.parametrize(
    ("path", "form"),
    [
        (b"/api/books/1/pages", DETAIL),
        (b"/api/books", DETAIL),
        (b"/api/nothing", DETAIL),
        (b"/api/books/loans/1/2/3/4", CODED),
        (b"/api/books/loans/", CODED),
        (b"/apis", STATUS),
        (b"/", STATUS),
        (b"", STATUS),
    ],
)
def test_the_longest_common_beginning_counts(routes: SimilarRoutes, path: bytes, form: ErrorForm) -> None:
    assert routes.form(path) == form


def test_a_path_of_nothing_but_slashes_takes_no_time(routes: SimilarRoutes) -> None:
    """Looked up slash by slash from the end it took most of a second, without a credential."""
    started = time.process_time()

    assert routes.form(b"/" * 65_000) == STATUS

    assert time.process_time() - started < 0.05
