"""How the example of a language is built and run, with nothing but the language's own tools."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[3]
GENERATED: Final = ROOT / "generated"
BUILDS: Final = ROOT / ".cache" / "clients"
UV: Final = Path(sys.executable).with_name("uv")


@dataclass(frozen=True)
class Toolchain:
    """One language. `build` is given a folder that outlives the test, and returns the command that runs the example."""

    name: str
    programs: tuple[str, ...]
    """Programs it needs, looked up in PATH."""
    build: Callable[[Path], list[str]]
    environment: Mapping[str, str] = field(default_factory=dict)
    """Laid over the environment of the example."""
    missing_libraries: Callable[[], list[str]] = list
    """Names the libraries that have to be installed beforehand and are not."""
    in_ci: bool = True
    """Whether a machine that has none of it can get it, so that in CI it has to be there."""

    def missing(self) -> list[str]:
        """Name what is not there: programs, or else libraries."""
        return [program for program in self.programs if shutil.which(program) is None] or self.missing_libraries()

    def built(self) -> list[str]:
        """Build the example in `.cache/clients/<name>`, where a second build is quick; return its command."""
        folder = BUILDS / self.name
        folder.mkdir(parents=True, exist_ok=True)
        return self.build(folder)


def run(*command: str | Path, folder: Path, environment: Mapping[str, str] | None = None) -> None:
    """Run one step of a build.

    Raises:
        AssertionError: it failed; says what it printed.
    """
    whole = os.environ | (environment or {})
    done = subprocess.run(command, cwd=folder, env=whole, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
