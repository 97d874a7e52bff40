"""Streams of Connect. Rules without another source are of https://connectrpc.com/docs/protocol."""

import gzip
import struct
from typing import Any

import orjson
import pytest

PARROT = "/gatewaytest.procedures.v1.ParrotService/"
JSON = "application/connect+json"
PROTO = "application/connect+proto"
END = 2


class Connect:
    """A client of Connect that shows what it gets."""

    def __init__(self, client: Any, pack: Any, unpack: Any) -> None:
        self.client = client
        self.pack = pack
        self.unpack = unpack

    async def send(self, rpc: str, body: bytes, content_type: str = JSON, **headers: str) -> Any:
        sent = {"Content-Type": content_type, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.client.request("POST", PARROT + rpc, body=body, headers=sent)

    async def say(self, rpc: str, *texts: str, **headers: str) -> Any:
        return await self.send(rpc, b"".join(map(self.words, texts)), **headers)

    def open(self, rpc: str, *texts: str) -> Any:
        """A request whose body is not over yet."""
        pieces = [self.words(text) for text in texts]
        return self.client.open("POST", PARROT + rpc, headers={"Content-Type": JSON}, pieces=pieces, finished=False)

    def words(self, text: str) -> bytes:
        message: bytes = self.pack(orjson.dumps({"spokenText": text}))
        return message

    def read(self, body: bytes) -> tuple[list[Any], Any]:
        """The answers and the end of a body in JSON."""
        *answers, (flags, end) = self.unpack(body)
        assert flags == END
        assert all(one & END == 0 for one, _ in answers)
        return [orjson.loads(data)["spokenText"] for _, data in answers], orjson.loads(end)


@pytest.fixture
def connect(client: Any, pack: Any, unpack: Any) -> Connect:
    return Connect(client, pack, unpack)


async def test_answers_come_in_envelopes_and_the_end_in_one_more(connect: Connect) -> None:
    answer = await connect.say("Spell", "a b")

    assert (answer.status, answer.headers["content-type"], answer.headers["etag"]) == (200, JSON, '"1"')
    assert connect.read(answer.body) == (["a", "b"], {"metadata": {"link": ["</next>"]}})


async def test_binary_is_answered_with_binary_but_for_the_end(connect: Connect, words: Any) -> None:
    body = connect.pack(words(spoken_text="a").SerializeToString())

    answer = await connect.send("Spell", body, PROTO)

    assert answer.headers["content-type"] == PROTO
    (_, data), (flags, end) = connect.unpack(answer.body)
    assert words.FromString(data).spoken_text == "a"
    # "Connect serializes ... the block of data at the end of each response stream using JSON."
    assert (flags, orjson.loads(end)) == (END, {"metadata": {"link": ["</next>"]}})


async def test_each_answer_is_sent_when_it_comes(connect: Connect) -> None:
    headers = {"Content-Type": JSON}
    conversation = connect.client.open("POST", PARROT + "Spell", headers=headers, pieces=[connect.words("now pause")])

    await conversation.next()
    first = await conversation.next_body()

    assert len(connect.unpack(first)) == 1
    conversation.leave()
    await conversation.done()


async def test_a_reader_that_leaves_ends_the_call(connect: Connect, parrot: Any) -> None:
    headers = {"Content-Type": JSON}
    conversation = connect.client.open("POST", PARROT + "Spell", headers=headers, pieces=[connect.words("now pause")])
    await conversation.next()

    conversation.leave()
    await conversation.done()

    await parrot.cancelled.wait()


async def test_a_stream_is_ended_properly_when_the_gateway_stops(connect: Connect) -> None:
    headers = {"Content-Type": JSON}
    conversation = connect.client.open("POST", PARROT + "Spell", headers=headers, pieces=[connect.words("now pause")])
    await conversation.next()
    await conversation.next_body()

    connect.client.app.close_streams()
    end = await conversation.next_body()

    assert connect.read(end)[1]["error"]["code"] == "unavailable"
    await conversation.done()


async def test_a_stuck_reader_is_dropped(open_gateway: Any, pack: Any, parrot: Any) -> None:
    client = open_gateway(stuck_reader_seconds=0.2)
    body = pack(orjson.dumps({"spokenText": "a b c"}))
    conversation = client.open("POST", PARROT + "Spell", headers={"Content-Type": JSON}, pieces=[body])
    conversation.stuck = True

    await conversation.done()

    await parrot.cancelled.wait()


# Failures. "Streaming responses always have an HTTP status of 200 OK."


async def test_a_stream_that_fails_at_once_is_one_envelope(connect: Connect) -> None:
    answer = await connect.say("Spell", "wrong")

    assert (answer.status, answer.headers["content-type"]) == (200, JSON)
    answers, end = connect.read(answer.body)
    assert (answers, end["error"]["code"], end["error"]["message"]) == ([], "invalid_argument", "das wäre 100 % falsch")
    assert end["error"]["details"][1] == {"type": "nobody.Knows", "value": "CAE"}
    assert end["metadata"] == {"link": ["</why>"]}


async def test_a_stream_that_fails_later_tells_so_at_its_end(connect: Connect) -> None:
    answer = await connect.say("Spell", "a break")

    error = {"code": "data_loss", "message": "lost the thread"}
    assert connect.read(answer.body) == (["a"], {"error": error, "metadata": {"link": ["</why>"]}})


async def test_a_crash_tells_nothing_but_the_request_id(connect: Connect) -> None:
    answer = await connect.say("Spell", "crash")

    error = connect.read(answer.body)[1]["error"]
    assert (error["code"], answer.headers["x-request-id"] in error["message"]) == ("internal", True)
    assert "hunter2" not in str(answer)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"\0\0\0", "the body ends inside an envelope"),
        (b"\0\0\0\0\5{}", "the body ends inside an envelope"),
        (b"\0\0\0\0\2[]", "body must be an object"),
        # "Request streams must always leave this bit unset."
        (b"\2\0\0\0\2{}", "an envelope has flags 0x02, which are not for requests"),
        (b"\x80\0\0\0\2{}", "an envelope has flags 0x80, which are not for requests"),
        # "If Streaming-Content-Encoding is omitted or identity, this bit must be 0."
        (b"\1\0\0\0\2{}", "an envelope is compressed, and no header says how"),
    ],
)
@pytest.mark.parametrize("rpc", ["Spell", "Join", "Chat"])
async def test_a_malformed_body_is_an_invalid_argument(connect: Connect, rpc: str, body: bytes, sentence: str) -> None:
    answer = await connect.send(rpc, body)

    answers, end = connect.read(answer.body)
    assert (answer.status, answers) == (200, [])
    assert (end["error"]["code"], end["error"]["message"]) == ("invalid_argument", sentence)


