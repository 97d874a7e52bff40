"""Calls with one request and one answer, over both backends."""

from typing import Any

import pytest


async def test_an_answer_is_json_in_the_dialect_of_the_service(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/b1")

    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "id": "b1",
        "title": "A title",
        "genre": None,
        "page_count": 2**40,
        "added_at": None,
        "notes": None,
        "seen": [],
    }


async def test_a_service_without_options_speaks_plain_proto_json(client: Any) -> None:
    answer = await client.request("GET", "/plain/books/b1")

    assert answer.json() == {"id": "b1", "title": "A title", "pageCount": str(2**40)}


async def test_success_status_and_response_body_are_used(client: Any) -> None:
    answer = await client.request("POST", "/v1/books", json={"title": "New"}, headers={"Idempotency-Key": "k1"})

    assert answer.status == 201
    assert (answer.json()["id"], answer.json()["title"]) == ("k1", "New")


async def test_head_has_the_headers_of_get_and_no_body(client: Any) -> None:
    got = await client.request("GET", "/v1/books/b1")

    answer = await client.request("HEAD", "/v1/books/b1")

    assert (answer.status, answer.headers["content-length"], answer.body) == (200, got.headers["content-length"], b"")


async def test_options_names_the_methods(client: Any) -> None:
    answer = await client.request("OPTIONS", "/v1/books/b1")

    assert (answer.status, answer.headers["allow"], answer.body) == (204, "GET, HEAD, OPTIONS", b"")


async def test_a_wrong_method_is_405_with_allow(client: Any) -> None:
    answer = await client.request("DELETE", "/v1/books/b1")

    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert answer.json() == {"detail": "Method Not Allowed"}


async def test_an_http_body_answer_is_sent_untouched(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/b1/cover")

    assert (answer.headers["content-type"], answer.body) == ("image/png", b"\x89PNG\r\n\x00")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_known_initial_metadata_becomes_headers_and_no_other(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/dressed")

    assert (answer.headers["etag"], answer.headers["cache-control"]) == ('"1"', "private")
    assert "x-internal" not in answer.headers


async def test_other_listeners_do_not_serve_a_service(open_gateway: Any) -> None:
    main = await open_gateway().request("GET", "/back/books/b1")
    back = await open_gateway(listener="back").request("GET", "/back/books/b1")

    assert (main.status, back.status) == (404, 200)


@pytest.mark.parametrize(
    ("book", "status", "body"),
    [
        ("missing", 404, {"detail": "no such book"}),
        # Set by code instead of raised.
        ("set-code", 409, {"detail": "there already"}),
        # The reason states its own status.
        ("lent", 409, {"detail": "it is lent"}),
        # So does a reason spelled without the prefix of its enum.
        ("full", 413, {"detail": "full"}),
        (
            "bad",
            400,
            {"detail": "title must be short", "errors": [{"field": "title", "message": "title must be short"}]},
        ),
        ("guest", 401, {"detail": "who are you?"}),
        ("away", 503, {"detail": "come back later"}),
    ],
)
async def test_a_refused_call_has_the_services_error_shape(client: Any, book: str, status: int, body: Any) -> None:
    answer = await client.request("GET", f"/v1/books/{book}")

    assert (answer.status, answer.json()) == (status, body)


async def test_a_plain_service_answers_with_google_rpc_status_and_keeps_unknown_details(client: Any) -> None:
    answer = await client.request("GET", "/plain/books/bad")

    assert answer.status == 400
    assert answer.json() == {
        "code": 3,
        "message": "title must be short",
        "details": [
            {
                "@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": "title", "description": "title must be short"}],
            },
            {"@type": "type.googleapis.com/nobody.Knows", "value": "CAE="},
        ],
    }


