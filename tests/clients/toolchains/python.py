"""Python: a wheel of the package, in a virtual environment that holds nothing else of ours."""

import shutil
import sys
from pathlib import Path
from typing import Final

from tests.clients.toolchains.toolchain import GENERATED, UV, Toolchain, run


def install(package: Path, folder: Path) -> list[str]:
    """Install `package` into a virtual environment in `folder`; return the command that runs its example."""
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        run(UV, "venv", "--quiet", "--python", sys.executable, folder / "venv", folder=folder)
    wheels = folder / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    run(UV, "build", "--quiet", "--wheel", "--out-dir", wheels, package, folder=folder)
    [wheel] = wheels.glob("*.whl")
    name = wheel.name.partition("-")[0].replace("_", "-")
    run(UV, "pip", "install", "--quiet", "--python", python, "--reinstall-package", name, wheel, folder=folder)
    # Beside its package the example would import what lies there, not what is installed.
    return [str(python), str(shutil.copy(package / "example.py", folder))]


TOOLCHAIN: Final = Toolchain("python", (), lambda folder: install(GENERATED / "python", folder))
