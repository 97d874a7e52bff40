"""What the server gets to know of a request, and what browsers get to see."""

from typing import Any

import pytest

LOOPBACK = {"listener_is_loopback": True}


async def seen(client: Any, **options: Any) -> dict[str, str]:
    answer = await client.request("GET", "/v1/books/seen", **options)
    return dict(text.split("=", 1) for text in answer.json()["seen"])


async def test_credentials_and_trace_are_forwarded(client: Any) -> None:
    headers = {"Authorization": "Bearer t", "X-API-Key": "k", "X-Api-Token": "a", "traceparent": "00-1-2-03"}

    metadata = await seen(client, headers=headers)

    assert {key: metadata[key] for key in ("authorization", "x-api-key", "x-api-token", "traceparent")} == {
        "authorization": "Bearer t",
        "x-api-key": "k",
        "x-api-token": "a",
        "traceparent": "00-1-2-03",
    }


async def test_a_client_cannot_speak_for_the_gateway(open_gateway: Any) -> None:
    client = open_gateway(token="ours")

    metadata = await seen(
        client,
        headers={"X-Gateway-Token": "theirs", "X-Gateway-Local": "1", "X-Gateway-Client": "9.9.9.9", "Cookie": "a=b"},
    )

    assert metadata == {
        "x-gateway-client": "127.0.0.1",
        "x-gateway-token": "ours",
        "x-request-id": metadata["x-request-id"],
    }


