"""Browser nodes in real Chromium, against real pages on loopback."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from server.orchestrator.workflows.dialects.canonical import canonical_graph
from tests.integration.workflow.browser_site import site
from tests.patience import PATIENCE
from tests.unit.workflow.drawing import Drawn, ListHost, Run, Workflow, as_dict
from workers.workflow import run_graph


@pytest.fixture
async def home() -> AsyncIterator[str]:
    """Address of a site, which the host of these tests allows at this address only."""
    async with site() as address:
        yield address


def browsers() -> list[psutil.Process]:
    """Return what is alive of browsers below this process, parents first."""
    return [child for child in psutil.Process().children(recursive=True) if is_browser(child)]


def is_browser(process: psutil.Process) -> bool:
    """Return whether `process` is part of a browser and alive; what waits for its parent has ended."""
    try:
        return "chrom" in process.name() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


class Bench:
    """A job folder and a host, in which workflows run that are drawn as one row of nodes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host = ListHost(folder, network=["127.0.0.1"])
        self.host.chromium_path = shutil.which("chromium") or shutil.which("google-chrome")

    async def row(self, *nodes: Drawn, settings: Mapping[str, Any] | None = None, **variables: Any) -> Run:
        edges = "; ".join(f"{one[0]} > {other[0]}" for one, other in pairwise(nodes))
        return await self.run(Workflow(nodes, edges, variables, settings or {}))

    async def run(self, workflow: Workflow) -> Run:
        ended = Run(await run_graph(canonical_graph(as_dict(workflow)), {}, self.host), self.host)
        # A process that the browser leaves to itself, as that for crashes, notices its end a moment later.
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while browsers():
                    await asyncio.sleep(0.01)
        assert browsers() == []
        return ended

    def kept(self, kind: str) -> list[str]:
        return [path.name for found, path in self.host.artifacts if found == kind]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


async def test_nodes_open_read_and_write_pages(bench: Bench, home: str) -> None:
    (bench.folder / "a.txt").write_text("A")

    ended = await bench.row(
        ("open", "LaunchBrowser", {"url": home, "headless": False, "viewport_width": 900}),
        ("head", "ExtractText", {"selector": "h1", "variable_name": "head"}),
        ("seen", "ExtractText", {"selector": "//h1", "use_inner_text": True, "output_var": "seen"}),
        ("many", "ExtractText", {"selector": ".many", "all": True, "variable_name": "many"}),
        ("href", "GetAttribute", {"selector": "#other", "attribute": "href", "page": "{{open.page}}"}),
        ("none", "GetAttribute", {"selector": "#other", "attribute_name": "title"}),
        ("type", "TypeText", {"selector": "#field", "text": "{{name}}"}),
        ("more", "TypeText", {"selector": "#field", "text": "+!", "clear_first": False, "press_enter_after": True}),
        ("out", "Extract", {"selector": "#out"}),
        ("keys", "TypeText", {"selector": "#field", "text": "ab", "delay": 1}),
        ("key", "PressKey", {"key": "c"}),
        ("held", "ExtractText", {"selector": "#field", "read": "value"}),
        ("select", "SelectDropdown", {"selector": "#list", "value": ["Anna", "b"]}),
        ("place", "SelectDropdown", {"selector": "#list", "value": "1", "select_by": "index"}),
        ("tick", "CheckElement", {"selector": "#tick"}),
        ("ticked", "ExtractText", {"selector": "#out"}),
        ("hover", "HoverElement", {"selector": "h1"}),
        ("twice", "DoubleClickElement", {"selector": "h1", "modifiers": ["Shift"]}),
        ("data", "Evaluate", {"script": "({...document.querySelector('h1').dataset})"}),
        ("upload", "UploadFile", {"selector": "#upload", "file_path": "a.txt"}),
        ("given", "Evaluate", {"script": "return document.querySelector('#upload').files[0].name"}),
        ("sum", "Evaluate", {"script": "numbers => numbers.reduce((a, b) => a + b)", "arg": [1, 2, 3.5]}),
        ("facts", "Evaluate", {"script": "[innerWidth, navigator.webdriver, undefined, null]"}),
        ("late", "ClickElement", {"selector": "#late"}),
        ("came", "WaitForElement", {"selector": "text=came", "timeout": 5000}),
        ("images", "GetAllImages", {}),
        ("shot", "Screenshot", {"file_path": "C:\\shots\\head.png", "selector": "h1"}),
        ("close", "CloseBrowser", {}),
        name="Ada",
    )

    assert ended.error == ""
    outputs = ended.outputs
    kept = [ended.variables[name] for name in ("head", "seen", "many")]
    assert kept == ["Head hidden", "Head", ["one", "two"]]
    assert outputs["many"] == {"text": "one", "texts": ["one", "two"], "count": 2, "page": "tab-1"}
    assert (outputs["href"]["value"], outputs["none"]["value"]) == ("/other", None)
    assert (outputs["out"]["text"], outputs["held"]["text"]) == ("Ada+!", "abc")
    assert (outputs["select"]["selected"], outputs["place"]["selected"]) == (["a", "b"], "b")
    assert outputs["ticked"]["text"] == "ticked"
    assert outputs["data"]["result"] == {"pointed": "yes", "clicks": "2 shift"}
    assert (outputs["given"]["result"], outputs["sum"]["result"]) == ("a.txt", 6.5)
    assert outputs["facts"]["result"] == [900, True, None, None]
    assert outputs["came"]["found"] is True
    assert (outputs["images"]["images"], outputs["images"]["details"][0]["alt"]) == ([f"{home}/dot.png"], "dot")
    assert outputs["shot"]["path"] == "artifacts/head.png"
    assert bench.kept("screenshot") == ["head.png"]
    assert (bench.folder / "artifacts" / "head.png").read_bytes().startswith(b"\x89PNG")


