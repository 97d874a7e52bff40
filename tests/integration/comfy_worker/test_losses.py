"""What becomes of sessions and prompts when a browser, a ComfyUI or a worker goes away, or is not what it should be."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import psutil
import pytest
import pytest_asyncio
from aiohttp import web

from switchyard.comfy.v1.session_pb2 import Session as SessionMessage
from tests.comfyui import workflows
from tests.comfyui.fixtures import NginxInFront
from tests.comfyui.frontends import SMALL
from tests.comfyui.process import ComfyUIProcess
from tests.comfyui.server import ComfyUI
from tests.integration.comfy_worker.conftest import System
from tests.integration.workers.board import until
from tests.patience import PATIENCE
from tests.ports import free_port
from workers import chromium
from workers.comfy import origin
from workers.comfy.api_connection import ApiConnection
from workers.comfy.browser_page import BrowserPage
from workers.comfy.credentials import Credentials
from workers.comfy.errors import ComfyUnreachable, ConfigInvalid
from workers.comfy.plan import Plan
from workers.comfy.session_program import Connection

BROWSER = SessionMessage.MODE_BROWSER
API = SessionMessage.MODE_API

# One worker for all tests but those that end it.
pytestmark = pytest.mark.asyncio(loop_scope="module")

both_modes = pytest.mark.parametrize("mode", [BROWSER, API], ids=["browser", "api"])

SECRET = "s3cr3t-pässwörd"


def browser_of(system: System) -> psutil.Process:
    """The first process of the browser, which the driver has started."""
    begun = [process for process in system.processes if "--remote-debugging-pipe" in process.cmdline()]
    [browser] = [process for process in begun if not any(part.startswith("--type=") for part in process.cmdline())]
    return browser


@both_modes
async def test_an_address_that_nobody_answers_at_is_told(system: System, mode: SessionMessage.Mode) -> None:
    session = await system.start(f"http://127.0.0.1:{free_port()}", mode=mode)
    await session.wait_end()

    assert session.error[0] == "ComfyUnreachable"
    await system.wait_nothing_left()


def api_connection(plan: Plan, seconds: float) -> Connection:
    return ApiConnection(plan, answer_seconds=seconds)


def browser_page(plan: Plan, seconds: float) -> Connection:
    return BrowserPage(plan, str(chromium.find(os.environ)), answer_seconds=seconds)


@pytest.mark.parametrize("chromium_path", ["/nowhere/chromium", None])
async def test_a_worker_without_a_chromium_says_what_to_install(
    small_comfyui: ComfyUI, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, chromium_path: str | None
) -> None:
    # Where Playwright would look for one of its own.
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    address = small_comfyui.url
    plan = Plan(Credentials("", ""), address, ["127.0.0.1"], port=0, headless=True, mode="browser", submit_again=True)

    with pytest.raises(ConfigInvalid, match=r"no Chromium: install one .* CHROMIUM_PATH"):
        async with BrowserPage(plan, chromium_path):
            pass


@pytest.mark.parametrize("connection", [browser_page, api_connection])
async def test_an_address_that_takes_connections_and_never_answers_is_given_up(
    connection: Callable[[Plan, float], Connection],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        plan = Plan(Credentials("", ""), url, ["127.0.0.1"], port=0, headless=True, mode="api", submit_again=True)
        with pytest.raises(ComfyUnreachable, match=r"nobody answers at .* within 0\.1 s"):
            async with connection(plan, 0.1):
                pass


async def test_it_takes_less_than_15_seconds_to_find_out_that_nobody_answers() -> None:
    assert origin.CONNECT_SECONDS + origin.ANSWER_SECONDS < 15


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def somebody_else() -> AsyncIterator[str]:
    """The address of a page that is not ComfyUI."""

    async def page(request: web.Request) -> web.Response:
        return web.Response(text="<html>hello</html>", content_type="text/html")

    application = web.Application()
    application.router.add_get("/{path:.*}", page)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@both_modes
async def test_a_page_that_is_not_comfyui_is_refused(
    system: System, somebody_else: str, mode: SessionMessage.Mode
) -> None:
    session = await system.start(somebody_else, mode=mode)
    await session.wait_end()

    assert session.error[0] == "ComfyUnreachable"
    assert "is not ComfyUI" in session.error[1]
    await system.wait_nothing_left()


@pytest.mark.parametrize(
    ("mode", "credentials"),
    [(BROWSER, {"username": "user", "password": SECRET}), (API, {"username": "user", "password": SECRET}), (API, {})],
    ids=["browser-wrong", "api-wrong", "api-none"],
)
async def test_credentials_that_are_not_taken_are_said_and_never_shown(
    system: System,
    small_comfyui: ComfyUI,
    nginx_in_front: NginxInFront,
    mode: SessionMessage.Mode,
    credentials: dict[str, str],
) -> None:
    nginx = nginx_in_front(small_comfyui.url, {"user": "another"})

    session = await system.start(nginx.url, mode=mode, **credentials)
    await session.wait_end()

    assert session.error[0] == "ComfyRefused"
    assert SECRET not in session.error[1] + system.log + str(session.row.texts)
    await system.wait_nothing_left()


async def test_a_port_that_is_taken_is_said(system: System, small_comfyui: ComfyUI) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        session = await system.start(small_comfyui.url, port=port)
        await session.wait_end()

    assert session.error == ("PortTaken", f"port {port} is taken: somebody else listens there")
    await system.wait_nothing_left()


async def test_credentials_stand_in_no_command_line_no_environment_no_file_and_no_log(
    system: System, small_comfyui: ComfyUI, nginx_in_front: NginxInFront
) -> None:
    nginx = nginx_in_front(small_comfyui.url, {"user-name": SECRET})
    session = await system.ready(nginx.url, username="user-name", password=SECRET)
    await session.open(workflows.with_progress(steps=2))
    prompt = session.queue((await session.compose()).composed.prompt)
    await prompt.wait_end()

    for process in [psutil.Process(system.worker.pid), *system.processes]:
        assert SECRET not in " ".join(process.cmdline())
        assert SECRET not in str(process.environ())
    files = [path for folder in system.temporary for path in folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]
    assert prompt.state == "succeeded"
    shown = [system.log, str(session.row.texts), str(session.ready), str(prompt.row.texts), str(prompt.events)]
    assert not [text for text in shown if SECRET in text]


@both_modes
async def test_a_session_that_is_stopped_while_it_starts_is_given_up_at_once(
    system: System, mode: SessionMessage.Mode
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        session = await system.start(f"http://127.0.0.1:{silent.getsockname()[1]}", mode=mode)
        await until(lambda: any(process.name() == "sy-run" for process in system.processes), seconds=PATIENCE)
        system.board.cancel(session.row)
        await session.wait_end()

    assert session.row.report is not None
    assert session.row.report.HasField("cancelled")
    assert session.row.report.cancelled.receipt.process_count_left == 0
    await system.wait_nothing_left()


async def test_the_end_of_a_session_leaves_nothing_and_stops_what_comfyui_executes(
    system: System, small_comfyui: ComfyUI
) -> None:
    session = await system.ready(small_comfyui.url)
    held = session.queue(workflows.held("never"))
    await held.wait_node("2")

    system.board.cancel(session.row)
    await session.wait_end()

    assert session.row.report is not None
    assert session.row.report.HasField("cancelled")
    assert session.row.report.cancelled.receipt.process_count_left == 0
    await system.wait_nothing_left()
    async with aiohttp.ClientSession(small_comfyui.url) as other, other.get("/queue") as response:
        assert (await response.json())["queue_running"] == []


async def test_a_browser_that_is_killed_ends_its_session_at_once_and_its_prompt_is_lost(
    system: System, small_comfyui: ComfyUI
) -> None:
    session = await system.ready(small_comfyui.url)
    prompt = session.queue(workflows.held("never"))
    await prompt.wait_node("2")

    browser_of(system).kill()
    await prompt.wait_end()
    await session.wait_end()

    assert prompt.error[0] == "Lost"
    assert prompt.result.lost
    assert session.error[0] == "BrowserGone"
    await system.wait_nothing_left()


async def test_a_run_process_that_is_killed_ends_its_session_and_its_browser(
    system: System, small_comfyui: ComfyUI
) -> None:
    session = await system.ready(small_comfyui.url)

    [run] = [process for process in system.processes if process.name() == "sy-run"]
    run.kill()
    await session.wait_end()

    assert session.error[0] == "BrowserGone"
    await system.wait_nothing_left()


async def test_a_worker_that_is_told_to_stop_ends_its_sessions_and_interrupts_comfyui(
    mortal_system: System, small_comfyui: ComfyUI
) -> None:
    session = await mortal_system.ready(small_comfyui.url)
    prompt = session.queue(workflows.held("never"))
    await prompt.wait_node("2")

    mortal_system.worker.terminate()
    await mortal_system.worker.wait()

    assert session.error == ("BrowserGone", "the worker that held the session was stopped")
    assert prompt.error[0] == "Lost"
    async with aiohttp.ClientSession(small_comfyui.url) as other, other.get("/queue") as response:
        assert (await response.json())["queue_running"] == []


@both_modes
@pytest.mark.parametrize("frontend_version", [SMALL])
async def test_a_prompt_that_a_killed_comfyui_forgot_is_sent_again(
    system: System, comfyui_process: ComfyUIProcess, mode: SessionMessage.Mode
) -> None:
    session = await system.ready(comfyui_process.url, mode=mode)
    prompt = session.queue(workflows.held("gate"))
    await prompt.wait_node("2")

    comfyui_process.kill()
    comfyui_process.start()
    await prompt.wait_sent(times=2)
    comfyui_process.folders.open_gate("gate")
    await prompt.wait_end()

    assert prompt.state == "succeeded"
    assert len(set(prompt.comfy_prompt_ids)) == 2
    assert any("sent again" in text for text in prompt.row.texts)


async def test_a_prompt_that_ended_while_the_connection_was_away_is_not_sent_again(
    system: System, small_comfyui: ComfyUI, nginx_in_front: NginxInFront
) -> None:
    nginx = nginx_in_front(small_comfyui.url, {"user": "word"})
    session = await system.ready(nginx.url, username="user", password="word", mode=API)
    prompt = session.queue(workflows.held("gate"))
    comfy_prompt_id = await prompt.wait_sent()
    await prompt.wait_node("2")

    nginx.stop()
    small_comfyui.folders.open_gate("gate")
    async with aiohttp.ClientSession(small_comfyui.url) as other:
        async with asyncio.timeout(PATIENCE):
            while not (await (await other.get(f"/history/{comfy_prompt_id}")).json()):
                await asyncio.sleep(0.01)
    nginx.start()
    await prompt.wait_end()

    assert prompt.state == "succeeded"
    assert prompt.comfy_prompt_ids == [comfy_prompt_id]


async def test_a_prompt_whose_lease_is_lost_is_taken_from_comfyui_and_the_session_goes_on(
    system: System, small_comfyui: ComfyUI
) -> None:
    session = await system.ready(small_comfyui.url, mode=API)
    prompt = session.queue(workflows.held("never"))
    await prompt.wait_node("2")

    system.board.take_back(prompt.row)
    after = session.queue(workflows.save_image())
    await after.wait_end()

    assert after.state == "succeeded"
    assert prompt.row.report is None
