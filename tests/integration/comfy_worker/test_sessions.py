"""Sessions of a real worker process: a real Chromium with ComfyUI's real page, and direct mode, at the same ComfyUI."""

from pathlib import Path

import aiohttp
import orjson
import pytest
from playwright.async_api import Error, async_playwright

from switchyard.comfy.v1.comfy_worker_service_pb2 import AnswerCallRequest
from switchyard.comfy.v1.prompt_pb2 import PromptEvent
from switchyard.comfy.v1.session_pb2 import Session as SessionMessage
from tests.comfyui import workflows
from tests.comfyui.fixtures import NginxInFront
from tests.comfyui.frontends import NEWEST, PINNED_BY_COMFYUI, frontend
from tests.comfyui.server import ComfyUI
from tests.integration.comfy_worker.board import Session
from tests.integration.comfy_worker.conftest import System

BROWSER = SessionMessage.MODE_BROWSER
API = SessionMessage.MODE_API
KIND = PromptEvent
REFUSAL = AnswerCallRequest.Refusal

# A session is shared by all tests that do not end it, as its page takes seconds until it can be worked with.
pytestmark = pytest.mark.asyncio(loop_scope="module")

in_the_browser = pytest.mark.parametrize("shared_session", [BROWSER], ids=["browser"], indirect=True)
directly = pytest.mark.parametrize("shared_session", [API], ids=["api"], indirect=True)


@in_the_browser
async def test_a_workflow_goes_through_the_newest_page_from_its_file_to_its_picture(
    session: Session, comfyui: ComfyUI
) -> None:
    await goes_through_the_page(session, comfyui, NEWEST)


async def test_a_workflow_goes_through_the_page_that_comfyui_pins_behind_a_password_too(
    system: System, tmp_path: Path, nginx_in_front: NginxInFront
) -> None:
    async with ComfyUI(tmp_path / "comfyui", frontend(PINNED_BY_COMFYUI)) as comfyui:
        nginx = nginx_in_front(comfyui.url, {"user": "word"})
        session = await system.ready(nginx.url, username="user", password="word")
        await goes_through_the_page(session, comfyui, PINNED_BY_COMFYUI)


async def goes_through_the_page(session: Session, comfyui: ComfyUI, frontend_version: str) -> None:
    comfyui.folders.write_workflow("a/b c.json", workflows.as_page_format(workflows.with_progress(steps=3)))

    opened = (await session.open(path="a/b c.json")).opened
    composed = (await session.compose()).composed
    prompt = session.queue(composed.prompt, composed.workflow)
    await prompt.wait_end()

    assert session.ready is not None
    assert session.ready.frontend_version == frontend_version
    assert (opened.node_count, opened.format) == (3, "ui")
    assert prompt.state == "succeeded"
    [result] = prompt.result.results
    [stored] = prompt.row.artifacts.values()
    assert stored == (comfyui.folders.output / result.filename).read_bytes()
    assert (result.name, result.node_id, result.kind, result.type) == (result.filename, "3", "images", "output")


async def test_progress_is_told_node_by_node_and_never_goes_back(session: Session) -> None:
    await session.open(workflows.with_progress(steps=4))
    prompt = session.queue((await session.compose()).composed.prompt)
    await prompt.wait_end()

    assert [event.node_id for event in prompt.events if event.kind == KIND.KIND_NODE] == ["1", "2", "3"]
    assert [event.value for event in prompt.events if event.kind == KIND.KIND_PROGRESS] == [1, 2, 3, 4]
    fractions = [event.fraction for event in prompt.events]
    assert fractions == sorted(fractions)
    assert 0 <= fractions[0] < fractions[-1] <= 1
    assert prompt.events[-1].node_type == "SaveImage"


async def test_values_and_seeds_reach_what_is_executed_and_leave_the_open_workflow_alone(session: Session) -> None:
    await session.open(workflows.with_seed(7))
    changed = (await session.compose(inputs='{"SeedImage": {"strength": 0.5}, "1": {"width": 32}}')).composed
    kept = (await session.compose()).composed
    seeded = (await session.compose(seed_policy=4, seed=5, iterations=2)).composed
    counted = (await session.compose(seed_policy=3, iterations=3)).composed

    graph = orjson.loads(changed.prompt)
    assert (graph["2"]["inputs"]["strength"], graph["1"]["inputs"]["width"]) == (0.5, 32)
    graph = orjson.loads(kept.prompt)
    assert (graph["2"]["inputs"]["strength"], graph["1"]["inputs"]["width"]) == (1.0, 64)
    assert (list(seeded.seeds), list(counted.seeds), list(kept.seeds)) == ([5, 5], [7, 8, 9], [])
    if changed.workflow:
        assert (
            32
            in next(node for node in orjson.loads(changed.workflow)["nodes"] if node["id"] in (1, "1"))[
                "widgets_values"
            ]
        )


