"""ComfyUI, and a client of its API."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.comfyui.client import Client
from tests.comfyui.fixtures import comfyui, comfyui_process, frontend_version, nginx_in_front
from tests.comfyui.server import ComfyUI

__all__ = ["comfyui", "comfyui_process", "frontend_version", "nginx_in_front"]


@pytest.fixture
async def client(comfyui: ComfyUI) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession(comfyui.url) as session:
        yield Client(session)
