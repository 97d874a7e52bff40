"""The program behind `make generate`: what it says of a language it cannot serve, and of files that are not right."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "proto" / "generate.py"


def generate(*arguments: str, program: Path = PROGRAM, **environment: str) -> subprocess.CompletedProcess[str]:
    whole = {name: value for name, value in os.environ.items() if name != "CI"} | environment
    command = [sys.executable, str(program), *arguments]
    return subprocess.run(command, env=whole, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A program of our own with the whole contract, and Python as the contract gives it."""
    for name in ("proto", "clients/python", "generated/python"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def files(folder: Path) -> dict[Path, bytes]:
    """What a folder holds, by name."""
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder): path.read_bytes() for path in found}


def test_a_language_without_its_tools_is_named_and_left_as_it_is() -> None:
    done = generate("--check", "go", PATH="/nonexistent")

    assert (done.returncode, done.stdout) == (0, "go: skipped, no go here\n")


def test_in_ci_no_tool_may_be_missing() -> None:
    assert generate("--check", "go", PATH="/nonexistent", CI="true").returncode == 1


def test_a_language_nobody_knows_is_refused() -> None:
    done = generate("klingon")

    assert (done.returncode, done.stdout) == (2, "proto/languages has no klingon\n")


def test_a_check_names_what_was_changed_added_or_removed_and_generating_mends_it(copy: Path) -> None:
    package, program = copy / "generated" / "python", copy / "proto" / "generate.py"
    with (package / "switchyard" / "bots" / "v1" / "run_pb2.py").open("a") as module:
        module.write("# by hand\n")
    (package / "switchyard" / "old").mkdir()
    (package / "switchyard" / "old" / "stub_pb2.py").touch()
    (package / "pyproject.toml").unlink()

    checked = generate("--check", "python", program=program)
    mended = generate("python", program=program)

    assert checked.returncode == 1
    assert [line.split()[0] for line in checked.stdout.splitlines()] == [
        "generated/python/pyproject.toml",
        "generated/python/switchyard/bots/v1/run_pb2.py",
        "generated/python/switchyard/old",
        "generated/python/switchyard/old/stub_pb2.py",
    ]
    assert mended.returncode == 0
    assert files(package) == files(ROOT / "generated" / "python")