@pytest.mark.parametrize("messages", [0, 2])
async def test_a_call_with_one_request_takes_exactly_one(connect: Connect, parrot: Any, messages: int) -> None:
    # Source: doc/statuscodes.md of gRPC, "Request cardinality violation".
    answer = await connect.send("Spell", connect.words("a") * messages)

    assert connect.read(answer.body)[1]["error"]["code"] == "unimplemented"
    assert parrot.calls == 0


@pytest.mark.parametrize("header", ["Connect_Timeout_Ms", "Connect_Protocol_Version"])
async def test_a_malformed_header_is_an_invalid_argument(connect: Connect, header: str) -> None:
    answer = await connect.say("Spell", "a", **{header: "soon"})

    assert connect.read(answer.body)[1]["error"]["code"] == "invalid_argument"


async def test_connect_timeout_is_the_deadline(connect: Connect) -> None:
    answer = await connect.say("Spell", "a pause", Connect_Timeout_Ms="100")

    answers, end = connect.read(answer.body)
    assert (answers, end["error"]["code"]) == (["a"], "deadline_exceeded")


@pytest.mark.parametrize("content_type", ["application/json", "application/proto", "text/event-stream"])
async def test_a_content_type_that_is_no_stream_is_415(connect: Connect, content_type: str) -> None:
    answer = await connect.send("Spell", b"", content_type)

    assert answer.status == 415


