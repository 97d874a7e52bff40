"""Content codings of answers and of requests. Source: RFC 9110, sections 8.4, 12.5.3 and 15.5.16."""

import gzip
import hashlib
import zlib
from typing import Any

import pytest
import zstandard

LARGE = {"text": "abcdefgh", "times": 1000}
JSON = ("content-type", "application/json")
MIB = 1024 * 1024


def plain(coding: str, body: bytes) -> bytes:
    if coding == "gzip":
        return gzip.decompress(body)
    return zstandard.ZstdDecompressor().decompressobj().decompress(body)


def coded(coding: str, body: bytes) -> bytes:
    # The time would be in the names of tests, which must be the same in each process that runs some of them.
    return gzip.compress(body, mtime=0) if coding == "gzip" else zstandard.compress(body)


def cut(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip", "gzip"),
        ("zstd", "zstd"),
        # What Chrome and Firefox send.
        ("gzip, deflate, br, zstd", "zstd"),
        # What Safari and curl send.
        ("gzip, deflate, br", "gzip"),
        ("gzip;q=1, zstd;q=0.5", "gzip"),
        ("GZIP ; Q=0.3", "gzip"),
        # Section 8.4.1.3: another name of gzip.
        ("x-gzip", "gzip"),
        ("*", "zstd"),
        ("zstd;q=0, *", "gzip"),
        ("gzip;q=0.001", "gzip"),
        ("gzip;q=0", None),
        ("identity", None),
        ("", None),
        ("br, deflate", None),
        ("gzip;q=0.5, identity", None),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        # No coding that is offered: better plain than nothing.
        ("identity;q=0, br", None),
        ("*;q=0", None),
        # Broken weights count as 0.
        ("gzip;q=nan, zstd;q=2", None),
        ("gzip;level=9", None),
        ("gzip," * 10_000, None),
    ],
)
async def test_the_coding_the_client_likes_most_is_used(asker: Any, accepted: str, coding: str | None) -> None:
    told = await asker.ask("GET", "/say", query=LARGE, headers=[("Accept-Encoding", accepted)])
    unasked = await asker.ask("GET", "/say", query=LARGE)

    assert (told.status, told.headers.get("content-encoding"), told.headers["vary"]) == (200, coding, "Accept-Encoding")
    assert told.headers["content-length"] == str(len(told.body))
    assert (plain(coding, told.body) if coding else told.body) == unasked.body
    assert "content-encoding" not in unasked.headers


async def test_small_answers_stay_plain_and_do_not_vary(asker: Any) -> None:
    told = await asker.ask("GET", "/say", headers=[("Accept-Encoding", "gzip")])

    assert not {"content-encoding", "vary"} & set(told.headers)


@pytest.mark.parametrize(
    ("content_type", "compressed"),
    [
        ("text/csv; charset=utf-8", True),
        ("TEXT/PLAIN", True),
        ("image/svg+xml", True),
        ("application/problem+json", True),
        ("image/png", False),
        ("application/zip", False),
        ("application/octet-stream", False),
        ("", False),
    ],
)
async def test_only_text_is_compressed(asker: Any, content_type: str, *, compressed: bool) -> None:
    headers = [("Accept-Encoding", "gzip")]
    query = {**LARGE, "content_type": content_type}

    shown = await asker.ask("GET", "/show", query=query, headers=headers)
    downloaded = await asker.ask("GET", "/download", query=query, headers=headers)

    assert ("content-encoding" in shown.headers) is compressed
    assert ("content-encoding" in downloaded.headers) is compressed


@pytest.mark.parametrize("path", ["/show", "/download"])
@pytest.mark.parametrize("metadata", ["content-encoding: br", "cache-control: public, no-transform"])
async def test_what_the_server_has_coded_or_forbidden_to_code_stays(asker: Any, path: str, metadata: str) -> None:
    query = {**LARGE, "content_type": "text/plain", "initial": [metadata]}

    told = await asker.ask("GET", path, query=query, headers=[("Accept-Encoding", "gzip")])

    name, value = metadata.split(": ")
    assert told.body == b"abcdefgh" * 1000
    assert told.headers[name] == value


async def test_a_download_of_known_length_stays_plain(asker: Any) -> None:
    query = {**LARGE, "content_type": "text/plain", "initial": ["x-http-content-length: 8000"]}

    told = await asker.ask("GET", "/download", query=query, headers=[("Accept-Encoding", "gzip")])

    assert (told.headers["content-length"], len(told.body)) == ("8000", 8000)
    assert "content-encoding" not in told.headers


