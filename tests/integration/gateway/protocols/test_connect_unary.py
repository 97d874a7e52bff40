"""Unary calls of Connect. Rules without another source are of https://connectrpc.com/docs/protocol."""

import base64
import gzip
from typing import Any
from urllib.parse import quote, urlencode

import grpc
import orjson
import pytest

PARROT = "/gatewaytest.procedures.v1.ParrotService/"
JSON = "application/json"
PROTO = "application/proto"


class Connect:
    """A client of Connect that shows what it gets."""

    def __init__(self, client: Any) -> None:
        self.client = client

    async def post(self, rpc: str, body: bytes, content_type: str = JSON, **headers: str) -> Any:
        sent = {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.client.request("POST", PARROT + rpc, body=body, headers=sent)

    async def say(self, text: str, **headers: str) -> Any:
        return await self.post("Repeat", orjson.dumps({"spokenText": text}), **headers)

    async def get(self, rpc: str, method: str = "GET", headers: Any = None, **parameters: str) -> Any:
        query = urlencode(parameters, quote_via=quote)
        return await self.client.request(method, f"{PARROT}{rpc}?{query}", headers=headers)


@pytest.fixture
def connect(client: Any) -> Connect:
    return Connect(client)


async def test_json_is_answered_with_json(connect: Connect) -> None:
    answer = await connect.post("Repeat", b'{"spokenText":"hi","times":"3"}')

    # "Unary-Response": 200 whatever a route of the rpc would say, and the content type of the request.
    assert (answer.status, answer.headers["content-type"]) == (200, JSON)
    assert answer.body == b'{"spokenText":"hi","times":"3"}'


async def test_binary_is_answered_with_binary(connect: Connect, words: Any) -> None:
    said = words(spoken_text="hi", times=3).SerializeToString()

    answer = await connect.post("Repeat", said, PROTO)

    assert (answer.status, answer.headers["content-type"], answer.body) == (200, PROTO, said)


async def test_json_is_proto_json_whatever_the_service_speaks(connect: Connect) -> None:
    # Its routes would say spoken_text, 3 for "3", "soft" for TONE_SOFT, and null for what is not set; by options of
    # the service, a field and an enum value.
    answer = await connect.post("Repeat", b'{"tone":"TONE_SOFT","times":3}')

    assert answer.json() == {"tone": "TONE_SOFT", "times": "3"}


async def test_what_a_newer_client_adds_is_skipped(connect: Connect) -> None:
    answer = await connect.post("Repeat", b'{"spokenText":"hi","mood":"good","tone":"TONE_LOUD"}')

    assert answer.json() == {"spokenText": "hi"}


async def test_headers_and_default_values_fill_no_fields(connect: Connect) -> None:
    answer = await connect.post("Repeat", b"{}", X_Speaker="Polly")

    assert answer.body == b"{}"


@pytest.mark.parametrize(
    ("body", "content_type", "sentence"),
    [
        (b"", JSON, "body must not be empty"),
        (b"[]", JSON, "body must be an object"),
        (b'{"times":"many"}', JSON, "times must be an integer"),
        (b'{"a":1,"a":2}', JSON, "body must not repeat the key 'a'"),
        (b"\x0a\xff\xff", PROTO, "the message must be a serialized gatewaytest.procedures.v1.Words"),
    ],
)
async def test_a_malformed_message_is_an_invalid_argument(
    connect: Connect, parrot: Any, body: bytes, content_type: str, sentence: str
) -> None:
    answer = await connect.post("Repeat", body, content_type)

    assert (answer.status, answer.headers["content-type"]) == (400, JSON)
    assert (answer.json()["code"], answer.json()["message"]) == ("invalid_argument", sentence)
    assert parrot.calls == 0


async def test_a_field_that_is_wrong_is_in_the_details(connect: Connect) -> None:
    answer = await connect.post("Repeat", b'{"times":"many"}')

    (detail,) = answer.json()["details"]
    assert detail["type"] == "google.rpc.BadRequest"
    assert detail["debug"]["fieldViolations"] == [{"field": "times", "description": "times must be an integer"}]


@pytest.mark.parametrize("content_type", [JSON, PROTO])
async def test_an_error_is_json_with_its_details(connect: Connect, words: Any, content_type: str) -> None:
    # "Error": unpadded base64 in `value`; `debug` only where the type is known. Also for binary calls.
    body = b'{"spokenText":"wrong"}' if content_type == JSON else words(spoken_text="wrong").SerializeToString()

    answer = await connect.post("Repeat", body, content_type)

    assert (answer.status, answer.headers["content-type"]) == (400, JSON)
    error = answer.json()
    assert (error["code"], error["message"]) == ("invalid_argument", "das wäre 100 % falsch")
    known, unknown = error["details"]
    assert known["debug"] == {"fieldViolations": [{"field": "spoken_text", "description": "is wrong"}]}
    assert unknown == {"type": "nobody.Knows", "value": "CAE"}
    # "Prefixed-Trailing-Metadata", for errors as well.
    assert answer.headers["trailer-link"] == "</why>"


# "Error Codes".
@pytest.mark.parametrize(
    ("status", "code", "http_status"),
    [
        (grpc.StatusCode.CANCELLED, "canceled", 499),
        (grpc.StatusCode.INVALID_ARGUMENT, "invalid_argument", 400),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "deadline_exceeded", 504),
        (grpc.StatusCode.NOT_FOUND, "not_found", 404),
        (grpc.StatusCode.ALREADY_EXISTS, "already_exists", 409),
        (grpc.StatusCode.PERMISSION_DENIED, "permission_denied", 403),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "resource_exhausted", 429),
        (grpc.StatusCode.FAILED_PRECONDITION, "failed_precondition", 400),
        (grpc.StatusCode.ABORTED, "aborted", 409),
        (grpc.StatusCode.OUT_OF_RANGE, "out_of_range", 400),
        (grpc.StatusCode.UNIMPLEMENTED, "unimplemented", 501),
        (grpc.StatusCode.INTERNAL, "internal", 500),
        (grpc.StatusCode.UNAVAILABLE, "unavailable", 503),
        (grpc.StatusCode.DATA_LOSS, "data_loss", 500),
        (grpc.StatusCode.UNAUTHENTICATED, "unauthenticated", 401),
    ],
)
async def test_every_status_has_its_code_and_http_status(
    connect: Connect, status: grpc.StatusCode, code: str, http_status: int
) -> None:
    answer = await connect.say(status.name)

    assert (answer.status, answer.json()) == (http_status, {"code": code, "message": "as you wish"})


