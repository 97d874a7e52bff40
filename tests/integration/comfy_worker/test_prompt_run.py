"""One prompt on its way, at a ComfyUI that does not do what it is told."""

import orjson
import pytest

from tests.comfyui import workflows
from tests.comfyui.server import ComfyUI
from workers.comfy.api_connection import ApiConnection
from workers.comfy.credentials import Credentials
from workers.comfy.plan import Plan
from workers.comfy.prompt_run import Followers, Prompt, PromptRun, TimedOut

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOLLOWERS = Followers(lambda _id: None, lambda _happenings: None, lambda _level, _text: None)


def run_of(comfy: ApiConnection, graph: workflows.Api, *, seconds: float) -> PromptRun:
    prompt = Prompt(orjson.dumps(graph).decode(), "")
    return PromptRun(comfy, prompt, FOLLOWERS, submit_again=True, seconds=seconds, let_go_seconds=0.5)


async def test_a_prompt_that_comfyui_does_not_let_go_of_is_given_up_and_the_next_one_goes_on(
    small_comfyui: ComfyUI,
) -> None:
    address = small_comfyui.url
    plan = Plan(Credentials("", ""), address, ["127.0.0.1"], port=None, headless=True, mode="api", submit_again=True)
    async with ApiConnection(plan) as comfy:
        with pytest.raises(TimedOut, match=r"within the 0\.2 s .*, and does not let go of it"):
            await run_of(comfy, workflows.deaf("open-later"), seconds=0.2).carry_out()
        small_comfyui.folders.open_gate("open-later")

        remains = await run_of(comfy, workflows.save_image(), seconds=60).carry_out()

    assert remains.ended.state == "success"