# RFC 9110, section 9.3.2: the headers GET would have.
async def test_head_has_the_headers_of_get(asker: Any) -> None:
    headers = [("Accept-Encoding", "zstd")]

    get = await asker.ask("GET", "/say", query=LARGE, headers=headers)
    head = await asker.ask("HEAD", "/say", query=LARGE, headers=headers)

    assert (head.lines, head.body) == (get.lines, b"")


async def test_failures_stay_plain(asker: Any) -> None:
    told = await asker.ask("GET", "/say", query={"failure": "NOT_FOUND"}, headers=[("Accept-Encoding", "gzip")])

    assert (told.status, told.json()["code"]) == (404, 5)


async def test_large_answers_to_calls_that_change_something_are_compressed_too(asker: Any) -> None:
    headers = [JSON, ("Accept-Encoding", "gzip")]

    told = await asker.ask("POST", "/say", headers=headers, body=[b'{"text": "abcdefgh", "times": 100000}'])

    assert plain("gzip", told.body).startswith(b'{"text":"abcdefghabc')


async def test_without_the_option_answers_stay_plain_and_requests_may_be_coded(open_echo: Any) -> None:
    asker = open_echo(compression=False)
    headers = [JSON, ("Accept-Encoding", "gzip"), ("Content-Encoding", "gzip")]

    told = await asker.ask("POST", "/say", headers=headers, body=[gzip.compress(b'{"text": "a", "times": 5000}')])
    stream = await asker.ask("GET", "/repeat", headers=[("Accept-Encoding", "gzip")])

    assert told.json()["text"] == "a" * 5000
    assert not {"content-encoding", "vary"} & (set(told.headers) | set(stream.headers))


@pytest.mark.parametrize("accept", ["application/x-ndjson", "text/event-stream"])
@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_each_message_of_a_stream_can_be_decoded_when_it_comes(asker: Any, accept: str, coding: str) -> None:
    headers = [("Accept", accept), ("Accept-Encoding", coding)]
    decoder: Any = zlib.decompressobj(31) if coding == "gzip" else zstandard.ZstdDecompressor().decompressobj()

    told = await asker.ask("GET", "/repeat", query={"text": "message", "times": 3}, headers=headers)
    unasked = await asker.ask("GET", "/repeat", query={"text": "message", "times": 3}, headers=[("Accept", accept)])

    pieces = [decoder.decompress(piece) for piece in told.pieces]
    assert (told.headers["content-encoding"], told.headers["vary"]) == (coding, "Accept-Encoding")
    assert [number for number, piece in enumerate(pieces) if f"message {number}".encode() in piece] == [0, 1, 2]
    assert b"".join(pieces) == unasked.body
    assert decoder.eof


# A reader that takes both gets the one that is smaller for small messages.
async def test_streams_prefer_gzip(asker: Any) -> None:
    told = await asker.ask("GET", "/repeat", headers=[("Accept-Encoding", "gzip, deflate, br, zstd")])

    assert told.headers["content-encoding"] == "gzip"


async def test_a_compressed_stream_with_no_message_ends_properly(asker: Any) -> None:
    told = await asker.ask("HEAD", "/repeat", headers=[("Accept-Encoding", "gzip")])

    assert (told.status, told.headers["content-encoding"], told.body) == (200, "gzip", b"")


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_a_coded_body_is_read_in_pieces_of_any_size(asker: Any, coding: str, size: int) -> None:
    body = coded(coding, b'{"text": "hello"}')

    told = await asker.ask("POST", "/say", headers=[JSON, ("Content-Encoding", coding)], body=cut(body, size))

    assert told.json()["text"] == "hello"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("identity", b'{"text": "a"}'),
        ("", b'{"text": "a"}'),
        ("X-GZIP", coded("gzip", b'{"text": "a"}')),
        # RFC 1952, section 2.2 and RFC 8878, section 3.1: several one behind the other.
        ("gzip", coded("gzip", b'{"text": ') + coded("gzip", b'"a"}')),
        ("zstd", coded("zstd", b'{"text": ') + coded("zstd", b'"a"}')),
    ],
)
async def test_other_ways_to_code_a_body_are_read(asker: Any, encoding: str, body: bytes) -> None:
    told = await asker.ask("POST", "/say", headers=[JSON, ("Content-Encoding", encoding)], body=[body])

    assert told.json()["text"] == "a"


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_a_coded_body_without_bytes_is_an_empty_body(asker: Any, coding: str) -> None:
    told = await asker.ask("POST", "/say", headers=[JSON, ("Content-Encoding", coding)])

    assert (told.status, told.heard) == (200, [])


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "no such thing"])
async def test_an_unknown_coding_is_415_and_says_what_is_known(asker: Any, encoding: str) -> None:
    told = await asker.ask("POST", "/say", headers=[JSON, ("Content-Encoding", encoding)], body=[b"{}"])

    assert (told.status, told.headers["accept-encoding"]) == (415, "gzip, zstd")
    assert told.json()["message"] == f"Content-Encoding '{encoding}' is not supported: send gzip, zstd or none"