# Streams of requests


async def test_requests_are_collected(connect: Connect) -> None:
    answer = await connect.say("Join", "a", "b", "c")

    assert connect.read(answer.body) == (["a b c"], {"metadata": {"link": ["</next>"]}})


async def test_a_stream_of_no_requests_is_a_stream(connect: Connect) -> None:
    # "The HTTP request content is a sequence of zero or more Enveloped-Message."
    answer = await connect.send("Join", b"")

    assert [flags for flags, _ in connect.unpack(answer.body)] == [0, END]


async def test_requests_reach_the_server_while_the_body_is_sent(connect: Connect, parrot: Any) -> None:
    conversation = connect.open("Join", "a")

    await parrot.heard.wait()

    assert conversation.events.empty()
    conversation.leave()
    await conversation.done()


async def test_an_envelope_may_come_in_pieces(connect: Connect) -> None:
    body = connect.words("hello") + connect.words("you")
    pieces = [body[at : at + 3] for at in range(0, len(body), 3)]

    conversation = connect.client.open("POST", PARROT + "Join", headers={"Content-Type": JSON}, pieces=pieces)
    await conversation.next()

    assert connect.read(await conversation.next_body())[0] == ["hello you"]


async def test_a_server_may_have_enough_before_the_body_is_over(connect: Connect) -> None:
    conversation = connect.open("Join", "a", "enough")

    await conversation.next()
    _, end = connect.read(await conversation.next_body())

    assert end["error"] == {"code": "out_of_range", "message": "enough"}
    await conversation.done()


async def test_a_client_that_leaves_half_way_is_not_the_end_of_its_requests(connect: Connect, parrot: Any) -> None:
    conversation = connect.open("Join", "a")
    await parrot.heard.wait()

    conversation.leave()
    await conversation.done()

    await parrot.cancelled.wait()
    assert not parrot.ended.is_set()


async def test_a_request_that_is_refused_half_way_is_not_the_end_of_the_requests(connect: Connect, parrot: Any) -> None:
    answer = await connect.send("Join", connect.words("a") + connect.pack(b"nonsense"))

    assert connect.read(answer.body)[1]["error"]["code"] == "invalid_argument"
    await parrot.cancelled.wait()
    assert not parrot.ended.is_set()


async def test_both_sides_may_talk_at_once(connect: Connect) -> None:
    # Over HTTP/1.1 too, if the client can: nothing here waits for the last request.
    conversation = connect.open("Chat", "a")
    await conversation.next()
    first = await conversation.next_body()

    conversation.incoming.put_nowait({"type": "http.request", "body": connect.words("b"), "more_body": False})
    second = await conversation.next_body()
    end = await conversation.next_body()

    assert [orjson.loads(data) for _, data in connect.unpack(first + second)] == [
        {"spokenText": "a"},
        {"spokenText": "b"},
    ]
    assert connect.unpack(end) == [(END, b"{}")]
    await conversation.done()


async def test_a_chat_that_goes_wrong_tells_so_after_the_answers(connect: Connect) -> None:
    conversation = connect.open("Chat", "a")
    await conversation.next()
    await conversation.next_body()

    conversation.incoming.put_nowait({"type": "http.request", "body": connect.pack(b"?"), "more_body": False})
    _, end = connect.read(await conversation.next_body())

    assert end["error"]["code"] == "invalid_argument"
    await conversation.done()


# Compression


async def test_envelopes_may_be_compressed_one_by_one(connect: Connect) -> None:
    packed = gzip.compress(b'{"spokenText":"b"}')

    answer = await connect.send("Join", connect.words("a") + connect.pack(packed, 1), Connect_Content_Encoding="gzip")

    assert connect.read(answer.body)[0] == ["a b"]


