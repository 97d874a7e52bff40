"""HTTP nodes against real servers on loopback, kind ones and hostile ones."""

import asyncio
import base64
import gzip
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import web
from yarl import URL

from server.orchestrator.workflows.dialects.canonical import canonical_graph
from tests.integration.gateway.serving.certificate import make_certificate
from tests.unit.workflow.drawing import NOON, ListHost, Run, Workflow, as_dict
from workers.flow.errors import AddressRefused
from workers.workflow import run_graph
from workers.workflow.limits import Limits

HOME = "127.0.0.1"
# Other addresses of loopback, at which other servers listen on the same port.
ELSEWHERE = "127.0.0.2"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """A server whose paths are the handlers' names; it keeps the requests it was sent, with their bodies."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.requests: list[tuple[web.BaseRequest, bytes]] = []

    def url(self, path: str, host: str = HOME) -> str:
        return f"http://{host}:{self.port}{path}"

    @property
    def asked(self) -> list[str]:
        return [f"{request.method} {request.raw_path}" for request, _ in self.requests]


@asynccontextmanager
async def listening(
    handler: Handler, *, address: str = HOME, port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Site]:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        site.requests.append((request, await request.read()))
        return await handler(request)  # type: ignore[arg-type]

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, address, port, ssl_context=tls).start()
    site = Site(runner.addresses[0][1])
    try:
        yield site
    finally:
        await runner.cleanup()


@asynccontextmanager
async def answering(*pieces: bytes, endless: bytes = b"") -> AsyncIterator[str]:
    """Give the URL of a server that answers each connection with `pieces`, and then with `endless` until it breaks."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.writelines(pieces)
            while endless:
                writer.write(endless)
                await writer.drain()
            await reader.read()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, HOME, 0)
    async with server:
        yield f"http://{HOME}:{server.sockets[0].getsockname()[1]}/"


class NamingHost(ListHost):
    """A host that knows where names lead, and keeps what it was asked."""

    def __init__(self, folder: Path, names: Mapping[str, Sequence[str]]) -> None:
        super().__init__(folder)
        self.names = names
        self.asked: list[str] = []

    async def allow_url(self, url: str) -> Sequence[str]:
        self.asked.append(url)
        host = urlsplit(url).hostname or ""
        if host not in self.names:
            raise AddressRefused(f"url must not lead to {host}, an address that may not be called")
        return self.names[host]


async def run(workflow: Workflow, host: ListHost, limits: Limits | None = None) -> Run:
    return Run(await run_graph(canonical_graph(as_dict(workflow)), {}, host, limits=limits), host)


async def ask(url: str, kind: str = "HTTPRequest", *, folder: Path = Path("/nonexistent"), **config: object) -> Run:
    return await run(Workflow([("node", kind, {"url": url, **config})]), ListHost(folder, network=[HOME]))


def outputs_of(ended: Run) -> dict[str, Any]:
    assert ended.error == ""
    outputs: dict[str, Any] = ended.outputs["node"]
    return outputs


async def ok(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="fine")


def in_turn(*answers: web.Response) -> Handler:
    left = list(answers)

    async def answer(_request: web.Request) -> web.StreamResponse:
        return left.pop(0)

    return answer


async def test_an_answer_is_given_out_in_parts() -> None:
    answer = web.json_response({"a": [1]}, headers={"X-One": "1"})
    async with listening(in_turn(answer)) as site:
        outputs = outputs_of(await ask(site.url("/x?a=1"), params={"b": ["ä", 2], "c": True, "d": None}))

        assert site.asked == ["GET /x?a=1&b=%C3%A4&b=2&c=true"]
    assert outputs["body"] == '{"a": [1]}'
    assert outputs["json"] == {"a": [1]}
    assert outputs["status_code"] == 200
    assert outputs["headers"]["X-One"] == "1"
    assert outputs["url"] == site.url("/x?a=1&b=%C3%A4&b=2&c=true")
    assert outputs["success"] is True
    assert outputs["error"] == ""


