"""The files that a prompt left: fetched from ComfyUI, named anew, and handed on."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeAlias

from workers.comfy.connection import Comfy, FileMissing
from workers.comfy.errors import Unreachable
from workers.comfy.history import ResultFile
from workers.flow.host import Level
from workers.flow.job_folder import JobFolder

# ComfyUI may be restarted while its files are fetched; they are still there afterwards.
TRIES: Final = 5
PAUSE_SECONDS: Final = 2.0

# Stores a file and returns once that is done; raises FileMissing when it cannot be kept.
Store: TypeAlias = Callable[[Path], Awaitable[None]]


async def fetch_results(
    comfy: Comfy, files: Sequence[ResultFile], folder: Path, store: Store, log: Callable[[Level, str], None]
) -> list[dict[str, Any]]:
    """Store `files` and return those that were: fields of `PromptResult`, `name` among them, in the same order.

    `folder` is made for this and gone afterwards. A file that ComfyUI does not give is a line in the log.
    """
    await asyncio.to_thread(folder.mkdir)
    stored = []
    try:
        names = JobFolder(folder)
        for file in files:
            path = names.new_artifact(file.filename)
            try:
                await _saved(comfy, file, path)
                await store(path)
            except (FileMissing, Unreachable) as error:
                log("warning", f"The file {file.filename!r:.200} of node {file.node_id} could not be fetched: {error}.")
                continue
            stored.append({"name": path.name, **asdict(file)})
    finally:
        await asyncio.to_thread(shutil.rmtree, folder)
    return stored


async def _saved(comfy: Comfy, file: ResultFile, path: Path) -> None:
    for _ in range(TRIES - 1):
        try:
            return await comfy.save(file, path)
        except Unreachable:
            await asyncio.sleep(PAUSE_SECONDS)
    return await comfy.save(file, path)