HELLO = b'{"text": "hello"}'


@pytest.mark.parametrize(
    ("coding", "body", "sentence"),
    [
        ("gzip", HELLO, "the body must be valid gzip, as its Content-Encoding says"),
        ("zstd", HELLO, "the body must be valid zstd, as its Content-Encoding says"),
        ("gzip", coded("gzip", HELLO)[:-1], "the body ends before its gzip coding does"),
        ("zstd", coded("zstd", HELLO)[:-1], "the body ends before its zstd coding does"),
        ("gzip", coded("gzip", HELLO) + b"junk", "the body must be valid gzip, as its Content-Encoding says"),
        ("zstd", coded("zstd", HELLO) + b"junk", "the body must be valid zstd, as its Content-Encoding says"),
        # A checksum that does not fit.
        ("gzip", coded("gzip", HELLO)[:-8] + b"\0" * 8, "the body must be valid gzip, as its Content-Encoding says"),
        # RFC 9659: a window of 16 MiB, of which a reader need not have more than 8.
        (
            "zstd",
            zstandard.ZstdCompressor(
                compression_params=zstandard.ZstdCompressionParameters(window_log=24, write_content_size=False)
            )
            .compressobj()
            .compress(b"a" * 32 * MIB),
            "the body must be valid zstd, as its Content-Encoding says",
        ),
        # Members without content, one behind the other: much to do, and nothing comes of it.
        ("gzip", coded("gzip", b"") * 20_000, "the gzip coding of the body goes on without content"),
        ("zstd", coded("zstd", b"") * 40_000, "the zstd coding of the body goes on without content"),
    ],
)
async def test_a_broken_coding_is_400(asker: Any, coding: str, body: bytes, sentence: str) -> None:
    told = await asker.ask("POST", "/say", headers=[JSON, ("Content-Encoding", coding)], body=cut(body, 60_000))

    assert (told.status, told.json()["message"]) == (400, sentence)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_the_limit_of_a_body_holds_for_what_it_decodes_to(asker: Any, coding: str, servicer: Any) -> None:
    bomb = coded(coding, b'{"text": "' + b"a" * 40 * MIB + b'"}')

    told = await asker.ask("POST", "/say", headers=[JSON, ("Content-Encoding", coding)], body=cut(bomb, 60_000))

    assert (told.status, told.json()["message"]) == (413, f"body must be at most {10 * MIB} bytes")
    assert servicer.calls == 0


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_a_coded_upload_arrives_whole(asker: Any, coding: str) -> None:
    data = bytes(range(256)) * 30_000

    told = await asker.ask("PUT", "/upload", headers=[("Content-Encoding", coding)], body=cut(coded(coding, data), 500))

    assert told.json()["text"] == f"{len(data)} {hashlib.sha256(data).hexdigest()}"


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_a_coded_stream_of_requests_is_read(asker: Any, coding: str) -> None:
    body = coded(coding, b'{"text": "a"}\n{"text": "b"}\n')
    headers = [("content-type", "application/x-ndjson"), ("Content-Encoding", coding)]

    told = await asker.ask("POST", "/listen", headers=headers, body=cut(body, 5))

    assert told.json()["text"] == "a,b"


@pytest.mark.parametrize("path", ["/openapi.json", "/docs/swagger-ui-bundle.js"])
async def test_the_pages_are_compressed(asker: Any, path: str) -> None:
    told = await asker.ask("GET", path, headers=[("Accept-Encoding", "gzip")])

    assert (told.status, told.headers["content-encoding"]) == (200, "gzip")
    assert len(told.body) < len(plain("gzip", told.body)) / 3
