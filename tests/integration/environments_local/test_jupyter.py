"""JupyterLab, as `make setup` installs it, in an isolated environment, opened by a real browser."""

import asyncio
import os

import httpx
import pytest
from playwright.async_api import async_playwright

from tests.integration.environments_local.conftest import PASSWORD, SECRETS, Machine
from workers import chromium
from workers.environments.local.editor import JUPYTER_VENV
from workers.environments.provider import Made

pytestmark = pytest.mark.skipif(not (JUPYTER_VENV / "bin/jupyter-lab").exists(), reason="`make setup` was not run")

ENVIRONMENT = "env-jupyter00001"


@pytest.fixture(scope="module")
def lab(machine: Machine) -> Made:
    machine.editor = ()
    return asyncio.run(machine.create(ENVIRONMENT))


async def test_the_password_opens_it_in_a_browser_and_another_does_not(lab: Made) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium.find(os.environ), args=["--no-sandbox"])
        page = await browser.new_page()
        await page.goto(lab.ide_url)
        assert "/login" in page.url

        await page.fill("#password_input", "wrong")
        await page.click("#login_submit")
        assert "/login" in page.url
        assert await page.locator(".message.error").count() == 1

        await page.fill("#password_input", PASSWORD)
        await page.click("#login_submit")
        await page.wait_for_selector("#jp-MainLogo", state="attached", timeout=60_000)
        assert page.url.startswith(lab.ide_url)
        await browser.close()


def test_a_kernel_and_a_terminal_need_the_password_too(lab: Made) -> None:
    origin = lab.ide_url.removesuffix("/lab")

    assert httpx.get(f"{origin}/api/contents", trust_env=False).status_code == 403
    assert httpx.post(f"{origin}/api/terminals", trust_env=False).status_code == 403


async def test_its_files_and_log_hold_no_secret(lab: Made, machine: Machine) -> None:
    hidden = [PASSWORD, SECRETS["GITHUB_TOKEN"]]
    files = [path for path in machine.folder(ENVIRONMENT).rglob("*") if path.is_file()]

    assert [line for line in await machine.log(ENVIRONMENT) if "is running at" in line]
    assert not [path for path in files for secret in hidden if secret.encode() in path.read_bytes()]
