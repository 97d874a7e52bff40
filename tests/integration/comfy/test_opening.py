"""Workflows are opened in a session, and what a session answers to calls."""

import asyncio
from typing import Any

import pytest

from tests.integration.comfy.holder import GRAPH, Holders, Refusal, answer_well, answer_with, get, post
from tests.integration.orchestrator.serving import Site

NO_SESSION = "No active browser session. Start a session first with POST /session/start"
NO_WORKFLOW = "No workflow is open. Open one first with POST /workflow/open"


@pytest.mark.parametrize("path", ["workflows/a/b.json", "a/b.json"])
async def test_a_path_means_a_file_below_workflows(site: Site, holders: Holders, path: str) -> None:
    holder = await holders.start()

    answer = await post(site.http, "/workflow/open", workflow_path=path)

    assert answer == (
        200,
        {
            "success": True,
            "message": "Workflow opened: workflows/a/b.json",
            "details": {"workflow_path": "workflows/a/b.json", "node_count": 2, "format": "ui"},
        },
    )
    assert holder.calls[0].open.workflow_path == "a/b.json"
    status = await get(site.http, "/workflow/status")
    assert (status["workflow_open"], status["workflow_path"], status["node_count"]) == (True, "workflows/a/b.json", 2)
    assert (await get(site.http, "/session/status"))["workflow_path"] == "workflows/a/b.json"


async def test_a_workflow_may_come_in_the_body(site: Site, holders: Holders) -> None:
    holder = await holders.start()

    status, body = await post(site.http, "/workflow/open", workflow=GRAPH)

    assert (status, body["details"]["workflow_path"]) == (200, None)
    assert "KSampler" in holder.calls[0].open.workflow


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"workflow_path": ""},
        {"workflow_path": 5},
        {"workflow_path": "../x.json"},
        {"workflow_path": "workflows/../../x.json"},
        {"workflow_path": "a/../../x.json"},
        {"workflow_path": "/etc/passwd"},
        {"workflow_path": "a//b.json"},
        {"workflow_path": "./a.json"},
        {"workflow_path": "workflows/"},
        {"workflow_path": "a\\b.json"},
        {"workflow_path": "a\u0000.json"},
        {"workflow_path": "a\n.json"},
        {"workflow_path": "x" * 1025},
        {"workflow_path": "x.json", "workflow": GRAPH},
        {"workflow": []},
        {"workflow": "{}"},
        {"workflow": None},
    ],
)
async def test_a_path_that_leads_elsewhere_is_refused_before_anybody_is_asked(
    site: Site, holders: Holders, body: dict[str, Any]
) -> None:
    holder = await holders.start()

    status, answer = await post(site.http, "/workflow/open", **body)

    assert status == 400
    assert "workflow" in answer["detail"]
    assert holder.calls == []


@pytest.mark.parametrize("path", ["a'b.json", 'a"b.json', "100%.json", "%2e%2e%2fx.json", "ä ö.json"])
async def test_other_characters_are_part_of_a_name(site: Site, holders: Holders, path: str) -> None:
    holder = await holders.start()

    status, _ = await post(site.http, "/workflow/open", workflow_path=path)

    assert status == 200
    assert holder.calls[0].open.workflow_path == path


@pytest.mark.parametrize(
    ("reason", "status"),
    [(Refusal.REASON_INVALID, 400), (Refusal.REASON_GRAPH, 400), (Refusal.REASON_UNREACHABLE, 500)],
)
@pytest.mark.parametrize("path", ["/workflow/open", "/workflow/queue"])
async def test_what_a_session_cannot_do_is_told_in_its_words(
    site: Site, holders: Holders, path: str, reason: Refusal.Reason.ValueType, status: int
) -> None:
    holder = await holders.start()
    holder.answers = answer_with(reason, "a sentence of the worker")

    answer = await post(site.http, path, **({"workflow_path": "x.json"} if "open" in path else {}))

    assert answer[0] == status
    assert answer[1]["detail"] == "a sentence of the worker"
    assert (await get(site.http, "/workflow/prompts"))["prompts"] == []


async def test_a_queue_before_an_open_is_refused(site: Site, holders: Holders) -> None:
    holder = await holders.start()
    holder.answers = answer_with(Refusal.REASON_NO_WORKFLOW, "")

    assert await post(site.http, "/workflow/queue", iterations=3) == (400, {"detail": NO_WORKFLOW})


@pytest.mark.parametrize("path", ["/workflow/open", "/workflow/queue"])
async def test_without_a_session_there_is_nothing_to_work_in(site: Site, path: str) -> None:
    answer = await post(site.http, path, **({"workflow_path": "x.json"} if "open" in path else {}))

    assert answer == (400, {"detail": NO_SESSION})


async def test_a_session_that_nobody_follows_does_not_respond(site: Site, holders: Holders) -> None:
    starting = asyncio.create_task(post(site.http, "/session/start", credentials={"url": "http://127.0.0.1:1"}))
    await (await holders.claim()).ready()
    await starting

    answer = await post(site.http, "/workflow/open", workflow_path="x.json")

    assert answer == (503, {"detail": "Browser server not responding"})


async def test_a_call_ends_at_once_when_its_session_does(site: Site, holders: Holders) -> None:
    starting = asyncio.create_task(post(site.http, "/session/start", credentials={"url": "http://127.0.0.1:1"}))
    holder = await holders.claim()
    await holder.ready()
    await starting
    opening = asyncio.create_task(post(site.http, "/workflow/open", workflow_path="x.json"))
    await asyncio.sleep(0)

    await holder.fail("BrowserCrashed")

    assert await opening == (503, {"detail": "Browser server not responding"})


async def test_a_session_that_answers_again_works_on(site: Site, holders: Holders) -> None:
    holder = await holders.start()
    holder.answers = answer_with(Refusal.REASON_UNREACHABLE, "ComfyUI is away")
    away = await post(site.http, "/workflow/open", workflow_path="x.json")
    holder.answers = answer_well

    back = await post(site.http, "/workflow/open", workflow_path="x.json")

    assert (away[0], back[0]) == (500, 200)
