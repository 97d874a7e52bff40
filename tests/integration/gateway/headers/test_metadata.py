"""Headers that become metadata, metadata that becomes headers, and deadlines."""

from typing import Any

import orjson
import pytest

from gateway.http.metadata import EXPOSED_METADATA, NameRefused

TRAILERS: dict[str, Any] = {"http.response.trailers": {}}


# grpc-gateway: "Grpc-Metadata-" is cut off, the rest is the key.
async def test_headers_with_the_prefix_become_metadata(asker: Any) -> None:
    told = await asker.ask("GET", "/say", headers=[("Grpc-Metadata-Tenant", "acme"), ("Grpc-Metadata-Tenant", "b")])

    assert told.heard == ["tenant: acme", "tenant: b"]


@pytest.mark.parametrize(
    "name",
    [
        "X-Gateway-Token",
        "X-Gateway-Local",
        "X-Request-Id",
        "Authorization",
        "X-Api-Key",
        "Traceparent",
        "Cookie",
        "Grpc-Status-Details-Bin",
        "Host",
        "User-Agent",
        "Te",
        "Connection",
        "X-Forwarded-For",
        "Forwarded",
        "Grpcgateway-User-Agent",
    ],
)
async def test_the_prefix_reaches_no_key_that_means_something(asker: Any, name: str) -> None:
    told = await asker.ask("GET", "/say", headers=[(f"Grpc-Metadata-{name}", "forged")])

    assert (told.status, told.heard) == (200, [])


async def test_other_headers_stay(asker: Any) -> None:
    sent = [("X-Tenant", "a"), ("Cookie", "a=b"), ("User-Agent", "u"), ("grpc-status", "0"), ("x-gateway-local", "1")]

    told = await asker.ask("GET", "/say", headers=sent)

    assert told.heard == []


async def test_listed_headers_go_on_and_the_usual_ones_do_not_any_more(open_echo: Any) -> None:
    asker = open_echo(forwarded_headers=("X-Tenant", "Accept-Language", "X-Request-ID"))
    sent = [("X-Tenant", "a"), ("X-Tenant", "b"), ("accept-language", "de"), ("authorization", "Bearer t")]

    told = await asker.ask("GET", "/say", headers=[*sent, ("Grpc-Metadata-Foo", "bar")])

    assert told.heard == ["x-tenant: a", "x-tenant: b", "accept-language: de"]


@pytest.mark.parametrize("name", ["Authorization", "X-Api-Key", "X-Api-Token", "Traceparent", "Tracestate"])
async def test_a_usual_header_that_is_not_listed_does_not_come_with_the_prefix_either(
    open_echo: Any, name: str
) -> None:
    asker = open_echo(forwarded_headers=("Grpc-Metadata-*",))

    told = await asker.ask(
        "GET", "/say", headers=[(name, "x"), (f"Grpc-Metadata-{name}", "x"), ("Grpc-Metadata-A", "b")]
    )

    assert told.heard == ["a: b"]


# gRPC has these keys itself. grpc-gateway gives headers of the same name a prefix, too.
async def test_headers_whose_keys_grpc_has_itself_are_renamed(open_echo: Any) -> None:
    asker = open_echo(forwarded_headers=("User-Agent", "Host", "Content-Type"))

    told = await asker.ask("GET", "/say", headers=[("User-Agent", "curl/8"), ("Content-Type", "text/x")])

    assert told.heard == [
        "grpcgateway-host: localhost:8000",
        "grpcgateway-user-agent: curl/8",
        "grpcgateway-content-type: text/x",
    ]


# RFC 9110, section 5.3: only lists may be sent in several lines. The line nearest to us was added last.
async def test_of_a_credential_that_is_sent_twice_the_last_one_counts(asker: Any) -> None:
    told = await asker.ask("GET", "/say", headers=[("Authorization", "Bearer a"), ("Authorization", "Bearer b")])

    assert told.heard == ["authorization: Bearer b"]