async def test_a_crash_tells_nothing_but_the_request_id(connect: Connect) -> None:
    answer = await connect.say("crash")

    assert (answer.status, answer.json()["code"]) == (500, "internal")
    assert answer.json()["message"].endswith(answer.headers["x-request-id"])
    assert "hunter2" not in str(answer)


async def test_a_server_that_asks_to_wait_is_heard(connect: Connect) -> None:
    # RFC 9110, section 10.2.3.
    answer = await connect.say("full")

    assert (answer.status, answer.headers["retry-after"]) == (429, "7")


# Headers


async def test_metadata_are_headers_and_prefixed_trailers(connect: Connect) -> None:
    answer = await connect.say("dressed")

    assert (answer.headers["etag"], answer.headers["trailer-link"]) == ('"1"', "</next>")
    assert "x-inside" not in answer.headers
    assert "content-encoding" not in answer.headers


async def test_pages_of_other_origins_may_read_trailers(open_gateway: Any) -> None:
    # https://fetch.spec.whatwg.org/#http-access-control-expose-headers: lines of the header count together.
    client = open_gateway(allowed_origins=("https://a.example",))
    headers = {"Content-Type": JSON, "Origin": "https://a.example"}

    answer = await client.request("POST", PARROT + "Repeat", body=b'{"spokenText":"dressed"}', headers=headers)

    assert answer.headers["access-control-allow-origin"] == "https://a.example"
    assert answer.headers["access-control-expose-headers"] == "trailer-link"


async def test_headers_go_on_by_the_list_of_all_routes(connect: Connect) -> None:
    answer = await connect.say("seen", Authorization="Bearer t", X_Other="no", Connect_Protocol_Version="1")

    seen = answer.json()["seen"]
    assert "authorization=Bearer t" in seen
    assert not any("other" in one or "connect" in one for one in seen)


async def test_connect_timeout_is_the_deadline(connect: Connect) -> None:
    answer = await connect.say("slow", Connect_Timeout_Ms="50")

    assert (answer.status, answer.json()["code"]) == (504, "deadline_exceeded")