async def test_pages_go_to_and_fro_and_are_waited_for(bench: Bench, home: str) -> None:
    ended = await bench.row(
        ("first", "BrowserNavigate", {"url": home}),
        ("arrived", "WaitForNavigation", {"timeout": 5000}),
        ("second", "Navigate", {"url": f"{home}/other"}),
        ("back", "GoBack", {}),
        ("forward", "GoForward", {}),
        ("again", "RefreshPage", {"wait_until": "domcontentloaded"}),
        ("home", "GoToURL", {"url": home}),
        ("click", "Click", {"selector": "#later"}),
        ("clicked", "WaitForNavigation", {"timeout": 5000}),
        ("return", "GoBack", {}),
        ("slow", "Click", {"selector": "#slow"}),
        ("there", "WaitForNavigation", {"url": "**/other", "timeout": 5000}),
    )

    assert ended.error == ""
    where = {node: values["url"].removeprefix(home) for node, values in ended.outputs.items() if "url" in values}
    assert where == {
        "first": "/",
        "arrived": "/",
        "second": "/other",
        "back": "/",
        "forward": "/other",
        "again": "/other",
        "home": "/",
        "clicked": "/other",
        "return": "/",
        "there": "/other",
    }
    assert (ended.outputs["back"]["title"], ended.outputs["second"]["status"]) == ("A page", 200)


async def test_nodes_work_on_the_tab_they_name_and_else_on_the_newest_of_their_way(bench: Bench, home: str) -> None:
    ended = await bench.row(
        ("one", "LaunchBrowser", {"url": home}),
        ("click", "ClickElement", {"selector": "#tab"}),
        ("wait", "WaitForElement", {"selector": "h1 >> text=Other", "timeout": 5000}),
        ("in_two", "ExtractText", {"selector": "h1"}),
        ("in_one", "ExtractText", {"selector": "h1", "page": "{{one.page}}"}),
        ("still_two", "ExtractText", {"selector": "h1"}),
        ("back", "SwitchTab", {"index": 0}),
        ("now_one", "ExtractText", {"selector": "h1"}),
        ("three", "NewTab", {"url": f"{home}/tables"}),
        ("in_three", "Evaluate", {"script": "document.title"}),
        ("switch", "SwitchTab", {"url": "/other"}),
        ("close", "CloseTab", {}),
        ("after", "Evaluate", {"script": "document.title"}),
        ("four", "LaunchBrowser", {}),
        ("empty", "Evaluate", {"script": "location.href"}),
    )

    assert ended.error == ""
    texts = {name: values["text"] for name, values in ended.outputs.items() if "text" in values}
    assert texts == {"in_two": "Other", "in_one": "Head hidden", "still_two": "Other", "now_one": "Head hidden"}
    pages = [ended.outputs[name]["page"] for name in ("one", "wait", "three", "switch", "close", "four")]
    assert pages == ["tab-1", "tab-2", "tab-3", "tab-2", "tab-1", "tab-4"]
    assert [ended.outputs[name]["result"] for name in ("in_three", "after", "empty")] == [
        "Tables",
        "A page",
        "about:blank",
    ]


