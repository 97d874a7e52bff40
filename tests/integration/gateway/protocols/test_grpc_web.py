"""gRPC-Web. Rules without another source are of https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-WEB.md."""

import base64
import gzip
from typing import Any
from urllib.parse import unquote

import orjson
import pytest
from google.rpc import status_pb2

PARROT = "/gatewaytest.procedures.v1.ParrotService/"
BINARY = "application/grpc-web+proto"
TEXT = "application/grpc-web-text+proto"


class Web:
    """A client of gRPC-Web that shows what it gets."""

    def __init__(self, client: Any, pack: Any, unpack: Any) -> None:
        self.client = client
        self.pack = pack
        self.unpack = unpack

    async def send(self, rpc: str, body: bytes, content_type: str = BINARY, **headers: str) -> Any:
        sent = {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.client.request("POST", PARROT + rpc, body=body, headers=sent)

    async def call(self, rpc: str, message: Any, **headers: str) -> Any:
        return await self.send(rpc, self.pack(message.SerializeToString()), **headers)

    def trailers(self, answer: Any) -> dict[str, str]:
        """The trailers of an answer, wherever they are."""
        if "grpc-status" in answer.headers:
            assert answer.body == b""
            return {name: value for name, value in answer.headers.items() if name not in ("content-length",)}
        flags, block = self.unpack(answer.body)[-1]
        assert flags == 0x80
        assert block.endswith(b"\r\n")
        return dict(line.split(": ", 1) for line in block.decode().split("\r\n")[:-1])


@pytest.fixture
def web(client: Any, pack: Any, unpack: Any) -> Web:
    return Web(client, pack, unpack)


@pytest.mark.parametrize("content_type", ["application/grpc-web", "application/grpc-web+proto"])
async def test_a_unary_answer_is_a_message_and_trailers(web: Web, words: Any, content_type: str) -> None:
    said = words(spoken_text="hello", times=2**40)

    answer = await web.send("Repeat", web.pack(said.SerializeToString()), content_type)

    assert (answer.status, answer.headers["content-type"], answer.complete) == (200, content_type, True)
    # "Message framing": flag 0 is data, the eighth bit marks trailers, which come last and have lower-case names.
    assert web.unpack(answer.body) == [(0, said.SerializeToString()), (0x80, b"grpc-status: 0\r\n")]


async def test_json_messages_are_proto_json_whatever_the_service_speaks(web: Web) -> None:
    answer = await web.send("Repeat", web.pack(b'{"spokenText":"hi","times":"3"}'), "application/grpc-web+json")

    assert orjson.loads(web.unpack(answer.body)[0][1]) == {"spokenText": "hi", "times": "3"}


async def test_content_types_are_compared_without_case_and_parameters(web: Web, words: Any) -> None:
    # RFC 9110, section 8.3.1.
    answer = await web.send("Repeat", web.pack(b""), "Application/gRPC-Web+Proto; charset=utf-8")

    assert web.trailers(answer) == {"grpc-status": "0"}


async def test_a_stream_of_answers_ends_with_trailers(web: Web, words: Any) -> None:
    answer = await web.call("Spell", words(spoken_text="a b c"))

    *messages, end = web.unpack(answer.body)
    assert [words.FromString(data).spoken_text for _, data in messages] == ["a", "b", "c"]
    assert end == (0x80, b"grpc-status: 0\r\nlink: </next>\r\n")
    assert answer.headers["etag"] == '"1"'
    assert "content-length" not in answer.headers


async def test_an_empty_stream_is_trailers_only(web: Web, words: Any) -> None:
    answer = await web.call("Spell", words())

    assert web.unpack(answer.body) == [(0x80, b"grpc-status: 0\r\nlink: </next>\r\n")]


async def test_each_answer_of_a_stream_is_sent_when_it_comes(web: Web, words: Any) -> None:
    body = web.pack(words(spoken_text="now pause").SerializeToString())
    conversation = web.client.open("POST", PARROT + "Spell", headers={"Content-Type": BINARY}, pieces=[body])

    await conversation.next()
    first = await conversation.next_body()

    assert len(web.unpack(first)) == 1
    conversation.leave()
    await conversation.done()


async def test_a_reader_that_leaves_ends_the_call(web: Web, words: Any, parrot: Any) -> None:
    body = web.pack(words(spoken_text="now pause").SerializeToString())
    conversation = web.client.open("POST", PARROT + "Spell", headers={"Content-Type": BINARY}, pieces=[body])
    await conversation.next()

    conversation.leave()
    await conversation.done()

    await parrot.cancelled.wait()


# Text-encoded streams


@pytest.mark.parametrize("content_type", ["application/grpc-web-text", TEXT])
async def test_text_is_base64_frame_by_frame(web: Web, words: Any, content_type: str) -> None:
    body = base64.b64encode(web.pack(words(spoken_text="a b").SerializeToString()))

    answer = await web.send("Spell", body, content_type)

    assert answer.headers["content-type"] == content_type
    # Padding may come in between; a reader decodes group by group.
    decoded = b"".join(base64.b64decode(answer.body[at : at + 4]) for at in range(0, len(answer.body), 4))
    assert [flags for flags, _ in web.unpack(decoded)] == [0, 0, 0x80]


async def test_text_may_come_in_pieces_of_any_size_with_padding_in_between(web: Web, words: Any) -> None:
    message = web.pack(words(spoken_text="hello").SerializeToString())
    text = base64.b64encode(message[:1]) + base64.b64encode(message[1:3]) + base64.b64encode(message[3:])
    headers = {"Content-Type": TEXT, "Accept": BINARY}

    pieces = [text[at : at + 3] for at in range(0, len(text), 3)]
    conversation = web.client.open("POST", PARROT + "Repeat", headers=headers, pieces=pieces)
    await conversation.next()

    assert web.unpack(await conversation.next_body())[0] == (0, message[5:])


@pytest.mark.parametrize(
    ("sent", "accept", "answered"),
    [
        (BINARY, "application/grpc-web-text", TEXT),
        (BINARY, "application/grpc-web-text+proto", TEXT),
        (TEXT, "application/grpc-web", BINARY),
        # What names neither leaves it at the form of the request.
        (TEXT, "*/*", TEXT),
    ],
)
async def test_accept_chooses_text_or_binary(web: Web, sent: str, accept: str, answered: str) -> None:
    body = web.pack(b"")

    answer = await web.send("Repeat", base64.b64encode(body) if sent == TEXT else body, sent, Accept=accept)

    assert answer.headers["content-type"] == answered


@pytest.mark.parametrize("body", [b"AAAAAAA", b"*!*!", b"=AAA", b"AA=A", b"AAAAAA=="[:-1]])
async def test_text_that_is_no_base64_is_invalid(web: Web, body: bytes) -> None:
    answer = await web.send("Repeat", body, TEXT)

    assert answer.headers["grpc-status"] == "3"
    assert "base64" in unquote(answer.headers["grpc-message"])


# Failures


async def test_a_call_that_fails_at_once_has_its_status_in_headers(web: Web, words: Any) -> None:
    # "Trailers-only": with the HTTP status 200 (PROTOCOL-HTTP2.md, "Responses").
    answer = await web.call("Repeat", words(spoken_text="wrong"))

    assert (answer.status, answer.body, answer.headers["grpc-status"]) == (200, b"", "3")
    # "Percent-Encoded": UTF-8, the percent sign too.
    assert answer.headers["grpc-message"] == "das w%C3%A4re 100 %25 falsch"
    details = answer.headers["grpc-status-details-bin"]
    assert not details.endswith("=")
    status = status_pb2.Status.FromString(base64.b64decode(details + "=" * (-len(details) % 4)))
    assert [one.type_url for one in status.details] == [
        "type.googleapis.com/google.rpc.BadRequest",
        "type.googleapis.com/nobody.Knows",
    ]
    assert answer.headers["link"] == "</why>"


@pytest.mark.parametrize("content_type", [BINARY, TEXT])
async def test_a_long_message_goes_into_the_body(web: Web, words: Any, content_type: str) -> None:
    body = web.pack(words(spoken_text="long").SerializeToString())

    answer = await web.send("Repeat", base64.b64encode(body) if content_type == TEXT else body, content_type)

    body = base64.b64decode(answer.body) if content_type == TEXT else answer.body
    assert web.unpack(body) == [(0x80, b"grpc-status: 5\r\ngrpc-message: " + b"x" * 6000 + b"\r\n")]


async def test_a_stream_that_fails_later_tells_so_in_its_trailers(web: Web, words: Any) -> None:
    answer = await web.call("Spell", words(spoken_text="a break"))

    assert [flags for flags, _ in web.unpack(answer.body)] == [0, 0x80]
    assert web.trailers(answer) == {"grpc-status": "15", "grpc-message": "lost the thread", "link": "</why>"}


async def test_a_crash_tells_nothing_but_the_request_id(web: Web, words: Any) -> None:
    answer = await web.call("Repeat", words(spoken_text="crash"))

    assert answer.headers["grpc-status"] == "13"
    assert answer.headers["grpc-message"].endswith(answer.headers["x-request-id"])
    assert "hunter2" not in str(answer)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"\0\0\0\0", "the body ends inside an envelope"),
        (b"\0\0\0\0\5abc", "the body ends inside an envelope"),
        (b"\0\0\0\0\3\x0a\xff\xff", "the message must be a serialized gatewaytest.procedures.v1.Words"),
        # Invalid UTF-8 in a string field.
        (b"\0\0\0\0\3\x0a\x01\xff", "the message must be a serialized gatewaytest.procedures.v1.Words"),
        (b"\x80\0\0\0\0", "an envelope has flags 0x80, which are not for requests"),
        (b"\x02\0\0\0\0", "an envelope has flags 0x02, which are not for requests"),
        (b"\x01\0\0\0\0", "an envelope is compressed, and no header says how"),
    ],
)
async def test_a_malformed_body_is_an_invalid_argument(web: Web, parrot: Any, body: bytes, sentence: str) -> None:
    answer = await web.send("Repeat", body)

    assert (answer.status, answer.headers["grpc-status"], answer.headers["grpc-message"]) == (200, "3", sentence)
    assert parrot.calls == 0


