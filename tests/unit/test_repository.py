"""The rules that hold for every file: style, types, imports, the contract, and that generated code is current."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


# A first run reads every file; later ones have the tools' caches.
@pytest.mark.timeout(600)
@pytest.mark.parametrize("target", ["lint", "types", "generate-check"])
def test_make_finds_no_fault(target: str) -> None:
    # What the make around us was told is not meant for this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}

    done = subprocess.run(
        ["make", "--no-print-directory", target], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_readme_names_every_target_for_users() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")

    assert "make run" in readme
    assert "make test" in readme


def test_ci_runs_what_the_readme_calls_the_test_command() -> None:
    *_, command = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()

    assert command.endswith("make --no-print-directory test")