async def test_large_answers_are_compressed_if_the_client_takes_it(connect: Connect) -> None:
    answer = await connect.say("Spell", "x" * 5000 + " y", Connect_Accept_Encoding="gzip,br")

    assert answer.headers["connect-content-encoding"] == "gzip"
    assert "content-encoding" not in answer.headers
    (large, packed), (small, _), (end, _) = connect.unpack(answer.body)
    assert (large, small, end) == (1, 0, END)
    assert orjson.loads(gzip.decompress(packed)) == {"spokenText": "x" * 5000}


@pytest.mark.parametrize(("size", "compression"), [(300_000, True), (5000, False)])
async def test_answers_that_would_take_long_or_are_not_to_be_compressed_are_not(
    open_gateway: Any, pack: Any, unpack: Any, size: int, compression: bool
) -> None:
    connect = Connect(open_gateway(compression=compression), pack, unpack)

    answer = await connect.say("Spell", "x" * size, Connect_Accept_Encoding="gzip")

    assert [flags for flags, _ in connect.unpack(answer.body)] == [0, END]


async def test_a_client_that_sends_gzip_and_says_nothing_takes_it(connect: Connect) -> None:
    # "If the client omits Accept-Encoding, servers must assume that the client accepts the Content-Encoding used".
    answer = await connect.say("Spell", "x" * 5000, Connect_Content_Encoding="gzip")

    assert connect.unpack(answer.body)[0][0] == 1


async def test_streams_are_not_compressed_as_a_whole(connect: Connect) -> None:
    answer = await connect.say("Spell", "x" * 5000, Accept_Encoding="gzip")

    assert "content-encoding" not in answer.headers


async def test_an_unknown_compression_is_unimplemented(connect: Connect) -> None:
    answer = await connect.say("Spell", "a", Connect_Content_Encoding="br")

    assert connect.read(answer.body)[1]["error"]["code"] == "unimplemented"


# Limits: max_body_bytes of Join is 200 and of Record 300.


async def test_a_stream_is_as_long_as_it_likes_but_each_message_is_limited(connect: Connect) -> None:
    small = await connect.say("Join", *["x" * 100] * 10)
    large = await connect.say("Join", "a", "x" * 200)

    assert len(connect.read(small.body)[0][0]) == 1009
    error = connect.read(large.body)[1]["error"]
    assert (error["code"], error["message"]) == ("resource_exhausted", "a message must be at most 200 bytes")


async def test_a_message_is_refused_by_its_length_alone(connect: Connect) -> None:
    headers = {"Content-Type": JSON}
    pieces = [struct.pack(">BI", 0, 2**32 - 1)]

    conversation = connect.client.open("POST", PARROT + "Join", headers=headers, pieces=pieces, finished=False)
    await conversation.next()

    assert connect.read(await conversation.next_body())[1]["error"]["code"] == "resource_exhausted"
    await conversation.done()


async def test_a_compressed_message_is_limited_by_what_it_stands_for(connect: Connect) -> None:
    packed = gzip.compress(b'{"spokenText":"' + b"x" * 100_000 + b'"}')
    assert len(packed) < 200

    answer = await connect.send("Join", connect.pack(packed, 1), Connect_Content_Encoding="gzip")

    assert connect.read(answer.body)[1]["error"]["code"] == "resource_exhausted"


async def test_pieces_of_a_file_are_limited_together(connect: Connect) -> None:
    piece = connect.pack(orjson.dumps({"sound": {"data": "AAAA" * 20}}))

    small = await connect.send("Record", piece * 2)
    large = await connect.send("Record", piece * 3)

    assert orjson.loads(connect.unpack(small.body)[0][1]) == {"times": "120"}
    error = connect.read(large.body)[1]["error"]
    assert (error["code"], error["message"]) == ("resource_exhausted", "body must be at most 300 bytes")