@pytest.mark.parametrize(
    ("messages", "sentence"), [(0, "the body must hold a message"), (2, "the body must hold one message only")]
)
@pytest.mark.parametrize("rpc", ["Repeat", "Spell"])
async def test_a_request_is_exactly_one_message(web: Web, messages: int, sentence: str, rpc: str) -> None:
    # Source: doc/statuscodes.md of gRPC, "Request cardinality violation".
    answer = await web.send(rpc, web.pack(b"") * messages)

    assert (answer.headers["grpc-status"], answer.headers["grpc-message"]) == ("12", sentence)


@pytest.mark.parametrize("rpc", ["Join", "Chat"])
async def test_streams_of_requests_are_refused(web: Web, parrot: Any, rpc: str) -> None:
    answer = await web.send(rpc, web.pack(b""))

    assert answer.headers["grpc-status"] == "12"
    assert "gRPC-Web has no streams of requests" in answer.headers["grpc-message"]
    assert parrot.calls == 0


async def test_an_unknown_path_is_404(web: Web) -> None:
    answer = await web.send("Nothing", web.pack(b""))

    assert answer.status == 404


# Compression


async def test_a_body_may_be_compressed_as_a_whole(web: Web, words: Any) -> None:
    # "Full-body compression ... using standard Content-Encoding headers".
    said = words(spoken_text="hello").SerializeToString()

    answer = await web.send("Repeat", gzip.compress(web.pack(said)), Content_Encoding="gzip")

    assert web.unpack(answer.body)[0] == (0, said)