async def test_a_sane_request_id_is_kept_and_returned(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/seen", headers={"X-Request-ID": "abc-1"})

    assert answer.headers["x-request-id"] == "abc-1"
    assert "x-request-id=abc-1" in answer.json()["seen"]


@pytest.mark.parametrize("sent", ["", "with space", "x" * 129, "\x7f"])
async def test_any_other_request_id_is_replaced(client: Any, sent: str) -> None:
    answer = await client.request("GET", "/v1/books/b1", headers={"X-Request-ID": sent})

    assert len(answer.headers["x-request-id"]) == 32


async def test_a_credential_that_is_no_ascii_is_400(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/b1", headers={"Authorization": "Bearer \xe9"})

    assert (answer.status, answer.json()) == (400, {"detail": "header authorization must be printable ASCII"})


@pytest.mark.parametrize(
    ("forwarded", "client_address"),
    [
        ("203.0.113.5", "203.0.113.5"),
        # What the first trusted proxy saw counts; what the client claims before that does not.
        ("6.6.6.6, 203.0.113.5, 10.1.2.3", "203.0.113.5"),
        ("nonsense", "10.0.0.1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
    ],
)
async def test_trusted_proxies_name_the_client(open_gateway: Any, forwarded: str, client_address: str) -> None:
    client = open_gateway(trusted_proxies=("10.0.0.0/8",))

    metadata = await seen(client, headers={"X-Forwarded-For": forwarded}, peer=("10.0.0.1", 1))

    assert metadata["x-gateway-client"] == client_address


async def test_others_name_nobody(open_gateway: Any) -> None:
    client = open_gateway(trusted_proxies=("10.0.0.0/8",))

    metadata = await seen(client, headers={"X-Forwarded-For": "203.0.113.5"}, peer=("192.0.2.1", 1))

    assert metadata["x-gateway-client"] == "192.0.2.1"


@pytest.mark.parametrize(
    ("options", "headers", "peer", "local"),
    [
        (LOOPBACK, {}, "127.0.0.1", True),
        (LOOPBACK, {"host": "[::1]:8000"}, "::1", True),
        (LOOPBACK, {"origin": "http://localhost:8000"}, "127.0.0.1", True),
        (
            {**LOOPBACK, "allowed_origins": ("https://ours.example",)},
            {"origin": "https://ours.example"},
            "127.0.0.1",
            True,
        ),
        # The listener takes connections from elsewhere.
        ({}, {}, "127.0.0.1", False),
        (LOOPBACK, {}, "192.0.2.1", False),
        # DNS rebinding: the page's name resolves to loopback.
        (LOOPBACK, {"host": "evil.example"}, "127.0.0.1", False),
        (LOOPBACK, {"host": "localhost.evil.example"}, "127.0.0.1", False),
        # https://www.w3.org/TR/fetch-metadata/: an image in a page of another site, which has no Origin; a link there;
        # an image in a page of ours.
        (LOOPBACK, {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, "127.0.0.1", False),
        (LOOPBACK, {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, "127.0.0.1", True),
        (LOOPBACK, {"sec-fetch-site": "same-origin", "sec-fetch-mode": "no-cors"}, "127.0.0.1", True),
        (LOOPBACK, {"origin": "https://evil.example"}, "127.0.0.1", False),
        (LOOPBACK, {"origin": "null"}, "127.0.0.1", False),
        ({**LOOPBACK, "allowed_origins": ("*",)}, {"origin": "https://evil.example"}, "127.0.0.1", False),
        (LOOPBACK, {"x-forwarded-for": "127.0.0.1"}, "127.0.0.1", False),
        (LOOPBACK, {"forwarded": "for=127.0.0.1"}, "127.0.0.1", False),
        (LOOPBACK, {"x-forwarded-prefix": "/api"}, "127.0.0.1", False),
        (LOOPBACK, {"x-original-host": "switchyard.example"}, "127.0.0.1", False),
        (LOOPBACK, {"x-client-ip": "127.0.0.1"}, "127.0.0.1", False),
    ],
)
async def test_only_requests_from_this_machine_are_local(
    open_gateway: Any, options: dict[str, Any], headers: dict[str, str], peer: str, *, local: bool
) -> None:
    metadata = await seen(open_gateway(**options), headers=headers, peer=(peer, 1))

    assert ("x-gateway-local" in metadata) is local


async def test_a_preflight_is_answered_before_routing(open_gateway: Any) -> None:
    client = open_gateway(allowed_origins=("https://a.example",))
    headers = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,x-api-key",
    }

    answer = await client.request("OPTIONS", "/v1/books", headers=headers)

    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert answer.headers["access-control-allow-methods"] == "OPTIONS, POST"
    assert answer.headers["access-control-allow-headers"] == "content-type,x-api-key"
    assert answer.headers["vary"] == "Origin"


async def test_a_preflight_for_an_unknown_route_lets_the_page_see_the_404(open_gateway: Any) -> None:
    client = open_gateway(allowed_origins=("*",))
    headers = {"Origin": "https://a.example", "Access-Control-Request-Method": "POST"}

    answer = await client.request("OPTIONS", "/nowhere", headers=headers)

    assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, "*")


async def test_a_preflight_of_another_origin_gets_no_permission(open_gateway: Any) -> None:
    client = open_gateway(allowed_origins=("https://a.example",))
    headers = {"Origin": "https://b.example", "Access-Control-Request-Method": "POST"}

    answer = await client.request("OPTIONS", "/v1/books", headers=headers)

    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/v1/books/b1", "/v1/books/missing", "/v1/books/crash", "/nowhere"])
async def test_every_answer_can_be_read_by_an_allowed_page(open_gateway: Any, path: str) -> None:
    client = open_gateway(allowed_origins=("https://a.example",))

    answer = await client.request("GET", path, headers={"Origin": "https://a.example"})

    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert "X-Request-ID" in answer.headers["access-control-expose-headers"]


async def test_a_limited_route_says_what_is_left_and_refuses_the_rest(client: Any) -> None:
    first = await client.request("GET", "/v1/rarities/r1")
    second = await client.request("GET", "/v1/rarities/r1")
    third = await client.request("GET", "/v1/rarities/r1")
    elsewhere = await client.request("GET", "/v1/rarities/r1", peer=("192.0.2.1", 1))

    assert [one.status for one in (first, second, third, elsewhere)] == [200, 200, 429, 200]
    assert [one.headers["x-ratelimit-remaining"] for one in (first, second, third)] == ["1", "0", "0"]
    assert third.headers["x-ratelimit-limit"] == "2"
    assert 55 <= int(third.headers["retry-after"]) <= 61
    assert third.json() == {"detail": "Rate limit exceeded: 2 per 1 minute"}


async def test_observe_and_the_access_log_see_each_request(open_gateway: Any) -> None:
    observed, recorded = [], []
    client = open_gateway(
        observe=lambda *facts: observed.append(facts[:2]), record=lambda **fields: recorded.append(fields)
    )

    await client.request("GET", "/v1/books/missing?token=secret", headers={"X-Request-ID": "abc"})
    await client.request("GET", "/nowhere")

    assert observed == [("/gatewaytest.library.v1.LibraryService/GetBook", 404), (None, 404)]
    assert recorded[0].pop("seconds") >= 0
    assert recorded[0] == {
        "method": "GET",
        "path": "/v1/books/missing",
        "status": 404,
        "client": "127.0.0.1",
        "request_id": "abc",
    }