async def test_ways_that_go_at_the_same_time_have_tabs_of_their_own(bench: Bench, home: str) -> None:
    nodes: list[Drawn] = [("start", "Start", {}), ("fork", "Fork", {"branch_count": 2}), ("join", "Join", {})]
    edges = ["start > fork"]
    for number, path in enumerate(("/", "/tables"), 1):
        nodes += [
            (f"open{number}", "NewTab", {"url": home + path}),
            (f"wait{number}", "Wait", {"duration_ms": 200}),
            (f"title{number}", "Evaluate", {"script": "document.title"}),
        ]
        edges.append(f"fork.branch_{number} > open{number} > wait{number} > title{number} > join")

    ended = await bench.run(Workflow(nodes, "; ".join(edges)))

    assert ended.error == ""
    assert [ended.outputs[f"title{number}"]["result"] for number in (1, 2)] == ["A page", "Tables"]


async def test_tables_become_objects_with_their_headers_as_names(bench: Bench, home: str) -> None:
    ended = await bench.row(
        ("open", "GoToURL", {"url": f"{home}/tables"}),
        ("plain", "TableScraper", {"table_selector": "#plain", "max_rows": 2, "variable_name": "people"}),
        ("short", "TableScraper", {"selector": "#plain", "skip_rows": 2}),
        ("lists", "TableScraper", {"selector": "#plain", "output_format": "list_of_lists", "max_rows": 1}),
        ("spans", "TableScraper", {"selector": "#spans"}),
        ("bare", "TableScraper", {"selector": "#bare"}),
        ("named", "TableScraper", {"selector": "#bare", "has_header": True}),
        ("nested", "TableScraper", {"selector": "#nested"}),
        ("empty", "TableScraper", {"selector": "#empty"}),
        ("huge", "TableScraper", {"selector": "#huge"}),
    )

    assert ended.error == "Node 'huge': the table holds more than 1,000,000 characters"
    data = {name: values["data"] for name, values in ended.outputs.items() if "data" in values}
    people = [{"Name": "Anna", "Age": "31", "Name_2": "A"}, {"Name": "Bert", "Age": "42", "Name_2": "B"}]
    assert ended.variables["people"] == people
    assert data["plain"] == people
    assert data["short"] == [{"Name": "Cleo", "Age": "53"}]
    assert data["lists"] == [["Name", "Age", "Name_2"], ["Anna", "31", "A"]]
    assert data["spans"] == [
        {"Day": "Monday", "What": "up"},
        {"Day": "Monday", "What": "down"},
        {"Day": "nothing", "What": "nothing"},
    ]
    assert data["bare"] == [{"column_1": "x", "column_2": "1"}, {"column_1": "y", "column_2": "2"}]
    assert data["named"] == [{"x": "y", "1": "2"}]
    assert [list(row) for row in data["nested"]] == [["Outer"]]
    assert (data["empty"], ended.outputs["empty"]["column_count"]) == ([], 0)


async def test_downloads_are_artifacts_and_given_to_the_node_that_clicked(bench: Bench, home: str) -> None:
    ended = await bench.row(
        ("open", "LaunchBrowser", {"url": home}),
        ("file", "DownloadByClick", {"selector": "#file"}),
        ("tab", "BrowserDownload", {"selector": "#filetab"}),
        ("address", "DownloadByClick", {"url": f"{home}/file"}),
        ("data", "DownloadByClick", {"selector": "#data"}),
        ("close", "CloseBrowser", {}),
        settings={"timeout": 60},
    )

    assert ended.error == ""
    paths = [ended.outputs[name]["path"] for name in ("file", "tab", "address", "data")]
    assert len(set(paths)) == 4
    assert all((bench.folder / path).is_file() for path in paths)
    assert (ended.outputs["file"]["size"], ended.outputs["data"]["filename"]) == (1000, "a.txt")
    assert len(bench.kept("download")) == 4