@pytest.mark.parametrize(
    ("config", "body", "content_type"),
    [
        ({"body": {"a": 1}}, b'{"a":1}', "application/json"),
        ({"body": '{"a": 1}'}, b'{"a": 1}', "application/json"),
        ({"body": "{{a}} words"}, b"{{a}} words", "text/plain; charset=utf-8"),
        ({"body": "x", "content_type": "text/csv"}, b"x", "text/csv"),
        ({"json": [1], "headers": {"content-type": "application/vnd.api+json"}}, b"[1]", "application/vnd.api+json"),
        ({"form": {"a": "ä b", "c": [1, 2]}}, b"a=%C3%A4+b&c=1&c=2", "application/x-www-form-urlencoded"),
        ({"body": "", "headers": {}}, b"", None),
    ],
)
async def test_a_body_is_sent_as_what_it_is(config: Mapping[str, Any], body: bytes, content_type: str | None) -> None:
    async with listening(ok) as site:
        outputs_of(await ask(site.url("/"), method="POST", **config))

        [(request, sent)] = site.requests
        assert sent == body
        if content_type is not None:
            assert request.headers["Content-Type"] == content_type


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
async def test_each_method_has_a_node_and_a_word_of_its_own(method: str) -> None:
    async with listening(ok) as site:
        await ask(site.url("/"), f"Http{method.title()}")
        await ask(site.url("/"), "HTTPRequest", method=method)
        await ask(site.url("/"), "HTTPSuper", action=f"{method} Request")

        assert site.asked == [f"{method} /"] * 3


@pytest.mark.parametrize(
    ("user", "config", "name", "value"),
    [
        ("", {"auth_type": "basic", "username": "me", "password": "ä"}, "Authorization", "me:ä"),
        ("me:p%40ss@", {}, "Authorization", "me:p@ss"),  # RFC 3986, 3.2.1
        ("", {"token": "t1"}, "Authorization", "Bearer t1"),
        ("", {"auth_type": "api_key", "token": "k"}, "X-API-Key", "k"),
        ("me:secret@", {"auth_type": "none"}, "Authorization", None),
    ],
)
async def test_credentials_go_into_headers(user: str, config: Mapping[str, Any], name: str, value: str | None) -> None:
    if value is not None and ":" in value:
        value = "Basic " + base64.b64encode(value.encode()).decode()
    async with listening(ok) as site:
        outputs = outputs_of(await ask(site.url("/", f"{user}{HOME}"), **config))

        assert site.requests[0][0].headers.get(name) == value
        assert outputs["url"] == site.url("/")


async def test_an_error_status_is_no_success_and_fails_only_where_asked() -> None:
    async with listening(in_turn(*(web.Response(status=404, text="no") for _ in range(2)))) as site:
        outputs = outputs_of(await ask(site.url("/?secret=1")))
        failed = await ask(site.url("/?secret=1"), fail_on_error_status=True)

    sentence = f"{site.url('')} answered 404 Not Found"
    assert (outputs["success"], outputs["status_code"], outputs["body"]) == (False, 404, "no")
    assert outputs["error"] == sentence
    assert failed.error == f"Node 'node': {sentence}"
    assert failed.error_type == "ErrorStatus"


@pytest.mark.parametrize(
    ("content_type", "body", "parsed"),
    [
        ("application/problem+json", b"[1]", [1]),
        ("application/json", b"\xef\xbb\xbf1", 1),
        ("text/plain", b' {"a": 1}', {"a": 1}),
        ("text/plain", b"1", None),
        ("application/json", b"{", None),
    ],
)
async def test_json_is_parsed_where_it_is_json(content_type: str, body: bytes, parsed: object) -> None:
    async with listening(in_turn(web.Response(body=body, headers={"Content-Type": content_type}))) as site:
        assert outputs_of(await ask(site.url("/")))["json"] == parsed


@pytest.mark.parametrize(
    ("charset", "body", "text"),
    [
        ("iso-8859-1", b"\xc4", "Ä"),
        ("UTF-8", b"\xef\xbb\xbfa\xff", "a\ufffd"),
        ("klingon", "Ä".encode(), "Ä"),
        ("hex", b"41", "41"),
        ("punycode", b"a" * 5_000_000, "a" * 5_000_000),  # it would take hours
    ],
)
async def test_texts_are_decoded_by_their_charset(charset: str, body: bytes, text: str) -> None:
    answer = web.Response(body=body, headers={"Content-Type": f"text/plain; charset={charset}"})
    async with listening(in_turn(answer)) as site:
        nodes: list[Any] = [("get", "HttpGet", {"url": site.url("/")}), ("same", "Comparison", {"b": text})]
        ended = await run(Workflow(nodes, "get > same; get.body > same.a"), ListHost(network=[HOME]))

        assert ended.outputs["same"] == {"result": True}