@pytest.mark.parametrize(
    ("book", "body"),
    [
        ("guest", {"error": "Unauthorized", "message": "who are you?", "code": "UNAUTHORIZED"}),
        # The service has a phrase of its own for the status, and for another one a code as well.
        ("missing", {"error": "Not on our shelves", "message": "no such book", "code": "NOT_FOUND"}),
        ("away", {"error": "Closed", "message": "come back later", "code": "CLOSED"}),
        # The reason states its own code.
        ("lent", {"error": "Conflict", "message": "it is lent", "code": "BOOK_LENT"}),
    ],
)
async def test_a_coded_service_answers_with_phrase_and_code(open_gateway: Any, book: str, body: Any) -> None:
    answer = await open_gateway(listener="back").request("GET", f"/back/books/{book}")

    assert answer.json() == body


async def test_retry_after_comes_from_the_error_info(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/lent")

    assert answer.headers["retry-after"] == "7"


async def test_401_names_the_scheme(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/guest")

    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_crash_is_500_with_the_request_id_and_nothing_else(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/crash", headers={"X-Request-ID": "abc"})

    assert (answer.status, answer.json()) == (500, {"detail": "Internal server error. Request id: abc"})


async def test_an_interceptor_refuses_for_every_method(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/b1", headers={"X-API-Key": "badge"})

    assert (answer.status, answer.json()) == (403, {"detail": "not with that badge"})


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/nothing", {"detail": "Not Found"}),
        ("/v1/books/b1/x/y", {"detail": "Not Found"}),
        ("/plain/nothing", {"code": 5, "message": "Not Found"}),
        # Like nothing we have: the default shape of the gateway.
        ("/elsewhere", {"error": "Not found", "message": "Not Found", "code": "NOT_FOUND"}),
    ],
)
async def test_an_unknown_route_answers_like_its_neighbours(open_gateway: Any, path: str, body: Any) -> None:
    answer = await open_gateway(default_error_shape=2).request("GET", path)

    assert (answer.status, answer.json()) == (404, body)


@pytest.mark.parametrize(
    ("listener", "body"),
    [
        # All its services have one shape, and one set of words.
        ("back", {"error": "Not on our shelves", "message": "Not Found", "code": "NOT_FOUND"}),
        ("main", {"code": 5, "message": "Not Found"}),
    ],
)
async def test_an_unknown_route_has_the_shape_that_all_services_share(
    open_gateway: Any, listener: str, body: Any
) -> None:
    answer = await open_gateway(listener=listener).request("GET", "/elsewhere")

    assert (answer.status, answer.json()) == (404, body)


async def test_bad_json_is_400_in_the_services_shape(client: Any) -> None:
    answer = await client.request("POST", "/v1/books", body=b"{", headers={"content-type": "application/json"})

    assert answer.status == 400
    assert set(answer.json()) == {"detail", "errors"}


async def test_a_body_declared_too_large_is_refused_before_it_is_read(client: Any) -> None:
    conversation = client.open("POST", "/v1/books", headers={"content-length": "201"}, pieces=[b""])

    await conversation.done()

    assert conversation.events.get_nowait()["status"] == 413
    assert conversation.incoming.qsize() == 1


async def test_a_body_that_grows_too_large_is_refused(client: Any) -> None:
    conversation = client.open("POST", "/v1/books", pieces=[b" " * 150, b" " * 150])

    await conversation.done()

    assert conversation.events.get_nowait()["status"] == 413


async def test_a_deadline_of_the_client_ends_the_call(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/slow", headers={"Grpc-Timeout": "50m"})

    assert (answer.status, answer.json()) == (504, {"detail": "Deadline Exceeded"})


async def test_a_client_that_leaves_cancels_its_call(client: Any, librarian: Any) -> None:
    conversation = client.open("GET", "/v1/books/slow")
    await librarian.gate.wait()

    conversation.leave()
    await conversation.done()

    await librarian.cancelled.wait()
    assert librarian.log == ["slow began", "slow cancelled"]
    assert conversation.events.empty()


async def test_a_websocket_route_wants_an_upgrade(client: Any) -> None:
    answer = await client.request("GET", "/v1/books/b1/listen")

    assert (answer.status, answer.headers["upgrade"]) == (426, "websocket")
