"""ComfyUI as a program: `python -m tests.comfyui --port 8188 --frontend 1.27.10 --folder /tmp/comfy`."""

import argparse
import asyncio
import signal
from pathlib import Path

from tests.comfyui.frontends import NEWEST, SMALL, VERSIONS, frontend
from tests.comfyui.server import ComfyUI


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.comfyui", description="A ComfyUI to test against.")
    parser.add_argument("--port", type=int, default=8188, help="where to listen, on loopback; 0 takes a free one")
    parser.add_argument("--frontend", choices=(*VERSIONS, SMALL), default=NEWEST, help="version of the front end")
    parser.add_argument("--folder", type=Path, required=True, help="where output, input, temp and user go")
    given = parser.parse_args()
    asyncio.run(serve(ComfyUI(given.folder, frontend(given.frontend), given.port)))


async def serve(comfyui: ComfyUI) -> None:
    """Serve until the process is asked to end; print the address first."""
    ended = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, ended.set)
    async with comfyui:
        print(comfyui.url, flush=True)  # noqa: T201 -- its answer
        await ended.wait()


if __name__ == "__main__":
    main()