async def test_cookies_are_not_kept() -> None:
    answers = (web.Response(headers={"Set-Cookie": "a=1"}), web.Response())
    async with listening(in_turn(*answers)) as site:
        host = NamingHost(Path("/nonexistent"), {"shop.example": [HOME]})
        nodes: list[Any] = [(name, "HttpGet", {"url": site.url("/", "shop.example")}) for name in ("one", "two")]
        await run(Workflow(nodes, "one > two"), host)

        assert "Cookie" not in site.requests[1][0].headers
        # One connection served both.
        assert site.requests[0][0].transport is site.requests[1][0].transport


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with listening(ok) as site:
        assert outputs_of(await ask(site.url("/")))["success"]


# Which addresses.


async def test_a_refused_address_is_not_called() -> None:
    async with listening(ok, address=ELSEWHERE) as site:
        ended = await ask(site.url("/?token=abc", ELSEWHERE))

        assert ended.error == "Node 'node': url must not lead to 127.0.0.2, an address that may not be called"
        assert ended.error_type == "AddressRefused"
        assert site.requests == []


async def test_only_the_checked_address_is_connected_to_whatever_the_name_means() -> None:
    """`localhost` means 127.0.0.1 to the system, but was found to be elsewhere when it was checked."""
    async with listening(ok) as home, listening(ok, address=ELSEWHERE, port=home.port) as elsewhere:
        host = NamingHost(Path("/nonexistent"), {"localhost": [ELSEWHERE]})
        outputs_of(await run(Workflow([("node", "HttpGet", {"url": home.url("/", "LocalHost")})]), host))

        assert home.requests == []
        assert elsewhere.asked == ["GET /"]


async def test_a_name_leads_to_its_checked_addresses() -> None:
    async with listening(ok, address=ELSEWHERE) as site:
        host = NamingHost(Path("/nonexistent"), {"shop.example": [ELSEWHERE]})
        url = f"http://me:secret@shop.example:{site.port}/x?token=1"
        outputs = outputs_of(await run(Workflow([("node", "HttpGet", {"url": url})]), host))

        assert outputs["success"]
        assert site.requests[0][0].headers["Host"] == f"shop.example:{site.port}"
        # Whoever checks addresses needs to know no more.
        assert host.asked == [f"http://shop.example:{site.port}/"]


async def test_an_address_must_itself_be_among_the_checked_ones() -> None:
    async with listening(ok) as site:
        host = NamingHost(Path("/nonexistent"), {HOME: [ELSEWHERE]})
        ended = await run(Workflow([("node", "HttpGet", {"url": site.url("/")})]), host)

        assert ended.error_type == "AddressRefused"
        assert site.requests == []


@pytest.mark.parametrize("url", ["2130706434", "0x7f.2", "127.2", "0177.0.0.2", "[::ffff:127.0.0.2]"])
async def test_other_spellings_of_an_address_are_checked_as_they_stand(url: str) -> None:
    async with listening(ok, address=ELSEWHERE) as site:
        ended = await ask(site.url("/", url))

        assert ended.error_type == "AddressRefused"
        assert site.requests == []


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_redirect_to_a_refused_address_is_not_followed(method: str) -> None:
    async with listening(ok, address=ELSEWHERE) as inner:
        moved = web.Response(status=307, headers={"Location": inner.url("/admin", ELSEWHERE)})
        async with listening(in_turn(moved)) as site:
            ended = await ask(site.url("/"), method=method, headers={"X-Token": "abc"})

        assert ended.error_type == "AddressRefused"
        assert inner.requests == []


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/", "http://[", "http://x:y/"])
async def test_a_redirect_to_what_is_no_address_fails(location: str) -> None:
    async with listening(in_turn(web.Response(status=302, headers={"Location": location}))) as site:
        ended = await ask(site.url("/"))

        assert "redirects to what is no http or https address" in ended.error


