"""A real ComfyUI on the CPU: `python -m tests.comfyui.real` prepares what COMFYUI_DIR, a checkout of it, needs.

Its Python packages go into `.cache/comfyui/venv`, which takes about 2 GB. What it writes while it runs goes into a
folder of the test, so the checkout stays as it is. COMFYUI_URL names one that runs already, instead.
"""

import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.end_to_end.system import wait_until
from tests.ports import free_port

CACHE: Final = Path(__file__).parents[2] / ".cache" / "comfyui" / "venv"
PREPARED: Final = CACHE / ".prepared"
TORCH: Final = "torch==2.13.0"
# Large, or tied to one release of torch; the nodes that need them are not used here.
LEFT_OUT: Final = ("torch", "torchvision", "torchaudio", "spandrel")
# ComfyUI imports these as it starts, and uses nothing of them without models.
STUBS: Final = ("torchvision", "torchvision/transforms", "torchaudio", "torchaudio/transforms", "torchaudio/functional")
STUB: Final = (
    'def __getattr__(name):\n    if name.startswith("__"):\n        raise AttributeError(name)\n    return object\n'
)
FOLDERS: Final = ("custom_nodes", "input", "models", "output", "temp", "user")
START_SECONDS: Final = 100.0


def main() -> int:
    """Prepare the checkout; return the exit code."""
    if os.environ.get("COMFYUI_URL"):
        return 0
    if not (checkout := os.environ.get("COMFYUI_DIR")):
        print("set COMFYUI_DIR to a checkout of ComfyUI, or COMFYUI_URL to one that runs", file=sys.stderr)  # noqa: T201
        return 1
    wanted = requirements(Path(checkout))
    if not PREPARED.exists() or PREPARED.read_text() != str(wanted):
        prepare(wanted)
    return 0


def requirements(checkout: Path) -> list[str]:
    """What the checkout wants installed, without what is left out."""
    lines = (checkout / "requirements.txt").read_text().splitlines()
    wanted = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    return [line for line in wanted if re.split(r"[^\w-]", line, maxsplit=1)[0] not in LEFT_OUT]


def prepare(wanted: list[str]) -> None:
    """Make the environment that ComfyUI runs in."""
    venv.create(CACHE, with_pip=True, clear=True)
    # Newer transformers do not bring requests, which ComfyUI's server imports.
    pip = [str(CACHE / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, TORCH, "requests", *wanted], check=True)
    [packages] = CACHE.glob("lib/python*/site-packages")
    for stub in STUBS:
        (packages / stub).mkdir(exist_ok=True)
        (packages / stub / "__init__.py").write_text(STUB)
    PREPARED.write_text(str(wanted))


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """The address of the ComfyUI that the environment names, started over `folder` where it does not run already."""
    if url := os.environ.get("COMFYUI_URL"):
        yield url.rstrip("/")
        return
    for name in FOLDERS:
        (folder / name).mkdir(parents=True)
    port = free_port()
    command = [
        *(str(CACHE / "bin" / "python"), "main.py", "--cpu", "--disable-auto-launch"),
        *("--listen", "127.0.0.1", "--port", str(port), "--base-directory", str(folder)),
    ]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(
            command, cwd=os.environ["COMFYUI_DIR"], env=environment, stdout=output, stderr=output
        )
    with process:
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until(
                lambda: process.poll() is not None or answers(url),
                timeout=START_SECONDS,
                what=lambda: "ComfyUI does not answer",
            )
            assert process.poll() is None, (folder / "output.txt").read_text()[-4000:]
            yield url
        finally:
            process.terminate()


def answers(url: str) -> bool:
    """Whether a ComfyUI is there."""
    try:
        with urllib.request.urlopen(f"{url}/system_stats", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, TimeoutError):
        return False


if __name__ == "__main__":
    sys.exit(main())
