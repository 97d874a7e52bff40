"""Files in requests: raw and in forms, whole and piece by piece."""

import asyncio
import hashlib
from typing import Any

import pytest

from tests.patience import PATIENCE

FORM = "multipart/form-data; boundary=xyz"


def form(*parts: tuple[str, str, bytes]) -> bytes:
    """A form of (name, content type, bytes)."""
    text = b""
    for name, content_type, data in parts:
        text += f'--xyz\r\nContent-Disposition: form-data; name="{name}"; filename="f.bin"\r\n'.encode()
        text += f"Content-Type: {content_type}\r\n\r\n".encode() if content_type else b"\r\n"
        text += data + b"\r\n"
    return text + b"--xyz--\r\n"


def field(name: str, text: bytes) -> bytes:
    """A part of a form beside its file."""
    return f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + text + b"\r\n"


def sliced(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


@pytest.mark.parametrize("route", ["cover", "text"])
@pytest.mark.parametrize("data", [b"", b"bytes \x00\xff\r\n--xy", b"x" * 3000])
async def test_a_raw_body_arrives_whole(client: Any, route: str, data: bytes) -> None:
    answer = await client.request("PUT", f"/v1/books/b1/{route}", body=data, headers={"Content-Type": "image/png"})

    assert answer.json() == {
        "id": "b1",
        "size": len(data),
        "content_type": "image/png",
        "messages": 1,
        "sha256": hashlib.sha256(data).hexdigest(),
    }


@pytest.mark.parametrize("route", ["cover", "text"])
@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_the_part_of_a_form_arrives_whatever_way_it_is_cut(client: Any, route: str, size: int) -> None:
    data = b"line\r\n--xy\r\n" * 20
    body = form(("other", "", b"ignored"), ("file", "text/csv", data), ("file", "text/csv", b"second"))

    conversation = client.open(
        "PUT", f"/v1/books/b1/{route}", headers={"Content-Type": FORM}, pieces=sliced(body, size)
    )
    await conversation.done()

    assert conversation.events.get_nowait()["status"] == 200
    answer = conversation.events.get_nowait()["body"].decode()
    assert f'"size":{len(data)},"content_type":"text/csv"' in answer
    assert hashlib.sha256(data).hexdigest() in answer


# As `curl -F file=@f -F edition=2` and `curl -F edition=2 -F file=@f` send it.
@pytest.mark.parametrize("route", ["cover", "text"])
@pytest.mark.parametrize("size", [1, 100_000])
async def test_parts_beside_the_file_fill_fields_wherever_they_stand(
    client: Any, librarian: Any, route: str, size: int
) -> None:
    before, behind = (
        field("tags", b"a") + field("filename", b"mine"),
        field("edition", b"2") + field("tags", b"\xc3\xa9"),
    )
    body = before + form(("file", "", b"text"))[: -len(b"--xyz--\r\n")] + behind + b"--xyz--\r\n"

    conversation = client.open(
        "PUT", f"/v1/books/b1/{route}", headers={"Content-Type": FORM}, pieces=sliced(body, size)
    )
    await conversation.done()

    assert conversation.events.get_nowait()["status"] == 200
    uploaded = librarian.uploaded
    assert (uploaded.edition, list(uploaded.tags), uploaded.id) == (2, ["a", "é"], "b1")


async def test_the_name_of_the_file_fills_its_field(client: Any, librarian: Any) -> None:
    await client.request("PUT", "/v1/books/b1/text", body=form(("file", "", b"x")), headers={"Content-Type": FORM})

    assert librarian.uploaded.filename == "f.bin"


@pytest.mark.parametrize("route", ["cover", "text"])
@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        (field("edition", b"two"), "edition must be an integer"),
        (field("edition", b"1") + field("edition", b"2"), "edition must be given only once"),
        (field("tags", b"\xff"), "the parts of the form beside the file must be UTF-8"),
    ],
)
@pytest.mark.parametrize("behind", [False, True])
async def test_a_wrong_part_beside_the_file_is_400(
    client: Any, librarian: Any, route: str, part: bytes, sentence: str, behind: bool
) -> None:
    file, end = form(("file", "", b"text")).removesuffix(b"--xyz--\r\n"), b"--xyz--\r\n"
    body = (file + part if behind else part + file) + end

    answer = await client.request("PUT", f"/v1/books/b1/{route}", body=body, headers={"Content-Type": FORM})

    assert answer.status == 400
    assert answer.json()["detail"].startswith(sentence)
    assert librarian.complete == []