# https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md: base64 with or without padding, several with commas.
@pytest.mark.parametrize(
    ("sent", "heard"),
    [("3q2+7w==", ["deadbeef"]), ("3q2+7w", ["deadbeef"]), ("", [""]), ("3q2+7w,AA==, AQ", ["deadbeef", "00", "01"])],
)
async def test_binary_metadata_comes_as_base64(asker: Any, sent: str, heard: list[str]) -> None:
    told = await asker.ask("GET", "/say", headers=[("Grpc-Metadata-Key-Bin", sent)])

    assert told.heard == [f"key-bin: {value}" for value in heard]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("Grpc-Metadata-Tenant", "caf\xe9", "header grpc-metadata-tenant must be printable ASCII"),
        ("Grpc-Metadata-Tenant", "a\tb", "header grpc-metadata-tenant must be printable ASCII"),
        ("Grpc-Metadata-Key-Bin", "no base64!", "header grpc-metadata-key-bin must be base64"),
        ("Grpc-Metadata-Key-Bin", "A", "header grpc-metadata-key-bin must be base64"),
        (
            "Grpc-Metadata-a!b",
            "c",
            "header grpc-metadata-a!b names no key of metadata: a-z, 0-9, '_', '-' and '.'",
        ),
        ("Grpc-Metadata-", "c", "header grpc-metadata- names no key of metadata: a-z, 0-9, '_', '-' and '.'"),
    ],
)
async def test_a_header_that_cannot_be_metadata_is_400(asker: Any, name: str, value: str, sentence: str) -> None:
    told = await asker.ask("GET", "/say", headers=[(name, value)])

    assert (told.status, told.json()["message"]) == (400, sentence)


# RFC 6585, section 5. Servers of gRPC refuse more than 8 KiB at their discretion, with all that gRPC adds.
@pytest.mark.parametrize(
    ("headers", "calls"),
    [
        ([("Grpc-Metadata-Note", "x" * 7100)], 100),
        ([("Grpc-Metadata-Note", "x" * 7200)], 0),
        ([("Grpc-Metadata-Note", "x" * 5000)] * 2, 0),
        # Each piece becomes an entry of its own.
        ([("Grpc-Metadata-Note-Bin", ",".join(["AA"] * 300))], 0),
        ([("Grpc-Metadata-Note", "x" * 5000), ("Cookie", "session=" + "x" * 5000)], 0),
    ],
)
async def test_more_metadata_than_servers_take_is_431_and_what_fits_is_always_taken(
    open_echo: Any, servicer: Any, headers: Any, calls: int
) -> None:
    asker = open_echo(forwarded_cookies=("session",))

    told = [await asker.ask("GET", "/say", headers=headers) for _ in range(100)]

    assert {one.status for one in told} == {200 if calls else 431}
    assert servicer.calls == calls
    if not calls:
        message = "the headers that go on to the server must have at most 7168 bytes together"
        assert told[0].json()["message"] == message


async def test_listed_cookies_go_on_by_themselves(open_echo: Any) -> None:
    asker = open_echo(forwarded_cookies=("session", "theme"))

    told = await asker.ask(
        "GET", "/say", headers=[("Cookie", "a=1; session=s=1; b=2"), ("Cookie", "theme=dark;sessions=3")]
    )

    assert told.heard == ["cookie: session=s=1; theme=dark"]