@pytest.mark.parametrize("mode", [BROWSER, API], ids=["browser", "api"])
async def test_nothing_is_composed_before_a_workflow_is_open(
    system: System, small_comfyui: ComfyUI, mode: SessionMessage.Mode
) -> None:
    session = await system.ready(small_comfyui.url, mode=mode)

    refusal = (await session.compose()).refusal

    assert refusal.reason == REFUSAL.REASON_NO_WORKFLOW


async def test_what_cannot_be_opened_or_queued_is_said_and_the_session_goes_on(
    session: Session, comfyui: ComfyUI
) -> None:
    comfyui.folders.write_workflow("broken.json", '{"1": ')

    refusals = [
        (await session.open(workflows.unknown_node())).refusal,
        (await session.open(path="broken.json")).refusal,
        (await session.open(path="nowhere.json")).refusal,
        (await session.open(path="../comfy.settings.json")).refusal,
        (await session.open(path="a\\..\\b.json")).refusal,
        (await session.open(path="x" * 300 + ".json")).refusal,
        (await session.open('{"some": "object"}')).refusal,
    ]
    await session.open(workflows.with_seed(7))
    refusals.append((await session.compose(inputs='{"Nobody": {"seed": 1}}')).refusal)
    refusals.append((await session.compose(inputs='{"2": {"image": 1}}')).refusal)

    assert {refusal.reason for refusal in refusals} == {REFUSAL.REASON_INVALID}
    assert "NobodyKnowsThis" in refusals[0].message
    assert (await session.compose()).HasField("composed")


@directly
async def test_names_with_quotes_percent_signs_and_spaces_are_opened_as_they_are(
    session: Session, comfyui: ComfyUI
) -> None:
    names = ["it's 100%.json", "a%20b.json", 'say "hi".json', "größer/日本.json", "q?x=1#y&z.json"]
    for name in names:
        comfyui.folders.write_workflow(name, workflows.save_image())

    answers = [await session.open(path=name) for name in names]

    assert [answer.opened.node_count for answer in answers] == [2] * len(names), answers


async def test_a_graph_that_comfyui_refuses_and_a_node_that_fails_name_their_nodes(session: Session) -> None:
    refused = workflows.with_seed(7)
    refused["2"]["inputs"]["sampler_name"] = "none of them"

    first, second = session.queue(refused), session.queue(workflows.failing("no luck today"))
    await first.wait_end()
    await second.wait_end()

    assert first.error[0] == "GraphRefused"
    assert "node 2 (SeedImage)" in first.error[1]
    assert first.comfy_prompt_ids == []
    assert second.error == ("NodeFailed", "node 2 (FailImage) failed: RuntimeError: no luck today")
    assert (second.result.node_id, second.result.node_type, second.result.lost) == ("2", "FailImage", False)


async def test_a_prompt_that_is_cancelled_is_gone_from_comfyui_and_the_next_one_is_not_hit(
    system: System, session: Session
) -> None:
    held, after = session.queue(workflows.held("never")), session.queue(workflows.save_image())
    await held.wait_node("2")

    system.board.cancel(held.row)
    await held.wait_end()
    await after.wait_end()

    assert (held.state, after.state) == ("cancelled", "succeeded")


async def test_a_prompt_that_takes_too_long_is_interrupted_and_the_next_one_is_not_hit(
    session: Session, comfyui: ComfyUI
) -> None:
    held, after = session.queue(workflows.held("never"), timeout=1), session.queue(workflows.save_image())

    await held.wait_end()
    await after.wait_end()

    assert held.error == ("Timeout", "ComfyUI has not finished it within the 1 s that it may take (timeout_seconds)")
    assert after.state == "succeeded"
    async with aiohttp.ClientSession(comfyui.url) as other, other.get("/queue") as response:
        assert (await response.json())["queue_running"] == []


