"""The system, the ComfyUI and the browser that all examples share."""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import sync_playwright

from tests.comfyui import workflows
from tests.comfyui.nginx import Nginx, program
from tests.comfyui.process import ComfyUIProcess
from tests.end_to_end.published.given.environments import delete_all
from tests.end_to_end.published.relay import Relay
from tests.end_to_end.published.world import ENVIRONMENT, World
from tests.end_to_end.system import System
from workers.chromium import find

# Who the documents log in as at a ComfyUI.
USERS = {"YOUR_USERNAME": "YOUR_PASSWORD", "myuser": "mypass"}


@pytest.fixture(scope="module")
def comfyui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a ComfyUI behind a name and a password, or without them where there is no nginx."""
    process = ComfyUIProcess(tmp_path_factory.mktemp("comfyui"))
    with ExitStack() as started:
        process.start()
        started.callback(process.kill)
        process.folders.write_workflow("my_workflow.json", workflows.as_page_format(workflows.with_seed(5)))
        if program() is None:
            yield process.url
        else:
            yield started.enter_context(Nginx(tmp_path_factory.mktemp("nginx"), process.url, USERS)).url


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, comfyui: str) -> Iterator[World]:
    with ExitStack() as started:
        system = started.enter_context(System(tmp_path_factory.mktemp("system"), dict(ENVIRONMENT)))
        system.start()
        ports = {"http": system.http_port, "agent": system.agent_port}
        relays = {name: started.enter_context(Relay(port)) for name, port in ports.items()}
        chromium = find(os.environ)
        browser = None
        if chromium is not None:
            browser = started.enter_context(sync_playwright()).chromium.launch(executable_path=chromium)
            started.callback(browser.close)
        world = World(system, relays, tmp_path_factory.mktemp("typed"), comfyui, browser)
        started.callback(world.close)
        started.callback(delete_all, world)
        yield world
