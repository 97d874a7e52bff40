"""ComfyUI's own front end: fetched from the package index, once, with the hashes of `deploy/comfyui-frontends.lock`.

It takes seconds of both cores until it can be worked with. `SMALL`, a page of ours, stands in for it where a test is
about something else.
"""

import fcntl
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
LOCK: Final = ROOT / "deploy" / "comfyui-frontends.lock"
CACHE: Final = ROOT / ".cache" / "comfyui-frontend"
PINNED_BY_COMFYUI: Final = "1.27.10"
NEWEST: Final = "1.58.1"
VERSIONS: Final = (PINNED_BY_COMFYUI, NEWEST)
SMALL: Final = "small"
STATIC: Final = "comfyui_frontend_package/static/"
DOWNLOAD_SECONDS: Final = 300.0


def frontend(version: str) -> Path:
    """Return the folder with the files of that front end, fetching them if this is the first time.

    Raises:
        KeyError: the lock does not name that version.
        subprocess.CalledProcessError: pip could not download it, or it has another hash.
    """
    if version == SMALL:
        return Path(__file__).parent / "small_page"
    folder = CACHE / version
    if folder.exists():
        return folder
    requirement = requirements()[version]
    CACHE.mkdir(parents=True, exist_ok=True)
    # Several processes of one test run may come here at once.
    with (CACHE / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            fetch(requirement, folder)
    return folder


def requirements() -> dict[str, str]:
    """Version to the lines of the lock that pin it."""
    pinned = re.findall(r"^comfyui-frontend-package==(\S+)(.*(?:\n .*)*)", LOCK.read_text(), re.MULTILINE)
    return {version: f"comfyui-frontend-package=={version}{rest}\n" for version, rest in pinned}


def fetch(requirement: str, folder: Path) -> None:
    """Download the wheel that `requirement` pins and move its static files to `folder`."""
    with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
        lines = Path(scratch) / "requirements.txt"
        lines.write_text(requirement)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run(
            [*pip, "--require-hashes", "--dest", scratch, "-r", str(lines)], check=True, timeout=DOWNLOAD_SECONDS
        )
        [wheel] = Path(scratch).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(scratch, [name for name in archive.namelist() if name.startswith(STATIC)])
        (Path(scratch) / STATIC).rename(folder)
