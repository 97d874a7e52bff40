"""Basic authentication in front: nothing without it, everything with it, the WebSocket too."""

import asyncio
from urllib.parse import quote

import aiohttp
from yarl import URL

from tests.comfyui import workflows
from tests.comfyui.fixtures import NginxInFront
from tests.comfyui.page import ComfyPage, launched
from tests.comfyui.server import ComfyUI
from tests.patience import PATIENCE

# What breaks an address, a header, a shell or a file of nginx when it is not quoted.
NAME, PASSWORD = "user@example.org", "p@ss:w%2Fö/rd#?\"'$\\"


def entering(name: str, password: str) -> dict[str, str]:
    return {"Authorization": aiohttp.encode_basic_auth(name, password, "utf-8")}


async def test_wrong_or_missing_credentials_are_refused(comfyui: ComfyUI, nginx_in_front: NginxInFront) -> None:
    nginx = nginx_in_front(comfyui.url, {NAME: PASSWORD})
    answers = []

    async with aiohttp.ClientSession(nginx.url) as session:
        for credentials in (None, (NAME, "wrong"), ("nobody", PASSWORD), (NAME, PASSWORD)):
            headers = entering(*credentials) if credentials else {}
            async with session.get("/api/system_stats", headers=headers) as response:
                answers.append(response.status)

    assert answers == [401, 401, 401, 200]


async def test_the_file_of_a_folder_is_found_through_nginx(comfyui: ComfyUI, nginx_in_front: NginxInFront) -> None:
    comfyui.folders.write_workflow("a/ö %.json", {"nodes": []})
    nginx = nginx_in_front(comfyui.url, {NAME: PASSWORD})

    # aiohttp would write the address anew.
    url = f"{nginx.url}/api/userdata/{quote('workflows/a/ö %.json', safe='')}"
    entered = aiohttp.ClientSession(headers=entering(NAME, PASSWORD))
    async with entered as session, session.get(URL(url, encoded=True)) as response:
        assert response.status == 200


async def test_the_page_works_through_nginx_with_the_credentials_of_its_context(
    comfyui: ComfyUI, nginx_in_front: NginxInFront
) -> None:
    nginx = nginx_in_front(comfyui.url, {NAME: PASSWORD})
    async with launched() as browser:
        page = await ComfyPage.open(browser, nginx.url, (NAME, PASSWORD))
        await page.load(workflows.with_progress(steps=2))

        await page.queue()
        events = await page.events()

    # Events come over the WebSocket only.
    assert [detail["value"] for name, detail in events if name == "progress"] == [1, 2]
    # A line is written when the socket is closed.
    async with asyncio.timeout(PATIENCE):
        while not any(line.startswith(f'101 "{NAME}" GET /ws') for line in nginx.requests):
            await asyncio.sleep(0.02)
    assert not [line for line in nginx.requests if PASSWORD in line]
