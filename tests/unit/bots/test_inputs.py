"""How a large input file is taken in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from server.bots import inputs
from server.bots.tenant_folder import TenantFolder


async def test_an_upload_that_is_given_up_while_it_begins_leaves_nothing(tmp_path: Path) -> None:
    folder = TenantFolder(tmp_path, "user-ann", "i1")
    folder.create()

    async def pieces() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    for _ in range(20):
        storing = asyncio.create_task(inputs.store_pieces(folder, "inputs/media/a", pieces(), limit_bytes=10))
        await asyncio.sleep(0)
        storing.cancel()
        with suppress(asyncio.CancelledError):
            await storing

    await asyncio.get_running_loop().shutdown_default_executor()
    await asyncio.sleep(0)
    assert list((folder.root / "inputs/media").iterdir()) == []