async def test_a_message_may_be_compressed_if_a_header_says_how(web: Web, words: Any) -> None:
    # Source: PROTOCOL-HTTP2.md, "Compressed-Flag" and "Message-Encoding".
    said = words(spoken_text="hello").SerializeToString()

    answer = await web.send("Repeat", web.pack(gzip.compress(said), 1), grpc_encoding="gzip")

    assert web.unpack(answer.body)[0] == (0, said)


async def test_an_unknown_compression_is_unimplemented_and_told_what_is_known(web: Web) -> None:
    # Source: doc/compression.md of gRPC.
    answer = await web.send("Repeat", web.pack(b"", 1), grpc_encoding="snappy")

    assert answer.headers["grpc-status"] == "12"
    assert answer.headers["grpc-accept-encoding"] == "gzip, zstd"


# Headers


async def test_grpc_timeout_is_the_deadline(web: Web, words: Any) -> None:
    answer = await web.call("Repeat", words(spoken_text="slow"), grpc_timeout="50m")

    assert answer.headers["grpc-status"] == "4"


async def test_a_malformed_timeout_is_an_invalid_argument(web: Web, words: Any) -> None:
    answer = await web.call("Repeat", words(), grpc_timeout="soon")

    assert answer.headers["grpc-status"] == "3"
    assert "Grpc-Timeout" in answer.headers["grpc-message"]


async def test_headers_go_on_by_the_list_of_all_routes(web: Web, words: Any) -> None:
    answer = await web.call("Repeat", words(spoken_text="seen"), Authorization="Bearer t", X_Other="no")

    seen = words.FromString(web.unpack(answer.body)[0][1]).seen
    assert "authorization=Bearer t" in seen
    assert not any("other" in one or "grpc-web" in one for one in seen)


async def test_metadata_come_back_by_the_list_of_all_routes(web: Web, words: Any) -> None:
    answer = await web.call("Repeat", words(spoken_text="dressed"))

    assert answer.headers["etag"] == '"1"'
    assert web.trailers(answer) == {"grpc-status": "0", "link": "</next>"}
    assert "x-inside" not in answer.headers
    # That is said of the bytes of an HttpBody.
    assert "content-encoding" not in answer.headers


async def test_browsers_may_call_and_read(open_gateway: Any, pack: Any) -> None:
    # "CORS preflight": POST and OPTIONS only, and the headers the preflight carries.
    client = open_gateway(allowed_origins=("https://a.example",))
    asked = {
        "Origin": "https://a.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type,grpc-timeout,x-grpc-web,x-user-agent",
    }

    preflight = await client.request("OPTIONS", PARROT + "Spell", headers=asked)
    answer = await client.request(
        "POST", PARROT + "Repeat", body=pack(b""), headers={"Origin": "https://a.example", "Content-Type": BINARY}
    )

    assert preflight.status == 204
    assert preflight.headers["access-control-allow-methods"] == "OPTIONS, POST"
    assert preflight.headers["access-control-allow-headers"] == "content-type,grpc-timeout,x-grpc-web,x-user-agent"
    exposed = answer.headers["access-control-expose-headers"].lower().split(", ")
    assert {"grpc-status", "grpc-message", "grpc-status-details-bin"} <= set(exposed)