@pytest.mark.parametrize(
    ("status", "method", "then"),
    [
        # RFC 9110, 15.4
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (302, "PUT", "PUT"),
        (303, "PUT", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (303, "DELETE", "GET"),
    ],
)
async def test_redirects_keep_the_method_or_become_get(status: int, method: str, then: str) -> None:
    answers = (web.Response(status=status, headers={"Location": "../new?q"}), web.Response())
    async with listening(in_turn(*answers)) as site:
        outputs = outputs_of(await ask(site.url("/a/b"), method=method, body="x", headers={"X-Token": "t"}))

        assert site.asked == [f"{method} /a/b", f"{then} /new?q"]
        request, body = site.requests[1]
        assert body == (b"" if then in ("GET", "HEAD") else b"x")
        assert (then == "GET") == ("Content-Type" not in request.headers)
        assert request.headers["X-Token"] == "t"
        assert outputs["url"] == site.url("/new?q")


async def test_secrets_do_not_follow_to_another_origin() -> None:
    async with listening(ok) as other:
        moved = web.Response(status=307, headers={"Location": f"http://x:y@{HOME}:{other.port}/"})
        async with listening(in_turn(moved)) as site:
            headers = {"X-Api-Key": "k", "Cookie": "c=1", "X-Plain": "p"}
            outputs_of(await ask(site.url("/"), headers=headers, auth_type="basic", username="me", password="pw"))

        received = other.requests[0][0].headers
        assert not {"Authorization", "X-Api-Key", "Cookie"} & set(received)
        assert received["X-Plain"] == "p"


async def test_redirects_end() -> None:
    async def again(request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/again"})

    async with listening(again) as site:
        ended = await ask(site.url("/"), max_redirects=3)
        unfollowed = outputs_of(await ask(site.url("/"), follow_redirects=False))

        assert "more redirects than its input 'max_redirects' allows" in ended.error
        assert len(site.requests) == 4 + 1
    assert (unfollowed["status_code"], unfollowed["success"]) == (302, True)


# Again.


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_a_busy_server_is_asked_again(status: int) -> None:
    answers = (web.Response(status=status), web.Response(status=status), web.Response(text="fine"))
    async with listening(in_turn(*answers)) as site:
        ended = await ask(site.url("/?token=abc"), "HttpPost", retry_count=2, retry_delay=0.01, body="x")

        assert outputs_of(ended)["body"] == "fine"
        assert [body for _, body in site.requests] == [b"x"] * 3
    assert ended.warned == [
        f"Node 'node': {site.url('')} answered {status}; it is asked again in {wait} s." for wait in (0.01, 0.02)
    ]


async def test_the_last_answer_counts_and_without_retries_the_first() -> None:
    answers = [web.Response(status=503, text=str(number)) for number in range(3)]
    async with listening(in_turn(*answers)) as site:
        last = outputs_of(await ask(site.url("/"), retry_count=1, retry_delay=0))
        first = outputs_of(await ask(site.url("/")))

    assert (last["body"], first["body"]) == ("1", "2")


async def test_other_statuses_are_not_asked_again() -> None:
    async with listening(in_turn(*(web.Response(status=500) for _ in range(2)))) as site:
        assert outputs_of(await ask(site.url("/"), retry_count=1, retry_delay=0))["status_code"] == 500
        assert len(site.requests) == 1


@pytest.mark.parametrize(
    ("retry_after", "tries"),
    [
        # RFC 9110, 10.2.3: seconds or a date; a run waits for 2 min at most.
        ("0", 2),
        (format_datetime(NOON, usegmt=True), 2),
        ("121", 1),
        (format_datetime(NOON + timedelta(days=1), usegmt=True), 1),
        ("9" * 500, 1),
    ],
)
async def test_retry_after_is_honoured(retry_after: str, tries: int) -> None:
    answers = (web.Response(status=503, headers={"Retry-After": retry_after}), web.Response())
    async with listening(in_turn(*answers)) as site:
        outputs_of(await ask(site.url("/"), retry_count=1, retry_delay=100))

        assert len(site.requests) == tries


async def test_a_connection_that_fails_is_tried_again_and_then_told() -> None:
    async with listening(ok) as site:
        pass  # nobody listens there any more

    ended = await ask(site.url("/?token=abc"), retry_count=2, retry_delay=0)

    assert ended.error == (f"Node 'node': there is no connection to 127.0.0.1, port {site.port}: Connection refused")
    assert ended.error_type == "RequestFailed"
    assert len(ended.warned) == 2


async def test_certificates_are_verified_unless_told_otherwise(tmp_path: Path) -> None:
    host = NamingHost(tmp_path, {"localhost": [HOME]})
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*make_certificate(tmp_path))  # signed by nobody else
    async with listening(ok, tls=tls) as site:
        url = f"https://localhost:{site.port}/?token=abc"
        refused = await run(Workflow([("node", "HttpGet", {"url": url})]), host)
        trusted = await run(Workflow([("node", "HttpGet", {"url": url, "verify_ssl": False})]), host)

    assert refused.error == "Node 'node': the certificate of localhost is not valid"
    assert outputs_of(trusted)["body"] == "fine"


# Hostile servers.

HEAD = b"HTTP/1.1 200 OK\r\n"


async def test_a_body_without_end_is_cut_off() -> None:
    async with answering(HEAD, b"\r\n", endless=b"x" * 65536) as url:
        ended = await ask(url)

    assert "the answer is larger than 10,485,760 bytes" in ended.error


async def test_a_small_answer_cannot_unpack_to_a_large_one() -> None:
    packed = gzip.compress(bytes(32 * 1024 * 1024))
    head = b"%sContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % (HEAD, len(packed))
    async with answering(head, packed) as url:
        ended = await ask(url)

    assert "the answer is larger than 10,485,760 bytes" in ended.error


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((HEAD, b"Content-Length: 9\r\n\r\n", b"1234"), "did not answer in full within 0.2 seconds"),
        ((), "did not answer in full within 0.2 seconds"),
        ((HEAD, b"X-Large: ", b"x" * 100_000, b"\r\n\r\n"), "its head is too large"),
        ((HEAD, b"X: y\r\n" * 10_000, b"\r\n"), "its head is too large"),
        ((b"SSH-2.0-OpenSSH\r\n\r\n",), "is not HTTP as it should be"),
        ((HEAD, b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\nno!!"), "cannot be decoded"),
    ],
    ids=["slow body", "no answer", "large header", "many headers", "another protocol", "broken gzip"],
)
async def test_a_bad_answer_fails_in_words(answer: Sequence[bytes], sentence: str) -> None:
    async with answering(*answer) as url:
        ended = await ask(f"{url}?token=abc", timeout=0.2 if "0.2" in sentence else 20)

    assert sentence in ended.error
    assert "abc" not in ended.error


# Mistakes of whoever drew it.


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"url": ""}, "absolute http or https address"),
        ({"url": "example.com/x"}, "absolute http or https address"),
        ({"url": "file:///etc/passwd"}, "absolute http or https address"),
        ({"url": "http://secret:99999/"}, "'url' is not a URL"),
        ({"url": "http://[secret/"}, "'url' is not a URL"),
        ({"headers": {"X-A": "secret\r\nHost: other"}}, "the header 'X-A' cannot be sent"),
        ({"headers": {"X A": "1"}}, "the header 'X A' cannot be sent"),
        ({"headers": {"Content-Length": "5"}}, "set by the request itself"),
        ({"auth_type": "bearer", "token": "secret\r\nX: y"}, "cannot be sent"),
        ({"auth_type": "bearer"}, "'token' is missing"),
        ({"auth_type": "basic"}, "'username' is missing"),
        ({"json": 1, "body": "secret"}, "only one of its inputs 'json' and 'body'"),
        ({"timeout": 0}, "'timeout' must be more than 0"),
        ({"timeout": 100_000}, "'timeout' must be more than 0"),
        ({"retry_count": 11}, "'retry_count' must be 0 to 10"),
        ({"retry_delay": -1}, "'retry_delay' must be 0 to 120"),
        ({"max_redirects": 21}, "'max_redirects' must be 0 to 20"),
        ({"method": "BREW"}, "'method' must be one of get, post"),
    ],
)
async def test_a_request_that_cannot_be_sent_fails_in_words(config: Mapping[str, Any], sentence: str) -> None:
    async with listening(ok) as site:
        ended = await ask(**{"url": site.url("/"), **config})

        assert sentence in ended.error
        assert "secret" not in ended.error
        assert site.requests == []