async def test_a_deadline_that_has_passed_makes_no_call(connect: Connect, parrot: Any) -> None:
    answer = await connect.say("hi", Connect_Timeout_Ms="0")

    assert answer.json()["code"] == "deadline_exceeded"
    assert parrot.calls == 0


@pytest.mark.parametrize("timeout", ["", "-1", "1.5", "soon", "12345678901", "5m"])
async def test_a_malformed_timeout_is_an_invalid_argument(connect: Connect, timeout: str) -> None:
    # "Timeout-Milliseconds": at most 10 digits.
    answer = await connect.say("hi", Connect_Timeout_Ms=timeout)

    assert (answer.status, answer.json()["code"]) == (400, "invalid_argument")
    assert "Connect-Timeout-Ms" in answer.json()["message"]


async def test_another_version_of_the_protocol_is_refused(connect: Connect) -> None:
    assert (await connect.say("hi", Connect_Protocol_Version="1")).status == 200

    answer = await connect.say("hi", Connect_Protocol_Version="2")

    assert (answer.status, answer.json()["code"]) == (400, "invalid_argument")


async def test_a_client_that_leaves_cancels_the_call(connect: Connect, parrot: Any) -> None:
    headers = {"Content-Type": JSON}
    conversation = connect.client.open("POST", PARROT + "Repeat", headers=headers, pieces=[b'{"spokenText":"slow"}'])
    await parrot.heard.wait()

    conversation.leave()
    await conversation.done()

    await parrot.cancelled.wait()


# Content types and methods


@pytest.mark.parametrize("content_type", ["application/connect+json", "text/plain", "application/xml", ""])
async def test_an_unknown_content_type_is_415_and_told_what_is_known(connect: Connect, content_type: str) -> None:
    answer = await connect.post("Repeat", b"{}", content_type)

    assert answer.status == 415
    assert {JSON, PROTO, "application/grpc-web"} <= set(answer.headers["accept-post"].split(", "))
    # Whoever sent it speaks none of the protocols, and gets the service's own shape.
    assert "Content-Type" in answer.json()["detail"]


@pytest.mark.parametrize("content_type", [JSON, PROTO])
async def test_a_stream_is_no_unary_call(connect: Connect, content_type: str) -> None:
    answer = await connect.post("Spell", b"{}", content_type)

    assert answer.status == 415
    assert {"application/connect+json", "application/connect+proto"} <= set(answer.headers["accept-post"].split(", "))


@pytest.mark.parametrize(
    ("rpc", "method", "allowed"),
    [
        ("Learn", "GET", "OPTIONS, POST"),
        ("Learn", "PUT", "OPTIONS, POST"),
        ("Repeat", "DELETE", "GET, HEAD, OPTIONS, POST"),
        ("Spell", "GET", "OPTIONS, POST"),
    ],
)
async def test_another_http_method_is_405(connect: Connect, rpc: str, method: str, allowed: str) -> None:
    # RFC 9110, section 15.5.6.
    answer = await connect.client.request(method, PARROT + rpc)

    assert (answer.status, answer.headers["allow"]) == (405, allowed)
    assert answer.json() == {"detail": "Method Not Allowed"}


