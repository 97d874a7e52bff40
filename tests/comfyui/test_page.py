"""The real front end works with this back end: it opens both formats, queues, and hears of the end."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.comfyui import workflows
from tests.comfyui.frontends import PINNED_BY_COMFYUI, VERSIONS, frontend
from tests.comfyui.page import ComfyPage, launched
from tests.comfyui.png import Picture, decode
from tests.comfyui.server import ComfyUI

# A page takes seconds until it is ready, so the tests of one version share it.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(params=VERSIONS, scope="module")
def frontend_version(request: pytest.FixtureRequest) -> str:
    version: str = request.param
    return version


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def comfyui(tmp_path_factory: pytest.TempPathFactory, frontend_version: str) -> AsyncIterator[ComfyUI]:
    async with ComfyUI(tmp_path_factory.mktemp("comfyui"), frontend(frontend_version)) as comfyui:
        yield comfyui


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with launched() as browser:
        yield browser


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_page(browser: Browser, comfyui: ComfyUI) -> ComfyPage:
    return await ComfyPage.open(browser, comfyui.url)


@pytest_asyncio.fixture(loop_scope="module")
async def page(shared_page: ComfyPage) -> ComfyPage:
    await shared_page.forget()
    return shared_page


async def test_the_page_tells_the_version_that_was_asked_for(page: ComfyPage, frontend_version: str) -> None:
    assert await page.page.evaluate("() => window.__COMFYUI_FRONTEND_VERSION__") == frontend_version


@pytest.mark.parametrize("saved_by_the_page", [True, False])
async def test_the_page_opens_a_workflow_of_either_format_and_queues_it(
    page: ComfyPage, comfyui: ComfyUI, saved_by_the_page: bool
) -> None:
    # Of two equal ones the second would not be executed.
    workflow = workflows.with_progress(steps=3, seed=int(saved_by_the_page))

    await page.load(workflows.as_page_format(workflow) if saved_by_the_page else workflow)
    graph = await page.graph()
    prompt_id = (await page.queue())["prompt_id"]
    events = await page.events()
    entry = (await page.fetch(f"/history/{prompt_id}"))[prompt_id]

    assert {node_id: (node["class_type"], node["inputs"]) for node_id, node in graph.items()} == {
        node_id: (node["class_type"], node["inputs"]) for node_id, node in workflow.items()
    }
    assert [detail["value"] for name, detail in events if name == "progress"] == [1, 2, 3]
    assert {"execution_start", "execution_cached", "executing", "progress_state", "executed", "execution_success"} <= {
        name for name, _ in events
    }
    [image] = entry["outputs"]["3"]["images"]
    assert decode((comfyui.folders.output / image["filename"]).read_bytes()) == Picture(64, 48, workflows.COLOR)


async def test_the_page_reads_a_workflow_from_the_user_data(page: ComfyPage, comfyui: ComfyUI) -> None:
    kept = workflows.as_page_format(workflows.save_image())
    comfyui.folders.write_workflow("a b/c.json", kept)

    script = "async () => (await window.app.api.getUserData('workflows/a b/c.json')).json()"
    found = await page.page.evaluate(script)

    assert found == kept


async def test_a_node_that_fails_is_told_to_the_page(page: ComfyPage) -> None:
    await page.load(workflows.failing("no luck today"))

    await page.queue()
    events = await page.events()

    [error] = [detail for name, detail in events if name == "execution_error"]
    assert (error["node_id"], error["node_type"], error["exception_message"]) == ("2", "FailImage", "no luck today\n")


async def test_a_prompt_that_runs_is_interrupted_from_the_page(page: ComfyPage) -> None:
    await page.load(workflows.held("never"))

    answer = await page.queue()
    at_the_gate = "() => window.heard.some(([name, detail]) => name === 'executing' && detail === '2')"
    await page.page.wait_for_function(at_the_gate)
    await page.page.evaluate("() => window.app.api.interrupt()")
    events = await page.events()

    [told] = [detail for name, detail in events if name == "execution_interrupted"]
    assert (told["prompt_id"], told["node_id"]) == (answer["prompt_id"], "2")


async def test_a_workflow_with_a_missing_type_of_node_opens_and_is_not_queued(page: ComfyPage) -> None:
    await page.load(workflows.as_page_format(workflows.unknown_node()))

    types = await page.types()
    known = await page.page.evaluate("() => Object.keys(window.LiteGraph.registered_node_types)")
    answer = await page.queue()

    assert [name for name in types if name not in known] == ["NobodyKnowsThis"]
    assert answer["error"]["type"] == "invalid_prompt"
    assert "prompt_id" not in answer


async def test_of_such_a_workflow_in_api_format_the_old_page_opens_nothing_and_keeps_what_was_open(
    page: ComfyPage, frontend_version: str
) -> None:
    await page.load(workflows.save_image())

    await page.load(workflows.unknown_node())
    types = await page.types()

    kept, opened = ["EmptyImage", "SaveImage"], ["EmptyImage", "NobodyKnowsThis", "SaveImage"]
    assert types == (kept if frontend_version == PINNED_BY_COMFYUI else opened)