@directly
async def test_a_prompt_that_waits_behind_one_of_somebody_else_is_cancelled_without_hitting_that(
    system: System, session: Session, comfyui: ComfyUI
) -> None:
    async with aiohttp.ClientSession(comfyui.url) as other:
        async with other.post("/prompt", json={"prompt": workflows.held("theirs")}) as response:
            theirs = (await response.json())["prompt_id"]
        ours = session.queue(workflows.save_image())
        await ours.wait_sent()

        system.board.cancel(ours.row)
        await ours.wait_end()
        async with other.get("/queue") as response:
            running = [item[1] for item in (await response.json())["queue_running"]]
        comfyui.folders.open_gate("theirs")

    assert (ours.state, running) == ("cancelled", [theirs])


async def test_a_prompt_that_a_restarted_comfyui_forgot_is_lost_where_that_is_wanted(
    session: Session, comfyui: ComfyUI
) -> None:
    await session.open(workflows.save_image())
    prompt = session.queue(workflows.held("gate"))
    await prompt.wait_node("2")

    await comfyui.stop()
    refused = await session.open(path="x.json")
    await comfyui.start()
    await prompt.wait_end()

    assert prompt.error == ("Lost", "ComfyUI was restarted and has forgotten the prompt")
    assert prompt.result.lost
    assert len(prompt.comfy_prompt_ids) == 1
    assert any("forgotten" in text for text in prompt.row.texts)
    assert refused.refusal.reason == REFUSAL.REASON_UNREACHABLE
    after = session.queue((await session.compose()).composed.prompt)
    await after.wait_end()
    assert after.state == "succeeded"


@in_the_browser
async def test_files_of_every_kind_are_fetched_with_names_of_their_own(session: Session) -> None:
    graph = workflows.save_image(prefix="deep/er/picture")
    graph["3"] = workflows.node("SaveImage", images=["1", 0], filename_prefix="other/picture")

    prompt = session.queue(graph)
    await prompt.wait_end()

    results = prompt.result.results
    assert [(result.node_id, result.subfolder) for result in results] == [("2", "deep/er"), ("3", "other")]
    assert len({result.name for result in results}) == 2
    assert set(prompt.row.artifacts) == {result.name for result in results}


@in_the_browser
async def test_a_large_file_arrives_whole_through_the_page(session: Session, comfyui: ComfyUI) -> None:
    prompt = session.queue(workflows.save_image(width=4096, height=1024, color=0x123456))
    await prompt.wait_end()

    [result] = prompt.result.results
    assert prompt.row.artifacts[result.name] == (comfyui.folders.output / result.filename).read_bytes()


@in_the_browser
async def test_another_tool_attaches_at_the_secret_address_and_nowhere_else(session: Session) -> None:
    ready, port = await session.wait_ready(), session.plan.port
    await session.open(workflows.save_image())

    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect(ready.browser_endpoint)
        [context] = browser.contexts
        [page] = context.pages
        nodes = await page.evaluate("() => window.app.graph._nodes.length")
        await browser.close()
        with pytest.raises(Error):
            await playwright.chromium.connect(f"ws://127.0.0.1:{port}/")

    assert (ready.port, nodes) == (port, 2)
    assert ready.browser_endpoint.startswith(f"ws://127.0.0.1:{port}/")
    assert (await session.compose()).HasField("composed")


async def test_two_sessions_side_by_side_have_nothing_in_common(
    system: System, small_comfyui: ComfyUI, nginx_in_front: NginxInFront
) -> None:
    nginx = nginx_in_front(small_comfyui.url, {"one": "pässword: %41\"'\\", "two": "other"})

    one = await system.start(nginx.url, username="one", password="pässword: %41\"'\\")
    two = await system.start(nginx.url, username="two", password="other")
    ports = {(await session.wait_ready()).port for session in (one, two)}
    await one.open(workflows.save_image())
    await two.open(workflows.with_seed(3))

    assert len(ports) == 2
    counts = [len(orjson.loads((await session.compose()).composed.prompt)) for session in (one, two)]
    assert counts == [2, 3]
    users = {line.split('"')[1] for line in nginx.requests if line.startswith("200 ") and " /api/" in line}
    assert users == {"one", "two"}
    system.board.cancel(one.row)
    await one.wait_end()
    assert (await two.compose()).HasField("composed")