# Downloads.

CONTENT = bytes(range(256)) * 20_000


async def serve(_request: web.Request) -> web.StreamResponse:
    return web.Response(body=CONTENT, content_type="application/x-thing")


@pytest.mark.parametrize(("kind", "config"), [("HttpDownload", {}), ("HTTPSuper", {"action": "Download File"})])
async def test_a_download_is_a_file_with_its_hash(tmp_path: Path, kind: str, config: Mapping[str, Any]) -> None:
    async with listening(serve) as site:
        outputs = outputs_of(await ask(site.url("/"), kind, folder=tmp_path, file_path="in/thing", **config))

        assert site.requests[0][0].headers["Accept-Encoding"] == "identity"
    assert outputs == {
        "file_path": "in/thing",
        "file_size": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
        "content_type": "application/x-thing",
        "status_code": 200,
        "success": True,
    }
    assert (tmp_path / "in" / "thing").read_bytes() == CONTENT


async def test_a_download_that_is_too_large_or_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "thing").write_text("before")
    announced = answering(HEAD, b"Content-Length: 1001\r\n\r\n")  # and nothing comes
    broken = answering(HEAD, b"Content-Length: 9\r\n\r\n", b"1234")
    async with announced as large, answering(HEAD, b"\r\n", endless=b"x" * 65536) as endless, broken as slow:
        said = await ask(large, "HttpDownload", folder=tmp_path, file_path="thing", max_bytes=1000)
        unsaid = await ask(endless, "HttpDownload", folder=tmp_path, file_path="thing", max_bytes=5_000_000)
        cut = await ask(slow, "HttpDownload", folder=tmp_path, file_path="thing", timeout=0.2)

    assert "the file is larger than 1,000 bytes" in said.error
    assert "the file is larger than 5,000,000 bytes" in unsaid.error
    assert "did not answer in full" in cut.error
    assert [path.name for path in tmp_path.iterdir()] == ["thing"]
    assert (tmp_path / "thing").read_text() == "before"


