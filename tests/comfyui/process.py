"""ComfyUI as a process of its own, for tests that kill it."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.comfyui.folders import Folders
from tests.comfyui.frontends import NEWEST

ROOT = Path(__file__).parents[2]


@dataclass
class ComfyUIProcess:
    """A ComfyUI over `root`. It keeps its port over all its starts."""

    root: Path
    version: str = NEWEST
    port: int = 0
    process: subprocess.Popen[str] | None = None

    @property
    def folders(self) -> Folders:
        return Folders(self.root)

    @property
    def url(self) -> str:
        """Where it is, without a slash at its end."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.comfyui"),
                *("--port", str(self.port), "--frontend", self.version, "--folder", str(self.root)),
            ],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        address = self.process.stdout.readline().strip()
        assert address, "ComfyUI did not start; its errors are above"
        self.port = int(address.rpartition(":")[2])

    def kill(self) -> None:
        """End it as a machine that fails does; nothing when it does not run."""
        self._end(lambda process: process.kill())

    def stop(self) -> None:
        """Ask it to end and wait for that; nothing when it does not run."""
        self._end(lambda process: process.terminate())

    def _end(self, tell: Callable[[subprocess.Popen[str]], None]) -> None:
        process, self.process = self.process, None
        if process is not None:
            with process:
                tell(process)
