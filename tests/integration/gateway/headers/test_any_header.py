"""Headers nobody would send on purpose, all at once."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NAMES = (
    "accept",
    "accept-encoding",
    "authorization",
    "content-encoding",
    "cookie",
    "grpc-metadata-",
    "grpc-metadata-note",
    "grpc-metadata-blob-bin",
    "grpc-timeout",
    "if-none-match",
    "origin",
    "sec-fetch-site",
    "te",
)
# What the parsers look for, and anything else a header may have.
PARTS = st.sampled_from((",", ";", "q=", "gzip", "zstd", "*", '"', "W/", "trailers", "=", "1S", "0n", "session="))
VALUES = st.lists(PARTS | st.text(st.characters(max_codepoint=255), max_size=5), max_size=8).map("".join)


# RFC 9110, section 15.5: what is wrong with a request is a 4xx. 504 is a Grpc-Timeout that is over.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(headers=st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=6), post=st.booleans())
async def test_no_header_makes_the_gateway_fail(open_echo: Any, headers: list[tuple[str, str]], *, post: bool) -> None:
    asker = open_echo(forwarded_cookies=("session",), exposed_metadata=("etag", "grpc-metadata-*"))

    if post:
        told = await asker.ask("POST", "/say", headers=headers, body=[b'{"text": "aaaaaaaaaa", "times": 200}'])
    else:
        told = await asker.ask("GET", "/say", query={"text": "a", "times": 2000}, headers=headers)

    assert told.status in (200, 304, 400, 415, 504)