async def test_cookies_are_read_set_and_deleted(bench: Bench, home: str) -> None:
    cookies = [{"name": "a", "value": "1", "storeId": "0"}, {"name": "b", "value": "2", "domain": "127.0.0.1"}]

    ended = await bench.row(
        ("open", "GoToURL", {"url": home}),
        ("set", "SetCookies", {"cookies": cookies}),
        ("page", "GoToURL", {"url": f"{home}/cookie"}),
        ("sent", "ExtractText", {"selector": "h1"}),
        ("got", "GetCookies", {"name": "b"}),
        ("clear", "ClearCookies", {"name": "a"}),
        ("left", "GetCookies", {"urls": home}),
        ("count", "Evaluate", {"script": "document.cookie"}),
        ("bad", "SetCookies", {"cookies": [{"name": "c"}]}),
    )

    assert ended.error == "Node 'bad': cookie 1 must be an object with the texts name and value"
    assert ended.outputs["sent"]["text"] == "a=1; b=2"
    assert (ended.outputs["got"]["count"], ended.outputs["left"]["count"]) == (1, 1)
    assert ended.outputs["count"]["result"] == "b=2"


# Each node with a piece of the reason it fails for. They work on one page, which only the last ones leave.
FAILURES: list[tuple[str, dict[str, Any], str]] = [
    ("ClickElement", {"selector": "#none", "timeout": 200}, "nothing matched '#none' within 0.2 s"),
    ("ClickElement", {"selector": ".many", "strict": True}, "'.many' matches 2 elements; it must match one"),
    # The time is over before the browser can have looked.
    (
        "ClickElement",
        {"selector": "#dark", "timeout": 1},
        "'#dark' was there but could not be used within 0.001 s: it is disabled",
    ),
    ("ClickElement", {"selector": "#veiled", "timeout": 1}, "it is not visible"),
    ("ClickElement", {"selector": "a["}, "'a[' is not a selector"),
    ("ClickElement", {"selector": "h1", "timeout": -1}, "its input 'timeout' must not be negative"),
    ("ClickElement", {"selector": "h1", "modifiers": ["Fn"]}, "must hold names of keys such as Control, not 'Fn'"),
    ("ClickElement", {"selector": "h1", "page": "tab-99"}, "there is no open tab 'tab-99'"),
    ("ExtractText", {"selector": "#none", "timeout": 200}, "nothing matched '#none' within 0.2 s"),
    ("TypeText", {"selector": "h1", "text": "x"}, "Element is not an <input>"),
    ("SelectDropdown", {"selector": "#list", "value": "x", "select_by": "index"}, "must be a whole number"),
    ("PressKey", {"key": "NoSuchKey"}, 'Unknown key: "NoSuchKey"'),
    ("UploadFile", {"selector": "#upload", "file_path": "../secret"}, "outside of the job folder"),
    ("UploadFile", {"selector": "#upload", "file_path": "none.txt"}, "there is no file 'none.txt'"),
    ("WaitForElement", {"selector": "#none", "timeout": 200}, "nothing matched '#none' within 0.2 s"),
    ("WaitForNavigation", {"url": "**/never", "timeout": 200}, "within 0.2 s"),
    ("SwitchTab", {"title": "never", "timeout": 200}, "no such tab was there within 0.2 s; 1 are open"),
    ("CloseTab", {}, "it is the last tab"),
    ("Evaluate", {"script": "nothing.at.all"}, "its script: ReferenceError: nothing is not defined"),
    ("Evaluate", {"script": "'x'.repeat(2000000)"}, "the result of its script is larger than 1,000,000 characters"),
    ("Evaluate", {"script": "a = {}; a.a = a"}, "Converting circular structure to JSON"),
    ("DownloadByClick", {}, "it needs a selector to click on, or an address, and not both"),
    ("DownloadByClick", {"selector": "#none", "timeout": 200}, "nothing matched '#none'"),
    ("DownloadByClick", {"selector": "#late", "timeout": 1500}, "no file came in within 1.5 s"),
    ("DownloadByClick", {"url": "{{home}}/other"}, "the address leads to a page, not to a file"),
    ("DownloadByClick", {"url": "http://127.0.0.1:1/"}, "the page could not be loaded (ERR_UNSAFE_PORT)"),
    ("GoToURL", {"url": "{{home}}"}, ""),
    ("DownloadByClick", {"selector": "#awayfile", "timeout": 5000}, "may not be called"),
    ("WaitForElement", {"selector": "h1", "state": "hidden", "timeout": 200}, "'h1' was still there after 0.2 s"),
    ("GoToURL", {"url": "file:///etc/passwd"}, "must be a whole http or https address"),
    ("NewTab", {"url": "http://192.0.2.1/"}, "may not be called"),
    ("LaunchBrowser", {"browser_type": "firefox"}, "its input 'browser_type' must be one of chromium, chrome"),
    ("LaunchBrowser", {"viewport_width": 0}, "the viewport must be 1 to 8,192 pixels"),
    ("GoForward", {}, "there is no page to go forward to"),
    ("GoToURL", {"url": "{{home}}/broken"}, "answered 500 Internal Server Error"),
    ("GoToURL", {"url": "{{home}}/file"}, "a file came instead of a page"),
]


