"""What a test asks a ComfyUI over HTTP."""

import asyncio
from dataclasses import dataclass
from typing import Any

import aiohttp

from tests.patience import PATIENCE


@dataclass
class Client:
    """Asks the ComfyUI of the base address of `session`."""

    session: aiohttp.ClientSession

    async def get(self, path: str) -> Any:
        async with self.session.get(path) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def post(self, path: str, body: Any) -> tuple[int, Any]:
        async with self.session.post(path, json=body) as response:
            text = await response.text()
            return response.status, (await response.json() if text else None)

    async def queue(self, prompt: dict[str, Any], **more: Any) -> str:
        """Queue a prompt that is taken, and return its id."""
        status, body = await self.post("/prompt", {"prompt": prompt, **more})
        assert status == 200, body
        prompt_id: str = body["prompt_id"]
        return prompt_id

    async def end_of(self, prompt_id: str) -> dict[str, Any]:
        """Wait until a prompt is in the history, and return its entry."""
        async with asyncio.timeout(PATIENCE):
            while not (found := await self.get(f"/history/{prompt_id}")):
                await asyncio.sleep(0.01)
        entry: dict[str, Any] = found[prompt_id]
        return entry

    async def start_of(self, prompt_id: str) -> None:
        """Wait until a prompt is the one that runs."""
        async with asyncio.timeout(PATIENCE):
            while await self.running() != [prompt_id]:
                await asyncio.sleep(0.01)

    async def running(self) -> list[str]:
        return [item[1] for item in (await self.get("/queue"))["queue_running"]]

    async def waiting(self) -> list[str]:
        return [item[1] for item in (await self.get("/queue"))["queue_pending"]]