@pytest.mark.parametrize(
    ("method", "headers", "counts"),
    [
        ("POST", [("Origin", "http://localhost:8000")], True),
        ("POST", [("Origin", "https://ours.example")], True),
        ("POST", [("Origin", "https://evil.example")], False),
        ("POST", [("Origin", "null")], False),
        ("GET", [("Sec-Fetch-Site", "same-origin")], True),
        # A link or a redirect from elsewhere, as SameSite=Lax has it.
        ("GET", [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")], True),
        # An image or a script of another site's page.
        ("GET", [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "no-cors")], False),
        # A form of another site's page.
        ("POST", [("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Mode", "navigate")], False),
    ],
)
async def test_cookies_of_requests_that_other_sites_make_stay(
    open_echo: Any, method: str, headers: list[tuple[str, str]], *, counts: bool
) -> None:
    asker = open_echo(forwarded_cookies=("session",), allowed_origins=("*", "https://ours.example"))

    told = await asker.ask(method, "/say", headers=[("Cookie", "session=s"), *headers])

    assert told.heard == (["cookie: session=s"] if counts else [])


# https://fetch.spec.whatwg.org/#cors-protocol-and-credentials
async def test_pages_of_listed_origins_may_read_answers_to_requests_with_cookies(open_echo: Any) -> None:
    asker = open_echo(forwarded_cookies=("session",), allowed_origins=("https://ours.example",))

    told = await asker.ask("GET", "/say", headers=[("Origin", "https://ours.example")])

    assert told.headers["access-control-allow-credentials"] == "true"


@pytest.mark.parametrize(
    "options",
    [
        {"forwarded_headers": ("Cookie",)},
        {"forwarded_headers": ("X-Gateway-Token",)},
        {"forwarded_headers": ("Transfer-Encoding",)},
        {"forwarded_headers": ("grpc-encoding",)},
        {"forwarded_headers": ("a b",)},
        {"exposed_metadata": ("Content-Length",)},
        {"exposed_metadata": ("X-Request-ID",)},
        {"exposed_metadata": ("Access-Control-Allow-Origin",)},
        {"exposed_metadata": ("grpc-status",)},
    ],
)
def test_names_that_cannot_pass_stop_the_start(open_echo: Any, options: dict[str, Any]) -> None:
    with pytest.raises(NameRefused, match=next(iter(options.values()))[0].lower()):
        open_echo(**options)


async def test_usual_metadata_becomes_headers_and_the_rest_stays_inside(asker: Any) -> None:
    initial = ["cache-control: private", "link: </next>; rel=next", "set-cookie: a=1", "set-cookie: b=2", "x-inner: s"]

    told = await asker.ask("GET", "/say", query={"initial": initial, "trailing": ["x-inner: t"]})

    assert [line for line in told.lines if line[0] in ("cache-control", "link", "set-cookie")] == [
        ("cache-control", "private"),
        ("link", "</next>; rel=next"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
    ]
    assert not [name for name in told.headers if "inner" in name]


async def test_listed_metadata_becomes_headers_and_pages_may_read_them(open_echo: Any) -> None:
    asker = open_echo(exposed_metadata=(*EXPOSED_METADATA, "X-Total-Count"), allowed_origins=("*",))

    told = await asker.ask(
        "GET", "/say", query={"initial": ["x-total-count: 7"]}, headers=[("Origin", "https://a.example")]
    )

    assert told.headers["x-total-count"] == "7"
    assert "x-total-count" in told.headers["access-control-expose-headers"].lower()


# grpc-gateway lets all metadata out with this prefix; here that is a wish.
async def test_all_other_metadata_goes_out_with_the_prefix_if_that_is_listed(open_echo: Any) -> None:
    asker = open_echo(exposed_metadata=("etag", "grpc-metadata-*"))
    initial = ['etag: "1"', "tenant: acme", "blob-bin: \x00\x01", "x-http-code: 202"]

    told = await asker.ask("GET", "/say", query={"initial": initial, "trailing": ["checksum: c"]})

    assert (told.status, told.headers["etag"]) == (202, '"1"')
    assert told.headers["grpc-metadata-tenant"] == "acme"
    assert told.headers["grpc-metadata-blob-bin"] == "AAE="
    assert told.headers["grpc-trailer-checksum"] == "c"
    assert "grpc-metadata-x-http-code" not in told.headers


async def test_trailing_metadata_of_one_answer_comes_as_headers(open_echo: Any) -> None:
    asker = open_echo(exposed_metadata=("checksum",))

    told = await asker.ask("GET", "/say", query={"trailing": ["checksum: c"]})

    assert told.headers["grpc-trailer-checksum"] == "c"


# RFC 9110, section 10.1.4: only a client that says so takes trailers.
@pytest.mark.parametrize("path", ["/say", "/repeat"])
async def test_trailing_metadata_comes_as_trailers_where_client_and_server_can(open_echo: Any, path: str) -> None:
    asker = open_echo(exposed_metadata=("checksum",))

    told = await asker.ask(
        "GET", path, query={"trailing": ["checksum: c"]}, headers=[("TE", "gzip, Trailers")], extensions=TRAILERS
    )

    assert told.trailers == [("grpc-trailer-checksum", "c")]
    assert "grpc-trailer-checksum" not in told.headers
    assert "content-length" not in told.headers


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204)])
async def test_answers_without_body_have_no_trailers(open_echo: Any, method: str, status: int) -> None:
    asker = open_echo(exposed_metadata=("checksum",))
    query = {"initial": [f"x-http-code: {status}"], "trailing": ["checksum: c"]}

    told = await asker.ask(method, "/say", query=query, headers=[("TE", "trailers")], extensions=TRAILERS)

    assert (told.trailers, told.headers["grpc-trailer-checksum"]) == ([], "c")


async def test_what_a_server_says_with_a_failure_becomes_headers(asker: Any) -> None:
    trailing = ["www-authenticate: Basic", "retry-after: 9", "content-encoding: gzip", "x-inner: s"]

    told = await asker.ask("GET", "/say", query={"failure": "UNAVAILABLE", "trailing": trailing})

    assert (told.status, told.headers["retry-after"], told.headers["www-authenticate"]) == (503, "9", "Basic")
    assert "content-encoding" not in told.headers
    assert "x-inner" not in told.headers