async def test_a_node_that_fails_says_why_in_plain_words(bench: Bench, home: str) -> None:
    nodes = [(f"node{number}", kind, config) for number, (kind, config, _) in enumerate(FAILURES)]

    ended = await bench.row(("open", "GoToURL", {"url": home}), *nodes, settings={"stop_on_error": False}, home=home)

    assert ended.error == ""
    reasons = {one["node_id"]: one.get("error_message", "") for one in bench.host.executions}
    for number, (kind, config, reason) in enumerate(FAILURES):
        assert reason in reasons[f"node{number}"], (kind, config)


async def test_nothing_is_read_of_a_page_that_has_moved_where_it_may_not_be(bench: Bench, home: str) -> None:
    forbidden = home.replace("127.0.0.1", "localhost") + "/other"
    leave = f"setTimeout(() => location = '{forbidden}', 300)"

    ended = await bench.row(
        ("redirect", "GoToURL", {"url": f"{home}/away"}),
        ("nothing", "Evaluate", {"script": "document.body.innerText"}),
        ("open", "GoToURL", {"url": home}),
        ("click", "ClickElement", {"selector": "#away"}),
        ("read", "ExtractText", {"selector": "h1 >> text=Other", "timeout": 3000, "screenshot_on_failure": True}),
        ("again", "GoToURL", {"url": home}),
        # It is still allowed when the reading begins, and no more when it ends.
        ("leave", "Evaluate", {"script": leave}),
        ("late", "ExtractText", {"selector": "h1 >> text=Other", "variable_name": "late"}),
        settings={"stop_on_error": False},
    )

    failed = {one["node_id"]: one.get("error_type") for one in bench.host.executions if one["status"] == "failed"}
    assert failed["redirect"] == "AddressRefused"
    assert "read" in failed
    assert failed["late"] == "AddressRefused"
    assert "late" not in ended.variables
    assert ended.outputs["nothing"]["result"] == ""
    assert "Other" not in str(ended.outputs)


async def test_a_failure_leaves_pictures_and_tells_what_happened_without_what_was_typed(
    bench: Bench, home: str
) -> None:
    ended = await bench.row(
        ("open", "LaunchBrowser", {"url": f"{home}/?token=hunter2#part"}),
        ("type", "TypeText", {"selector": "#field", "text": "hunter2"}),
        ("key", "PressKey", {"key": "x", "selector": "#field"}),
        ("shot", "Screenshot", {}),
        (
            "click",
            "ClickElement",
            {
                "selector": "#none",
                "timeout": 100,
                "retry_count": 1,
                "retry_interval": 10,
                "screenshot_on_fail": True,
            },
        ),
    )

    assert ended.error == "Node 'click': nothing matched '#none' within 0.1 s"
    assert bench.kept("screenshot") == ["screenshot.png", "failure.png", "failure-2.png"]
    assert bench.kept("trace") == []  # it would hold what was typed
    assert "click: nothing matched '#none' within 0.1 s; it is tried again." in ended.warned
    told = [(kind, dict(details)) for kind, details in bench.host.events]
    assert told[0] == ("navigation", {"url": f"{home}/"})
    assert [one for one in told if one[0] in ("type", "screenshot")] == [
        ("type", {"selector": "#field", "characters": 7}),
        ("type", {"selector": "#field", "key": "a character"}),
        ("screenshot", {"name": "screenshot"}),
    ]
    assert [kind for kind, _ in told].count("error") == 2
    assert "hunter2" not in str(told)
    assert "hunter2" not in str(bench.host.lines)


