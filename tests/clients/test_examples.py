"""The example of each language, built with the language's own tools, against one started system.

What they print is laid down in clients/README.md; it is the same for all.
"""

import gzip
import os
import re
import subprocess
from collections.abc import Mapping
from urllib.parse import urlencode

import orjson
import pytest
from playwright.sync_api import sync_playwright

from tests.clients.toolchains.toolchain import GENERATED, Toolchain
from tests.clients.toolchains.typescript import page_folder
from tests.end_to_end.system import System
from tests.ports import free_port
from workers.chromium import find as find_chromium

# A first build fetches and compiles everything that the language needs.
pytestmark = pytest.mark.timeout(900)

PRINTED = re.compile(
    r"""created noop
started
info Run started on \S+, attempt 1 of 1\.
debug \[talk\] 1 for_each
info line 1 of 3
info line 2 of 3
info line 3 of 3
debug \[rest\] 1 if
ended success
"""
)


def run(toolchain: Toolchain, example: list[str], address: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run an example to its end."""
    inherited = {name: value for name, value in os.environ.items() if name != "SWITCHYARD_API_KEY"}
    whole: Mapping[str, str] = {**inherited, **toolchain.environment, **environment}
    return subprocess.run(
        [*example, address, "ada"], env=whole, capture_output=True, text=True, timeout=60, check=False
    )


def test_every_example_prints_the_same(system: System, toolchain: Toolchain, example: list[str]) -> None:
    done = run(toolchain, example, f"127.0.0.1:{system.grpc_port}")

    assert PRINTED.fullmatch(done.stdout), done.stdout + done.stderr
    assert done.returncode == 0


def test_every_example_sends_the_key_it_is_given(system: System, toolchain: Toolchain, example: list[str]) -> None:
    done = run(toolchain, example, f"127.0.0.1:{system.grpc_port}", SWITCHYARD_API_KEY="not-one-of-ours")

    # Without a credential the call would have been a local one, and allowed.
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1, done.stderr


def test_every_example_says_that_it_cannot_reach_a_server(toolchain: Toolchain, example: list[str]) -> None:
    nobody = f"127.0.0.1:{free_port()}"

    done = run(toolchain, example, nobody)

    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"cannot reach {nobody}\n")


@pytest.mark.parametrize("language", ["typescript"])
def test_a_page_of_another_origin_shows_the_same(system: System, site: str, example: list[str]) -> None:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=find_chromium(os.environ), args=arguments)
        page = browser.new_page()
        page.goto(f"{site}/page.html?{urlencode({'url': system.url, 'owner': 'ada'})}")
        page.wait_for_selector("#log[data-exit]", state="attached")
        shown, code = page.locator("#log").text_content(), page.locator("#log").get_attribute("data-exit")
        browser.close()

    assert PRINTED.fullmatch(shown or ""), shown
    assert code == "0"


@pytest.mark.parametrize("language", ["typescript"])
def test_what_a_browser_loads_is_below_60_kilobytes_compressed(example: list[str]) -> None:
    script = (page_folder() / "browser.js").read_bytes()

    assert len(gzip.compress(script, 9)) < 60_000


def test_the_document_in_the_repository_is_the_one_a_server_serves(system: System) -> None:
    written = orjson.loads((GENERATED / "openapi" / "switchyard.json").read_bytes())

    assert orjson.loads(system.client.get("/openapi.json").content) == written