async def test_options_names_the_methods(connect: Connect) -> None:
    # RFC 9110, section 9.3.7.
    answer = await connect.client.request("OPTIONS", PARROT + "Repeat")

    assert (answer.status, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")


# Compression


async def test_a_compressed_request_is_read(connect: Connect) -> None:
    answer = await connect.post("Repeat", gzip.compress(b'{"spokenText":"hi"}'), Content_Encoding="gzip")

    assert answer.json() == {"spokenText": "hi"}


async def test_an_empty_body_is_not_decompressed(connect: Connect) -> None:
    # "Servers must not attempt to decompress zero-length HTTP request content."
    answer = await connect.post("Repeat", b"", PROTO, Content_Encoding="gzip")

    assert (answer.status, answer.body) == (200, b"")


async def test_an_unknown_compression_is_unimplemented_and_told_what_is_known(connect: Connect) -> None:
    answer = await connect.say("hi", Content_Encoding="br")

    assert (answer.status, answer.json()["code"]) == (501, "unimplemented")
    assert "gzip, zstd" in answer.json()["message"]


async def test_a_body_that_is_not_compressed_as_it_says_is_an_invalid_argument(connect: Connect) -> None:
    answer = await connect.say("hi", Content_Encoding="gzip")

    assert (answer.status, answer.json()["code"]) == (400, "invalid_argument")


async def test_a_large_answer_is_compressed_if_the_client_takes_it(connect: Connect) -> None:
    answer = await connect.say("x" * 5000, Accept_Encoding="gzip, br")

    assert answer.headers["content-encoding"] == "gzip"
    assert orjson.loads(gzip.decompress(answer.body)) == {"spokenText": "x" * 5000}


# "Unary-Get-Request"


async def test_a_get_carries_json_in_its_query(connect: Connect) -> None:
    answer = await connect.get("Repeat", connect="v1", encoding="json", message='{"spokenText":"hällo + 1"}')

    assert (answer.status, answer.headers["content-type"]) == (200, JSON)
    assert answer.json() == {"spokenText": "hällo + 1"}


@pytest.mark.parametrize("padded", [True, False])
async def test_a_get_carries_binary_as_base64(connect: Connect, words: Any, padded: bool) -> None:
    said = words(spoken_text="\u00ff?>").SerializeToString()
    text = base64.urlsafe_b64encode(said).decode()
    assert "-" in text or "_" in text

    answer = await connect.get("Repeat", message=text if padded else text.rstrip("="), encoding="proto", base64="1")

    assert (answer.headers["content-type"], answer.body) == (PROTO, said)


async def test_a_get_may_be_compressed(connect: Connect) -> None:
    text = base64.urlsafe_b64encode(gzip.compress(b'{"spokenText":"hi"}')).decode()

    answer = await connect.get("Repeat", encoding="json", message=text, base64="1", compression="gzip")

    assert answer.json() == {"spokenText": "hi"}


async def test_an_empty_message_of_a_get_is_a_message(connect: Connect) -> None:
    answer = await connect.get("Repeat", encoding="proto", message="", base64="1", compression="gzip")

    assert (answer.status, answer.body) == (200, b"")


async def test_unknown_parameters_and_values_of_base64_are_ignored(connect: Connect) -> None:
    answer = await connect.get("Repeat", encoding="json", message="{}", base64="yes", trace="1")

    assert answer.status == 200


@pytest.mark.parametrize(
    ("parameters", "http_status", "code"),
    [
        ({"encoding": "json"}, 400, "invalid_argument"),
        ({"encoding": "json", "message": "{"}, 400, "invalid_argument"),
        ({"encoding": "json", "message": "{}", "connect": "v2"}, 400, "invalid_argument"),
        ({"encoding": "proto", "message": "!", "base64": "1"}, 400, "invalid_argument"),
        ({"encoding": "proto", "message": "\u00e4", "base64": "1"}, 400, "invalid_argument"),
        ({"encoding": "json", "message": "{}", "compression": "gzip"}, 400, "invalid_argument"),
        ({"encoding": "json", "message": "{}", "compression": "br"}, 501, "unimplemented"),
    ],
)
async def test_a_malformed_get_is_refused(
    connect: Connect, parrot: Any, parameters: dict[str, str], http_status: int, code: str
) -> None:
    answer = await connect.get("Repeat", **parameters)

    assert (answer.status, answer.json()["code"]) == (http_status, code)
    assert parrot.calls == 0


@pytest.mark.parametrize("query", ["encoding=json&message=%FF", "encoding=json&message={}&message={}"])
async def test_a_query_that_says_nothing_clear_is_refused(connect: Connect, query: str) -> None:
    answer = await connect.client.request("GET", f"{PARROT}Repeat?{query}")

    assert (answer.status, answer.json()["code"]) == (400, "invalid_argument")


@pytest.mark.parametrize("encoding", ["xml", ""])
async def test_an_unknown_encoding_of_a_get_is_415(connect: Connect, encoding: str) -> None:
    answer = await connect.get("Repeat", encoding=encoding, message="{}")

    assert answer.status == 415


async def test_a_get_is_conditional(connect: Connect) -> None:
    # RFC 9110, section 13.1.2.
    first = await connect.get("Repeat", encoding="json", message="{}")

    again = await connect.get("Repeat", headers={"If-None-Match": first.headers["etag"]}, encoding="json", message="{}")

    assert (again.status, again.body) == (304, b"")


async def test_head_is_get_without_the_body(connect: Connect) -> None:
    # RFC 9110, section 9.3.2.
    answer = await connect.get("Repeat", method="HEAD", encoding="json", message="{}")

    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "2", b"")
