"""What the log shows of a path: everything but segments that the contract calls secret."""

import re
from dataclasses import dataclass

import pytest

from gateway.http.recorded_path import HIDDEN, _pattern
from gateway.routing.path_template import parse_template


@dataclass(frozen=True)
class Row:
    template: str
    field_path: str
    path: str
    shown: str


ROWS = [
    Row("/v1/hooks/{key}", "key", "/v1/hooks/abc", "/v1/hooks/***"),
    # A path that leads nowhere was perhaps meant for it.
    Row("/v1/hooks/{key}", "key", "/v1/hooks/abc/", "/v1/hooks/***/"),
    Row("/v1/hooks/{key}", "key", "/v1/hooks/abc:verb", "/v1/hooks/***"),
    Row("/v1/hooks/{key}", "key", "/v1/hooks/", "/v1/hooks/"),
    Row("/v1/hooks/{key}", "key", "/v1/other/abc", "/v1/other/abc"),
    Row("/v1/{name}/hooks/{key}/calls", "key", "/v1/n/hooks/abc/calls", "/v1/n/hooks/***/calls"),
    Row("/v1/{key=keys/*}/calls", "key", "/v1/keys/abc/calls", "/v1/***/calls"),
    Row("/v1/{key=**}", "key", "/v1/a/b/c", "/v1/***"),
    Row("/v1/h.o/{key}", "key", "/v1/hxo/abc", "/v1/hxo/abc"),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.path)
def test_a_secret_segment_is_hidden(row: Row) -> None:
    template = parse_template(row.template)
    variable = next(one for one in template.variables if one.field_path == row.field_path)

    assert re.sub(_pattern(template, variable), rf"\g<1>{HIDDEN}", row.path) == row.shown
