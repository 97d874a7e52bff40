"""What single nodes do in a real browser, and what they say when they cannot."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator

import psutil
import pytest
from aiohttp import web

from tests.integration.flow.conftest import ListeningHost, Workshop
from tests.patience import PATIENCE
from workers.runner import linux

PAGE = """<!doctype html><title>A page</title>
<h1>Head   line</h1><p class=many>one</p><p class=many>two</p>
<input id=field value=before><input id=dark disabled>
<div style="position:relative"><button id=under>under</button><div style="position:absolute;inset:0"></div></div>
<select id=list multiple><option value=a>Anna<option value=b>Bert</select>
<a id=away href="http://localhost:1024/">away</a><a id=tab target=_blank href="/other">tab</a>
<a id=file href="/file">file</a><form><input type=file id=upload multiple></form>
<output id=out></output><script>field.oninput = () => out.textContent = field.value</script>"""


FACTS = """<pre id=p></pre><script>p.textContent = [Intl.DateTimeFormat().resolvedOptions().timeZone,
navigator.language, innerWidth, navigator.webdriver].join()</script>"""


@pytest.fixture
async def site() -> AsyncIterator[str]:
    """Address of a page with one thing of each kind."""
    app = web.Application()

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")

    async def other(_: web.Request) -> web.Response:
        return web.Response(text="<title>Other</title><h1>Other</h1>", content_type="text/html")

    async def broken(_: web.Request) -> web.Response:
        return web.Response(text="broken", status=500)

    async def to(request: web.Request) -> web.Response:
        raise web.HTTPFound(request.query_string)

    async def link(request: web.Request) -> web.Response:
        return web.Response(text=f"<a href={request.query_string}>go</a>", content_type="text/html")

    async def facts(_: web.Request) -> web.Response:
        return web.Response(text=FACTS, content_type="text/html")

    async def file(_: web.Request) -> web.Response:
        return web.Response(body=b"x" * 1000, headers={"Content-Disposition": 'attachment; filename="../re port.csv"'})

    for path, handler in {
        "/": page,
        "/other": other,
        "/broken": broken,
        "/to": to,
        "/link": link,
        "/facts": facts,
        "/file": file,
    }.items():
        app.router.add_get(path, handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def test_nodes_read_and_write_the_page(workshop: Workshop, site: str) -> None:
    workshop.write("inputs/media/a.txt", "A")
    workshop.write("inputs/media/b.txt", "B")
    host = workshop.host(url=site, secret="hunter2")

    outcome = await workshop.run_steps(
        [
            {"goto": "{{params.url}}"},
            {"wait_for": "h1"},
            {"extract": {"selector": "h1", "into": "head"}},
            {"extract": {"selector": ".many", "into": "many", "every": True}},
            {"extract": {"selector": ".many", "into": "count", "read": "count"}},
            {"extract": {"selector": "#field", "into": "before", "read": "value"}},
            {"extract": {"selector": "#away", "into": "href", "attribute": "href"}},
            {"extract": {"selector": "#away", "into": "nothing", "attribute": "title"}},
            {"fill": {"selector": "#field", "text": "{{params.secret}}"}},
            {"expect": {"selector": "#out", "text": "{{params.secret}}"}},
            {"press": {"key": "End", "selector": "#field"}},
            {"press": "!"},
            {"expect": {"selector": "#field", "value": "hunter2!"}},
            {"select": {"selector": "#list", "label": ["Anna", "Bert"]}},
            {"upload": {"selector": "#upload", "files": ["a.txt", "b.txt"]}},
            {"expect": {"count": 2, "selector": ".many"}},
            {"expect": {"title": "A page"}},
            {"expect": {"url": "127.0.0.1"}},
            {"expect": {"visible": False, "selector": "#nowhere"}},
            {"if": {"exists": "#nowhere", "steps": [{"set": {"seen": True}}], "else": [{"set": {"seen": False}}]}},
            {"if": {"all": [{"visible": "h1"}, {"not": {"visible": "script"}}], "steps": [{"set": {"shown": True}}]}},
            {"screenshot": {"name": "../../head", "selector": "h1"}},
            {"screenshot": {"name": "../../head", "full_page": True}},
            {"click": "#tab"},
            {"wait_for": {"url": "**/other"}},
            {"expect": {"selector": "h1", "text": "Other"}},
        ],
        host,
    )

    assert outcome.error_message == ""
    assert outcome.outputs == {
        "head": "Head line",
        "many": ["one", "two"],
        "count": 2,
        "before": "before",
        "href": "http://localhost:1024/",
        "nothing": None,
        "seen": False,
        "shown": True,
    }
    assert host.kept("screenshot") == ["_.._head.png", "_.._head-2.png"]
    assert "#field (7 characters)" in host.log_text


# Each step with a piece of the reason it fails for.
FAILURES: list[tuple[dict[str, object], str]] = [
    ({"click": {"selector": "#none", "timeout": 0.3}}, "nothing matched '#none' within 0.3 s"),
    ({"click": {"selector": ".many"}}, "'.many' matches 2 elements; it must match one"),
    (
        {"click": {"selector": "#dark", "timeout": 0.3}},
        "'#dark' was there but could not be used within 0.3 s: it is disabled",
    ),
    # These two are told by the browser only after it has tried, which takes a busy machine a while.
    ({"click": {"selector": "#under", "timeout": 2}}, "could not be used within 2 s: something lies on top of it"),
    ({"select": {"selector": "#list", "value": "zz", "timeout": 1}}, "it has no such option"),
    ({"click": {"selector": "a["}}, "'a[' is not a selector"),
    ({"click": {"selector": "xpath=//["}}, "'xpath=//[' is not a selector"),
    ({"click": {"selector": "foo=bar"}}, "'foo=bar' is not a selector"),
    ({"fill": {"selector": "h1", "text": "x"}}, "Element is not an <input>"),
    ({"press": {"key": "NoSuchKey"}}, 'Unknown key: "NoSuchKey"'),
    ({"wait_for": {"selector": "#none", "timeout": 0.3}}, "nothing matched '#none' within 0.3 s"),
    ({"wait_for": {"url": "**/never", "timeout": 0.3}}, "it did not happen within 0.3 s"),
    (
        {"expect": {"selector": "h1", "text": "Foot", "timeout": 0.2}},
        "expected 'h1' to show 'Foot', it shows 'Head line'",
    ),
    ({"expect": {"selector": "#none", "timeout": 0}}, "expected '#none' to be visible, 0 s on"),
    ({"expect": {"selector": "#none", "text": "x", "timeout": 0}}, "nothing matched '#none', 0 s on"),
    ({"expect": {"selector": ".many", "count": 3, "timeout": 0}}, "expected 3 of '.many', found 2, 0 s on"),
    ({"expect": {"selector": "#field", "value": "x", "timeout": 0}}, "'#field' does not hold the expected value"),
    ({"expect": {"url": "elsewhere", "timeout": 0}}, "expected the address to contain 'elsewhere'"),
    ({"expect": {"title": "B", "timeout": 0}}, "expected the title to contain 'B', it is 'A page'"),
    ({"expect": {"equals": ["a", "b"]}}, "expected 'b', found 'a'"),
    ({"upload": {"selector": "#upload", "files": ""}}, "a file name is empty"),
    ({"upload": {"selector": "#upload", "files": "../../config.yaml"}}, "is outside of 'inputs/media'"),
    ({"goto": "{{params.closed}}"}, "nothing answers there (ERR_CONNECTION_REFUSED)"),
    ({"goto": "{{params.url}}/broken"}, "answered 500 Internal Server Error"),
    ({"goto": "{{params.url}}/none"}, "answered 404 Not Found"),
]


async def test_a_failed_step_says_why_in_plain_words(workshop: Workshop, site: str, unused_tcp_port: int) -> None:
    host = workshop.host(url=site, closed=f"http://127.0.0.1:{unused_tcp_port}/")
    steps: list[object] = [
        {
            "try": {
                "steps": [{"goto": "{{params.url}}"}, step],
                "catch": [{"set": {f"reason{number}": "{{error.message}}"}}],
            }
        }
        for number, (step, _) in enumerate(FAILURES)
    ]

    outcome = await workshop.run_steps(steps, host)

    assert outcome.error_message == ""
    for number, (step, reason) in enumerate(FAILURES):
        assert reason in str(outcome.outputs.get(f"reason{number}")), step


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "javascript:alert(1)",
        "chrome://version",
        "data:text/html,x",
        "http://192.0.2.1/",
        "/relative",
    ],
)
async def test_an_address_that_is_not_allowed_is_not_opened(workshop: Workshop, url: str) -> None:
    host = workshop.host()

    outcome = await workshop.run_steps([{"goto": url}], host)

    assert outcome.error_type == "AddressRefused"
    assert host.kept("screenshot") == []  # no browser was started for it


async def test_a_page_that_is_redirected_or_clicked_to_such_an_address_is_not_read(
    workshop: Workshop, site: str
) -> None:
    elsewhere = site.replace("127.0.0.1", "localhost")  # the host of these tests does not allow this name
    host = workshop.host(redirect=f"{site}/to?{elsewhere}/other", link=f"{site}/link?{elsewhere}/other")
    read = {"extract": {"selector": "h1", "into": "head"}}
    caught = [{"set": {"first": "{{error.type}}"}}], [{"set": {"second": "{{error.type}}"}}]

    outcome = await workshop.run_steps(
        [
            {"try": {"steps": [{"goto": "{{params.redirect}}"}, read], "catch": caught[0]}},
            {"goto": "{{params.link}}"},
            {"click": "a"},
            {"try": {"steps": [{"sleep": 0.5}, read], "catch": caught[1]}},
        ],
        host,
    )

    assert outcome.outputs == {"first": "AddressRefused", "second": "AddressRefused"}


async def test_downloads_become_artifacts(workshop: Workshop, site: str) -> None:
    host = workshop.host(url=site)

    outcome = await workshop.run_steps(
        [{"goto": "{{params.url}}"}, {"click": "#file"}, {"click": "#file"}, {"sleep": 0.3}], host
    )

    assert outcome.error_message == ""
    [first, second] = sorted(host.kept("download"))
    assert "/" not in first
    assert first != second
    assert (workshop.folder / "artifacts" / first).stat().st_size == 1000


async def test_the_browser_takes_time_zone_and_locale_from_the_configuration_and_hides_nothing(
    workshop: Workshop, site: str
) -> None:
    host = workshop.host(url=f"{site}/facts")

    outcome = await workshop.run_steps(
        [{"goto": "{{params.url}}"}, {"extract": {"selector": "#p", "into": "facts"}}],
        host,
        timezone="America/New_York",
        locale="nl-NL",
        viewport={"width": 900},
    )

    assert outcome.outputs == {"facts": "America/New_York,nl-NL,900,true"}


async def test_a_stop_ends_a_waiting_step_at_once_and_leaves_no_process(workshop: Workshop, site: str) -> None:
    others = _below()
    host = workshop.host(url=site)
    run = asyncio.create_task(
        workshop.run_steps([{"goto": "{{params.url}}"}, {"wait_for": {"selector": "#none", "timeout": 600}}], host)
    )
    await _until_logged(host, "wait_for")

    host.cancelled.set()
    outcome = await asyncio.wait_for(run, PATIENCE)

    assert outcome.state == "cancelled"
    assert host.result()["status"] == "stopped"
    assert [process for process in _below() if process not in others] == []


@pytest.mark.parametrize("victim", ["chromium", "node"])
async def test_a_killed_browser_is_told_as_such(workshop: Workshop, site: str, victim: str) -> None:
    host = workshop.host(url=site)
    others = _below()
    run = asyncio.create_task(
        workshop.run_steps([{"goto": "{{params.url}}"}, {"wait_for": {"selector": "#none", "timeout": 600}}], host)
    )
    await _until_logged(host, "wait_for")

    os.kill(next(one.pid for one in _below() if one not in others and victim in one.name()), signal.SIGKILL)
    outcome = await run

    assert outcome.error_type == "BrowserCrashed"
    assert outcome.retryable


async def test_a_browser_that_is_not_there_is_told_as_such(workshop: Workshop, site: str) -> None:
    host = workshop.host(url=site)
    host.chromium_path = "/nowhere/chromium"

    outcome = await workshop.run_steps([{"goto": "{{params.url}}"}], host)

    assert outcome.error_type == "BrowserCrashed"
    assert "there is no browser to start" in outcome.error_message


async def test_cookies_that_the_browser_refuses_are_a_mistake_in_the_configuration(
    workshop: Workshop, site: str
) -> None:
    workshop.write(
        "secrets/storageState.json", '{"cookies": [{"name": "a", "value": "b", "url": "x:y"}], "origins": []}'
    )

    outcome = await workshop.run_steps([{"goto": "{{params.url}}"}], workshop.host(url=site))

    assert outcome.error_type == "ConfigInvalid"


async def test_a_run_without_a_page_does_not_import_playwright() -> None:
    script = (
        "import asyncio, sys, pathlib, tempfile\n"
        "from tests.integration.flow.conftest import Workshop\n"
        "w = Workshop(pathlib.Path(tempfile.mkdtemp()))\n"
        "o = asyncio.run(w.run({'bot_code': 'noop'}, w.host()))\n"
        "print(o.state, 'playwright' in sys.modules)\n"
    )

    child = await asyncio.create_subprocess_exec(sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE)
    output, _ = await child.communicate()

    assert output.decode().split() == ["succeeded", "False"]


def _below() -> list[psutil.Process]:
    """The living processes below this one. Those that other tests left to it may lie there ended."""
    return [psutil.Process(pid) for pid in linux.descendants(os.getpid()) if psutil.pid_exists(pid)]


async def _until_logged(host: ListeningHost, words: str) -> None:
    async with asyncio.timeout(20):
        while words not in host.log_text:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)


async def test_what_happens_in_the_browser_is_told_and_logged_without_what_is_typed(
    workshop: Workshop, site: str
) -> None:
    host = workshop.host(secret="hunter2")

    outcome = await workshop.run_steps(
        [
            {"goto": f"{site}/?token=hunter2#part"},
            {"fill": {"selector": "#field", "text": "{{params.secret}}"}},
            {"press": {"key": "x", "selector": "#field"}},
            {"press": {"key": "Enter", "selector": "#field"}},
            {"screenshot": "shot"},
            {"click": "#tab"},
            {"wait_for": "h1 >> text=Other"},
            {"click": {"selector": "#missing", "timeout": 0.2}},
        ],
        host,
    )

    assert outcome.state == "failed"
    told = [(kind, dict(details)) for kind, details in host.events]
    [loaded] = [details for kind, details in told if kind == "page_load" and "load_time_ms" in details]
    assert 0 <= int(str(loaded.pop("load_time_ms"))) < 60_000
    assert told[:6] == [
        ("navigation", {"url": f"{site}/"}),
        ("page_load", {"url": f"{site}/"}),
        ("type", {"selector": "#field", "characters": 7}),
        ("type", {"selector": "#field", "key": "a character"}),
        ("type", {"selector": "#field", "key": "Enter"}),
        ("screenshot", {"name": "shot"}),
    ]
    assert ("navigation", {"url": f"{site}/other"}) in told
    assert told[-1][0] == "error"
    assert (told[-1][1]["error_type"], "#missing" in str(told[-1][1]["message"])) == (outcome.error_type, True)
    assert "hunter2" not in str(told) + host.log_text
    assert "press: a character" in host.log_text


async def test_a_run_that_opens_no_page_tells_nothing_of_a_browser(workshop: Workshop) -> None:
    host = workshop.host()

    outcome = await workshop.run_steps([{"goto": "no address"}], host)

    assert (outcome.state, host.events) == ("failed", [])
