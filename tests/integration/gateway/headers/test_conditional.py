"""Entity tags and If-None-Match. Source: RFC 9110, sections 8.8.3, 13.1.2 and 15.4.5."""

from typing import Any

import pytest

OWN = {"initial": ['etag: "1"', "cache-control: private", "content-language: de", "vary: Accept-Language"]}


async def tag_of(asker: Any, text: str, **options: Any) -> str:
    told = await asker.ask("GET", "/say", query={"text": text}, **options)
    tag: str = told.headers["etag"]
    return tag


async def test_equal_answers_have_equal_tags_and_others_have_others(asker: Any) -> None:
    tags = [await tag_of(asker, text) for text in ("a", "a", "b")]

    assert tags[0] == tags[1] != tags[2]
    assert tags[0].startswith('"')


async def test_an_answer_the_client_has_is_not_sent_again(asker: Any) -> None:
    tag = await tag_of(asker, "a")

    told = await asker.ask("GET", "/say", query={"text": "a"}, headers=[("If-None-Match", tag)])

    assert (told.status, told.body, told.headers["etag"]) == (304, b"", tag)
    assert not {"content-type", "content-length"} & set(told.headers)


async def test_a_changed_answer_is_sent(asker: Any) -> None:
    tag = await tag_of(asker, "a")

    told = await asker.ask("GET", "/say", query={"text": "b"}, headers=[("If-None-Match", tag)])

    assert (told.status, told.json()["text"]) == (200, "b")


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (['"1"'], 304),
        # Section 8.8.3.2: If-None-Match compares weakly.
        (['W/"1"'], 304),
        (['"0", W/"1" , "2"'], 304),
        (['"0"', '"1"'], 304),
        ([', ,"1",'], 304),
        (["*"], 304),
        (['"2"'], 200),
        (['""'], 200),
        # A comma and a backslash are parts of a tag like all else.
        (['"0,"1"'], 200),
        (['"0,1"'], 200),
        # No tags: 1 without quotes, a quote too few, a wrong W.
        (["1"], 200),
        (['"1'], 200),
        (['w/"1"'], 200),
        (['"1" x'], 200),
        (['*, "1"'], 200),
        ([""], 200),
        (['"' * 60_000], 200),
    ],
)
async def test_the_servers_own_tag_is_compared(asker: Any, lines: list[str], status: int) -> None:
    told = await asker.ask("GET", "/say", query=OWN, headers=[("If-None-Match", line) for line in lines])

    assert told.status == status


# Section 15.4.5: what would have come with 200 and concerns caches comes, what describes the body does not.
async def test_304_has_the_headers_that_caches_need(asker: Any) -> None:
    told = await asker.ask("GET", "/say", query=OWN, headers=[("If-None-Match", '"1"')])

    assert (told.headers["etag"], told.headers["cache-control"]) == ('"1"', "private")
    assert told.headers["vary"] == "Accept-Language"
    assert "content-language" not in told.headers


async def test_head_has_the_tag_and_can_be_spared_too(asker: Any) -> None:
    tag = await tag_of(asker, "a")

    told = await asker.ask("HEAD", "/say", query={"text": "a"})
    spared = await asker.ask("HEAD", "/say", query={"text": "a"}, headers=[("If-None-Match", tag)])

    assert (told.status, told.headers["etag"], told.body) == (200, tag, b"")
    assert spared.status == 304


# Section 13.1.2 wants 412 here, but the call is made by then; only its servicer could know before.
async def test_calls_that_change_something_have_neither_tags_nor_conditions(asker: Any) -> None:
    headers = [("If-None-Match", "*"), ("content-type", "application/json")]

    told = await asker.ask("POST", "/say", headers=headers, body=[b'{"text": "a"}'])

    assert (told.status, told.json()["text"]) == (200, "a")
    assert "etag" not in told.headers


# Section 13.2.1: a condition counts only where the answer would be 2xx without it.
async def test_failures_have_neither_tags_nor_conditions(asker: Any) -> None:
    told = await asker.ask("GET", "/say", query={"failure": "NOT_FOUND"}, headers=[("If-None-Match", "*")])

    assert told.status == 404
    assert "etag" not in told.headers