async def test_a_download_is_tried_again_and_fails_by_its_status(tmp_path: Path) -> None:
    answers = (web.Response(status=503), web.Response(text="x"), web.Response(status=404))
    async with listening(in_turn(*answers)) as site:
        again = await ask(site.url("/"), "HttpDownload", folder=tmp_path, file_path="a", retry_count=1, retry_delay=0)
        gone = await ask(site.url("/"), "HttpDownload", folder=tmp_path, file_path="b")

    assert outputs_of(again)["file_size"] == 1
    assert gone.error == f"Node 'node': {site.url('')} answered 404 Not Found"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("config", "sentence"), [({"file_path": "../a"}, "outside"), ({"overwrite": False}, "already")]
)
async def test_a_download_asks_nobody_when_it_has_no_place(
    tmp_path: Path, config: Mapping[str, Any], sentence: str
) -> None:
    (tmp_path / "thing").write_text("before")
    async with listening(serve) as site:
        ended = await ask(site.url("/"), "HttpDownload", folder=tmp_path, **{"file_path": "thing", **config})

        assert sentence in ended.error
        assert site.requests == []


async def test_a_stop_ends_a_request_at_once() -> None:
    async with answering() as url:
        host = ListHost(network=[HOME])
        running = asyncio.create_task(run(Workflow([("node", "HttpGet", {"url": url, "timeout": 600})]), host))
        while not host.places:
            await asyncio.sleep(0.01)
        host.cancelled.set()

        assert (await running).error_type == "Stopped"


def test_urls_are_built_and_taken_apart() -> None:
    nodes: list[Any] = [
        ("build", "BuildUrl", {"base_url": "https://a.example/v1?x=1", "path": "/ä b?y=2", "params": {"z": [1, "&"]}}),
        ("apart", "ParseUrl", {"url": "https://u:p@a.example:8443/p?a=1&a=2&b=#top"}),
        ("encoded", "UrlEncode", {"text": "a b/ä&"}),
        ("decoded", "UrlDecode", {"text": "{{encoded.result}}"}),
        ("host", "BuildUrl", {"base_url": "https://a.example", "path": "//other.example/x"}),
    ]
    ended = asyncio.run(run(Workflow(nodes, "build > apart > encoded > decoded > host"), ListHost()))

    assert ended.error == ""
    built = "https://a.example/v1/%C3%A4%20b?x=1&y=2&z=1&z=%26"
    assert ended.outputs["build"] == {"url": built}
    assert URL(built, encoded=True).query.getall("z") == ["1", "&"]
    assert ended.outputs["apart"] == {
        "scheme": "https",
        "host": "a.example",
        "port": 8443,
        "path": "/p",
        "query": "a=1&a=2&b=",
        "params": {"a": ["1", "2"], "b": ""},
        "fragment": "top",
    }
    assert ended.outputs["encoded"] == {"result": "a%20b%2F%C3%A4%26"}
    assert ended.outputs["decoded"] == {"result": "a b/ä&"}
    # A path never changes the host.
    assert ended.outputs["host"] == {"url": "https://a.example/other.example/x"}
