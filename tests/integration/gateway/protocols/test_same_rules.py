"""Calls by the path of an rpc are bound by what binds its HTTP routes: no other protocol is a way around."""

import base64
from typing import Any

import orjson
import pytest

PARROT = "/gatewaytest.procedures.v1.ParrotService/"
CAGE = "/gatewaytest.procedures.v1.CageService/"


def forms(rpc: str, message: bytes, binary: bytes, pack: Any) -> list[tuple[str, bytes, str]]:
    """One call in all protocols: path, body, content type."""
    return [
        (rpc, message, "application/json"),
        (rpc, binary, "application/proto"),
        (rpc, pack(binary), "application/grpc-web+proto"),
        (rpc, pack(message), "application/grpc-web+json"),
        (rpc, base64.b64encode(pack(binary)), "application/grpc-web-text"),
    ]


async def send(client: Any, path: str, body: bytes, content_type: str) -> Any:
    return await client.request("POST", path, body=body, headers={"Content-Type": content_type})


async def test_all_protocols_count_in_one_window(client: Any, pack: Any) -> None:
    # Two in a minute, by whatever way.
    await client.request("POST", "/v1/words", json={"spoken_text": "a"})
    second = await send(client, PARROT + "Learn", b"{}", "application/json")

    refused = [await send(client, *form) for form in forms(PARROT + "Learn", b"{}", b"", pack)]
    route = await client.request("POST", "/v1/words", json={"spoken_text": "a"})

    assert (second.status, second.headers["x-ratelimit-remaining"]) == (200, "0")
    assert [one.status for one in refused[:2]] == [429, 429]
    assert {one.json()["code"] for one in refused[:2]} == {"resource_exhausted"}
    assert [one.headers["grpc-status"] for one in refused[2:]] == ["8", "8", "8"]
    assert all(int(one.headers["retry-after"]) > 0 for one in refused)
    assert route.status == 429


@pytest.mark.parametrize("form", range(5))
async def test_bodies_are_limited_in_all_protocols(client: Any, parrot: Any, words: Any, pack: Any, form: int) -> None:
    # max_body_bytes of Learn is 200.
    said = words(spoken_text="x" * 300)
    message = orjson.dumps({"spokenText": said.spoken_text})

    answer = await send(client, *forms(PARROT + "Learn", message, said.SerializeToString(), pack)[form])

    if form < 2:
        assert (answer.status, answer.json()["code"]) == (429, "resource_exhausted")
    else:
        assert answer.headers["grpc-status"] == "8"
    assert parrot.calls == 0


async def test_a_limit_holds_while_the_body_is_read(client: Any, parrot: Any) -> None:
    headers = {"Content-Type": "application/proto"}
    conversation = client.open("POST", PARROT + "Learn", headers=headers, pieces=[b"x" * 150] * 2, finished=False)

    start = await conversation.next()

    assert start["status"] == 429
    assert parrot.calls == 0


@pytest.mark.parametrize("form", range(5))
async def test_a_service_of_another_listener_is_not_there(client: Any, pack: Any, form: int) -> None:
    answer = await send(client, *forms(CAGE + "Open", b"{}", b"", pack)[form])

    assert answer.status == 404


async def test_each_listener_serves_its_own(open_gateway: Any, pack: Any) -> None:
    client = open_gateway(listener="back")

    here = await send(client, CAGE + "Open", b"{}", "application/json")
    elsewhere = await send(client, PARROT + "Repeat", b"{}", "application/json")

    assert (here.status, elsewhere.status) == (200, 404)


@pytest.mark.parametrize("form", range(5))
async def test_an_rpc_without_a_rule_stays_inside(client: Any, parrot: Any, pack: Any, form: int) -> None:
    answer = await send(client, *forms(PARROT + "Secret", b"{}", b"", pack)[form])

    assert answer.status == 404
    assert parrot.calls == 0


async def test_an_rpc_without_a_rule_is_served_where_that_is_wanted(open_gateway: Any) -> None:
    client = open_gateway(unannotated_rpcs=True)

    answer = await send(client, PARROT + "Secret", b'{"spokenText":"hi"}', "application/json")

    assert answer.json() == {"spokenText": "hi"}


async def test_a_route_on_the_path_of_an_rpc_wins(client: Any, words: Any, pack: Any, unpack: Any) -> None:
    json = await send(client, PARROT + "Behind", b"{}", "application/json")
    proto = await send(client, PARROT + "Behind", b"", "application/proto")
    web = await send(client, PARROT + "Behind", pack(b""), "application/grpc-web")

    # What only the protocols speak can be meant for the rpc alone.
    assert json.json()["spoken_text"] == "front"
    assert words.FromString(proto.body).spoken_text == "behind"
    assert words.FromString(unpack(web.body)[0][1]).spoken_text == "behind"


@pytest.mark.parametrize("path", ["/gatewaytest.procedures.v1.ParrotService/repeat", PARROT + "Repeat/", PARROT])
async def test_paths_are_compared_exactly(client: Any, path: str) -> None:
    # Connect: "case-sensitive".
    answer = await send(client, path, b"{}", "application/json")

    assert answer.status == 404


async def test_a_client_cannot_speak_for_the_gateway(open_gateway: Any) -> None:
    client = open_gateway(token="ours", listener_is_loopback=True)
    headers = {
        "Content-Type": "application/json",
        "X-Gateway-Token": "theirs",
        "Grpc-Metadata-X-Gateway-Local": "1",
        "Origin": "https://evil.example",
    }

    answer = await client.request("POST", PARROT + "Repeat", body=b'{"spokenText":"seen"}', headers=headers)

    seen = [one for one in answer.json()["seen"] if one.startswith("x-gateway")]
    assert sorted(seen) == ["x-gateway-client=127.0.0.1", "x-gateway-token=ours"]


@pytest.mark.parametrize("form", range(5))
async def test_a_call_is_recorded_and_observed(open_gateway: Any, pack: Any, form: int) -> None:
    lines: list[dict[str, Any]] = []
    observed: list[tuple[Any, ...]] = []
    client = open_gateway(record=lambda **line: lines.append(line), observe=lambda *facts: observed.append(facts))

    answer = await send(client, *forms(PARROT + "Repeat", b"{}", b"", pack)[form])

    assert [(line["method"], line["path"], line["status"]) for line in lines] == [("POST", PARROT + "Repeat", 200)]
    assert lines[0]["request_id"] == answer.headers["x-request-id"]
    assert [facts[:2] for facts in observed] == [(PARROT + "Repeat", 200)]


async def test_the_longest_call_is_as_long_in_all_protocols(open_gateway: Any, words: Any, pack: Any) -> None:
    client = open_gateway(longest_call_seconds=0.05)
    slow = words(spoken_text="slow").SerializeToString()

    connect = await send(client, PARROT + "Repeat", slow, "application/proto")
    web = await send(client, PARROT + "Repeat", pack(slow), "application/grpc-web")

    assert (connect.json()["code"], web.headers["grpc-status"]) == ("deadline_exceeded", "4")


async def test_a_request_must_say_whom_it_is_meant_for(client: Any) -> None:
    # RFC 9112, section 3.2.
    headers = {"Content-Type": "application/json", "HOST": "evil.example"}

    answer = await client.request("POST", PARROT + "Repeat", body=b"{}", headers=headers)

    assert answer.status == 400