async def test_streams_and_downloads_have_the_headers_too(asker: Any) -> None:
    for path in ("/repeat", "/download"):
        told = await asker.ask("GET", path, query={"text": "t", "initial": ['etag: "1"', "x-http-code: 203"]})

        assert (told.status, told.headers["etag"]) == (203, '"1"')


# Fewer than none is none.
@pytest.mark.parametrize("path", ["/repeat", "/download"])
async def test_streams_without_messages_have_the_headers_too(asker: Any, path: str) -> None:
    told = await asker.ask("GET", path, query={"times": -1, "initial": ['etag: "1"']})

    assert (told.status, told.headers["etag"], told.body) == (200, '"1"', b"")


# Asked for in grpc-gateway 517, 901 and 2469; the name is that of the common workaround.
@pytest.mark.parametrize("block", ["initial", "trailing"])
@pytest.mark.parametrize(
    ("asked", "status"),
    [("201", 201), ("303", 303), ("503", 503), ("600", 200), ("100", 200), ("99999", 200), ("no", 200)],
)
async def test_a_server_chooses_the_status_of_an_answer(asker: Any, block: str, asked: str, status: int) -> None:
    query = {"initial": ["location: /there"], "trailing": ["x-other: 1"]}
    query[block] = [*query[block], f"x-http-code: {asked}"]

    told = await asker.ask(
        "POST", "/say", query={}, headers=[("content-type", "application/json")], body=[orjson.dumps(query)]
    )

    assert told.status == status
    assert told.headers["location"] == "/there"
    assert "x-http-code" not in told.headers


@pytest.mark.parametrize("status", [204, 205, 304])
async def test_statuses_without_body_have_none(asker: Any, status: int) -> None:
    told = await asker.ask("GET", "/say", query={"text": "t", "initial": [f"x-http-code: {status}"]})

    assert (told.status, told.body) == (status, b"")
    assert "content-length" not in told.headers


# The channel refuses such metadata by itself.
@pytest.mark.parametrize("echo_backend", ["in_process"], indirect=True)
@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\x00b"])
async def test_metadata_that_would_break_the_answer_is_left_out(asker: Any, value: str) -> None:
    told = await asker.ask("GET", "/say", query={"initial": [f"link: {value}"]})

    assert told.status == 200
    assert "link" not in told.headers


async def test_a_deadline_ends_the_call(asker: Any) -> None:
    told = await asker.ask("GET", "/say", query={"wait_milliseconds": 30_000}, headers=[("Grpc-Timeout", "50m")])

    assert told.status == 504


@pytest.mark.parametrize("text", ["0n", "0H", "00000000S"])
async def test_a_deadline_that_is_over_at_once_is_504_without_a_call(asker: Any, servicer: Any, text: str) -> None:
    told = await asker.ask("GET", "/say", headers=[("Grpc-Timeout", text)])

    assert (told.status, told.json()["code"], servicer.calls) == (504, 4, 0)


@pytest.mark.parametrize("text", ["99999999H", "99999999M", "1S"])
async def test_any_other_deadline_is_taken(asker: Any, text: str) -> None:
    told = await asker.ask("GET", "/say", headers=[("Grpc-Timeout", text)])

    assert told.status == 200


@pytest.mark.parametrize("text", ["", "1", "S", "1s", "-1S", "1.5S", "123456789S", "1 S", "\xb2S"])
async def test_a_deadline_that_is_none_is_400(asker: Any, text: str) -> None:
    told = await asker.ask("GET", "/say", headers=[("Grpc-Timeout", text)])

    assert (told.status, told.json()["message"]) == (
        400,
        "header Grpc-Timeout must be up to 8 digits and a unit: H, M, S, m, u or n",
    )


async def test_calls_take_no_longer_than_the_gateway_allows(open_echo: Any) -> None:
    asker = open_echo(longest_call_seconds=0.05)
    waiting = {"wait_milliseconds": 30_000}

    unasked = await asker.ask("GET", "/say", query=waiting)
    asked = await asker.ask("GET", "/say", query=waiting, headers=[("Grpc-Timeout", "20S")])
    stream = await asker.ask("GET", "/repeat", query={"wait_milliseconds": 200})

    assert (unasked.status, asked.status, stream.status) == (504, 504, 200)
