"""TypeScript: the packages of package-lock.json, then tsc; esbuild for a browser."""

import filecmp
import shutil
from pathlib import Path
from typing import Final

from tests.clients.toolchains.toolchain import BUILDS, GENERATED, Toolchain, run

LOCK: Final = "package-lock.json"
# What npm wrote into the folder beside the package itself.
INSTALLED: Final = "node_modules"


def build(folder: Path) -> list[str]:
    """Compile a copy of the package with its examples; return the command that runs the one for Node."""
    package = install(folder)
    run("npm", "run", "--silent", "build", folder=package)
    run("npm", "run", "--silent", "bundle", folder=package)
    shutil.copy(package / "examples" / "page.html", page_folder(folder))
    return ["node", str(package / "build" / "examples" / "node.js")]


def page_folder(folder: Path = BUILDS / "typescript") -> Path:
    """Return where the build put page.html and browser.js, which is all a browser loads."""
    return folder / "package" / "build"


def install(folder: Path) -> Path:
    """Return a copy of the package below `folder`, with the packages it needs."""
    package = folder / "package"
    lock = package / INSTALLED / LOCK
    current = lock.exists() and filecmp.cmp(lock, GENERATED / "typescript" / LOCK, shallow=False)
    for present in package.iterdir() if package.exists() else ():
        if present.is_file():
            present.unlink()
        elif present.name != INSTALLED or not current:
            shutil.rmtree(present)
    shutil.copytree(
        GENERATED / "typescript", package, ignore=shutil.ignore_patterns(INSTALLED, "build"), dirs_exist_ok=True
    )
    if not current:
        run("npm", "ci", "--no-audit", "--no-fund", folder=package)
        # Last, so that an installation that broke off is done again.
        shutil.copy(package / LOCK, lock)
    return package


TOOLCHAIN: Final = Toolchain("typescript", ("node", "npm"), build)