# RFC 9111, section 5.2.2.5.
async def test_an_answer_nobody_may_keep_has_no_tag(asker: Any) -> None:
    told = await asker.ask("GET", "/say", query={"initial": ["cache-control: private, No-Store"]})

    assert "etag" not in told.headers


# RFC 9111, sections 3.5 and 5.2.2.7.
@pytest.mark.parametrize("name", ["Authorization", "X-API-Key", "X-API-Token", "Cookie"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_an_answer_to_a_credential_is_for_its_sender_alone(open_echo: Any, name: str, method: str) -> None:
    asker = open_echo(forwarded_cookies=("session",))

    told = await asker.ask(method, "/say", headers=[(name, "session=s")])
    spared = await asker.ask(method, "/say", headers=[(name, "session=s"), ("If-None-Match", told.headers["etag"])])

    assert (told.status, told.headers["cache-control"]) == (200, "private")
    # RFC 9110, section 15.4.5: 304 has it too.
    assert (spared.status, spared.headers["cache-control"]) == (304, "private")


async def test_a_server_says_itself_who_may_keep_an_answer_to_a_credential(asker: Any) -> None:
    query = {"initial": ["cache-control: public, max-age=60"]}

    told = await asker.ask("GET", "/say", query=query, headers=[("Authorization", "Bearer t")])

    assert [value for name, value in told.lines if name == "cache-control"] == ["public, max-age=60"]


async def test_answers_without_a_credential_and_answers_to_post_say_nothing_of_caches(asker: Any) -> None:
    shared = await asker.ask("GET", "/say", headers=[("Cookie", "theme=dark")])  # no cookie goes on here
    posted = await asker.ask("POST", "/say", headers=[("Authorization", "Bearer t")])

    assert (shared.status, posted.status) == (200, 200)
    assert "cache-control" not in {*shared.headers, *posted.headers}


async def test_bodies_of_any_type_have_tags_and_streams_have_none(asker: Any) -> None:
    shown = await asker.ask("GET", "/show", query={"text": "a", "content_type": "image/png"})
    streamed = await asker.ask("GET", "/repeat", query={"text": "a"}, headers=[("If-None-Match", "*")])

    assert "etag" in shown.headers
    assert (streamed.status, "etag" in streamed.headers) == (200, False)


async def test_without_the_option_only_the_servers_tags_are_used(open_echo: Any) -> None:
    asker = open_echo(etags=False)

    told = await asker.ask("GET", "/say", query={"text": "a"}, headers=[("If-None-Match", "*")])
    own = await asker.ask("GET", "/say", query=OWN, headers=[("If-None-Match", '"1"')])

    assert (told.status, "etag" in told.headers, own.status) == (200, False, 304)


# Section 8.8.3.3: other bytes need another tag. A weak one says that the content is the same.
async def test_a_compressed_answer_has_a_weak_tag_that_spares_it_in_any_coding(asker: Any) -> None:
    query = {"text": "a", "times": 5000}
    plain = await asker.ask("GET", "/say", query=query)
    coded = await asker.ask("GET", "/say", query=query, headers=[("Accept-Encoding", "gzip")])
    tag = coded.headers["etag"]

    spared = [
        await asker.ask("GET", "/say", query=query, headers=[("If-None-Match", tag), ("Accept-Encoding", coding)])
        for coding in ("gzip", "zstd", "identity")
    ]

    assert tag == "W/" + plain.headers["etag"]
    assert [one.status for one in spared] == [304, 304, 304]
    assert all(one.headers["vary"] == "Accept-Encoding" for one in spared)
    assert "content-encoding" not in spared[0].headers


async def test_the_pages_have_tags(asker: Any) -> None:
    document = await asker.ask("GET", "/openapi.json")

    again = await asker.ask("GET", "/openapi.json", headers=[("If-None-Match", document.headers["etag"])])

    assert (document.status, again.status, again.headers["cache-control"]) == (200, 304, "no-cache")
