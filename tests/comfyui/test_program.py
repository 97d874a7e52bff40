"""ComfyUI as a process that is killed and started again."""

import asyncio

import aiohttp
import pytest

from tests.comfyui import workflows
from tests.comfyui.client import Client
from tests.comfyui.process import ComfyUIProcess


async def test_a_killed_comfyui_comes_back_at_the_same_address_without_its_queue(
    comfyui_process: ComfyUIProcess,
) -> None:
    comfyui_process.folders.write_workflow("kept.json", {})
    url = comfyui_process.url

    async with aiohttp.ClientSession(url) as session:
        client = Client(session)
        await client.start_of(await client.queue(workflows.held("never")))
        await client.queue(workflows.save_image())
        await asyncio.to_thread(comfyui_process.kill)
        with pytest.raises(aiohttp.ClientError):
            await client.get("/queue")
        await asyncio.to_thread(comfyui_process.start)

        assert comfyui_process.url == url
        assert await client.get("/queue") == {"queue_running": [], "queue_pending": []}
        assert await client.get("/userdata?dir=workflows") == ["kept.json"]


async def test_it_ends_when_it_is_asked_to(comfyui_process: ComfyUIProcess) -> None:
    process = comfyui_process.process
    assert process is not None

    await asyncio.to_thread(comfyui_process.stop)

    assert process.returncode == 0