@pytest.mark.parametrize("part", [field("tags", b"x" * 66_000), field("t", b"") * 1_000])
async def test_parts_beside_the_file_have_a_limit_of_their_own(client: Any, part: bytes) -> None:
    body = part + form(("file", "", b"text"))

    answer = await client.request("PUT", "/v1/books/b1/text", body=body, headers={"Content-Type": FORM})

    assert answer.status == 400
    assert answer.json()["detail"] == "the parts of the form beside the file must have at most 65,536 bytes together"


async def test_a_part_is_no_mark_of_a_whole_upload(client: Any, librarian: Any) -> None:
    body = field("complete", b"true") + form(("file", "", b"text"))[:-9]

    answer = await client.request("PUT", "/v1/books/b1/text", body=body, headers={"Content-Type": FORM})

    assert (answer.status, librarian.complete) == (400, [])


@pytest.mark.parametrize(("body", "content_type"), [(b"", ""), (b"text", ""), (form(("file", "", b"text")), FORM)])
async def test_a_mark_follows_an_upload_that_came_whole(
    client: Any, librarian: Any, body: bytes, content_type: str
) -> None:
    await client.request("PUT", "/v1/books/b1/text?complete=true", body=body, headers={"Content-Type": content_type})

    assert librarian.complete == ["b1"]


async def test_a_large_upload_comes_in_pieces(client: Any) -> None:
    data = bytes(range(256)) * 4096

    answer = await client.request("PUT", "/v1/books/b1/text", body=data)

    assert (answer.json()["size"], answer.json()["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert answer.json()["messages"] >= 4


@pytest.mark.parametrize("route", ["cover", "text"])
@pytest.mark.parametrize(
    ("body", "content_type", "sentence"),
    [
        (form(("other", "", b"x")), FORM, "file must be a part of the form"),
        (b"no form at all", FORM, "the body must be a well-formed multipart form"),
        (b"x", "multipart/form-data", "the multipart form must name its boundary"),
        (form(("file", "", b"abc"))[:-9], FORM, "the multipart form ends before its last boundary"),
    ],
)
async def test_a_broken_form_is_400(client: Any, route: str, body: bytes, content_type: str, sentence: str) -> None:
    answer = await client.request("PUT", f"/v1/books/b1/{route}", body=body, headers={"Content-Type": content_type})

    assert (answer.status, answer.json()["detail"]) == (400, sentence)


async def test_an_upload_that_grows_too_large_is_413_and_ends_the_call(client: Any, librarian: Any) -> None:
    pieces = [b"x" * 65536] * 40

    conversation = client.open("PUT", "/v1/books/b1/text", pieces=pieces)
    await conversation.done()

    assert conversation.events.get_nowait()["status"] == 413
    await asyncio.wait_for(librarian.cancelled.wait(), PATIENCE)
    assert librarian.complete == []


async def test_a_client_that_leaves_half_way_ends_the_call(client: Any, librarian: Any) -> None:
    conversation = client.open("PUT", "/v1/books/b1/text?complete=true", pieces=[b"x" * 100], finished=False)
    await asyncio.wait_for(librarian.gate.wait(), PATIENCE)

    conversation.leave()
    await conversation.done()

    await asyncio.wait_for(librarian.cancelled.wait(), PATIENCE)
    assert conversation.events.empty()
    assert librarian.complete == []


async def test_a_refused_upload_is_answered_before_its_end(client: Any) -> None:
    conversation = client.open("PUT", "/v1/books/missing/text", pieces=[b"x" * 100], finished=False)

    assert (await conversation.next())["status"] == 404
    conversation.leave()
    await conversation.done()


async def test_pieces_are_taken_only_as_fast_as_the_servicer_reads(client: Any) -> None:
    conversation = client.open("PUT", "/v1/books/missing/text", pieces=[b"x" * 65536] * 20)

    await conversation.done()

    assert conversation.incoming.qsize() > 0