async def test_a_stop_ends_a_waiting_node_and_its_browser_and_leaves_what_came_in_but_no_picture(
    bench: Bench, home: str
) -> None:
    async def stop_when_kept() -> None:
        async with asyncio.timeout(PATIENCE):
            while not bench.kept("download") or not any("wait" in place for _, place in bench.host.places):
                await asyncio.sleep(0.01)
        bench.host.cancelled.set()

    stopper = asyncio.create_task(stop_when_kept())
    ended = await bench.row(
        ("open", "GoToURL", {"url": home}),
        # A file is kept though no node waits for it.
        ("click", "ClickElement", {"selector": "#file"}),
        ("wait", "WaitForElement", {"selector": "#none", "timeout": 600_000}),
    )
    await stopper

    assert ended.error_type == "Stopped"
    assert [kind for kind, _ in bench.host.artifacts] == ["download"]


async def test_a_secret_in_an_address_is_told_to_nobody(bench: Bench, home: str) -> None:
    bench.host.secrets = {"key": "hunter-2/x"}

    ended = await bench.row(
        ("open", "GoToURL", {"url": home + "/?key={{secrets.key}}"}),
        ("none", "ClickElement", {"selector": "#none-{{secrets.key}}", "timeout": 100}),
    )

    assert (ended.error != "", {kind for kind, _ in bench.host.events} >= {"navigation", "error"}) == (True, True)
    told = repr((ended.error, bench.host.events, bench.host.lines, bench.host.executions))
    assert not [form for form in ("hunter-2/x", "hunter-2%2Fx") if form in told]


async def test_a_browser_that_was_killed_can_be_launched_again(bench: Bench, home: str) -> None:
    async def kill() -> None:
        async with asyncio.timeout(PATIENCE):
            while not any("wait" in place for _, place in bench.host.places):
                await asyncio.sleep(0.01)
        # What handles its crashes may stand before it: it may have become a child of this process.
        next(one for one in browsers() if "crashpad" not in one.name()).kill()

    killer = asyncio.create_task(kill())
    ended = await bench.row(
        ("open", "GoToURL", {"url": home}),
        ("wait", "WaitForElement", {"selector": "#none", "timeout": 60_000}),
        ("lost", "ExtractText", {"selector": "h1"}),
        ("again", "LaunchBrowser", {"url": home}),
        ("read", "ExtractText", {"selector": "h1"}),
        settings={"stop_on_error": False},
    )
    await killer

    failed = [(one["node_id"], one["error_type"]) for one in bench.host.executions if one["status"] == "failed"]
    assert failed == [("wait", "BrowserCrashed"), ("lost", "BrowserCrashed")]
    assert ended.outputs["read"]["text"] == "Head hidden"


async def test_an_address_that_is_not_allowed_starts_no_browser(bench: Bench) -> None:
    bench.host.chromium_path = "/nowhere/chromium"

    ended = await bench.row(("open", "LaunchBrowser", {"url": "http://10.0.0.1/"}))

    assert ended.error_type == "AddressRefused"
    assert bench.host.events == []


async def test_a_browser_that_is_not_there_is_told_as_such(bench: Bench, home: str) -> None:
    bench.host.chromium_path = "/nowhere/chromium"

    ended = await bench.row(("open", "GoToURL", {"url": home}))

    assert (ended.error_type, "there is no browser to start" in ended.error) == ("BrowserCrashed", True)


def test_nodes_are_known_without_importing_playwright() -> None:
    script = "import sys, workers.workflow.nodes; print('playwright' in sys.modules)"

    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == "False"
