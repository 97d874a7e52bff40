"""The image: what it is built from, what it runs as, and how it gets its secrets."""

import os
import re
import shutil
import stat
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.unit.deploy.deployment import DEPLOY, DOCKERFILE, OWN_IMAGES, ROOT, make_secrets, stages


def test_the_linter_finds_no_fault() -> None:
    # Source: https://github.com/hadolint/hadolint
    program = Path(sys.executable).with_name("hadolint")

    done = subprocess.run([program, "--no-color", DOCKERFILE], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_there_is_one_dockerfile_whose_last_stages_are_the_images() -> None:
    listed = subprocess.run(["git", "ls-files", "*Dockerfile*"], cwd=ROOT, capture_output=True, text=True, check=True)

    assert set(listed.stdout.split()) <= {"deploy/Dockerfile"}
    assert [stage.name for stage in stages()][1:] == list(OWN_IMAGES.values())


def test_bases_are_pinned_to_a_version() -> None:
    names = {stage.name for stage in stages()}
    bases = {stage.base for stage in stages()} - names

    assert all(re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", base) for base in bases), bases


def test_nothing_runs_as_root() -> None:
    users = {stage.name: stage.last("USER") for stage in stages() if stage.name in OWN_IMAGES.values()}

    # By number, so that Kubernetes can tell without looking into the image.
    assert users == dict.fromkeys(OWN_IMAGES.values(), "10001:10001")


def test_packages_come_from_the_lock_with_their_hashes() -> None:
    build, *_ = stages()
    installs = [line for line in build.instructions if "pip install" in line]
    lock = (DEPLOY / "image.lock").read_text()
    requirements = re.findall(r"^[a-z0-9].*?(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)

    assert all("--require-hashes" in line or "--no-index" in line for line in installs)
    assert len(requirements) > 20
    assert [one for one in requirements if "--hash=sha256:" not in one] == []


@pytest.mark.parametrize("name", ["pytest", "mypy", "ruff", "moto"])
def test_tools_of_developers_stay_outside(name: str) -> None:
    assert f"\n{name}==" not in (DEPLOY / "image.lock").read_text()


def test_what_is_locked_for_the_image_is_what_is_tested() -> None:
    pins = re.compile(r"^([a-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
    image = dict(pins.findall((DEPLOY / "image.lock").read_text()))
    tested = dict(pins.findall((DEPLOY / "requirements.lock").read_text()))

    assert image.items() <= tested.items()


def test_only_the_image_of_workers_has_a_browser() -> None:
    assert {stage.name for stage in stages() if "chromium" in " ".join(stage.instructions)} == {"worker"}


@pytest.mark.parametrize("path", ["data/credentials.env", "deploy/secrets/API_KEY", ".git/config", "tests/conftest.py"])
def test_what_is_nobodys_business_is_not_sent_to_the_builder(path: str) -> None:
    assert not is_sent(path)


@pytest.mark.parametrize(
    "path", ["server/main.py", "gateway/codec/native/module.c", "generated/python/switchyard/contract.binpb"]
)
def test_what_the_package_is_made_of_is_sent_to_the_builder(path: str) -> None:
    assert (ROOT / path).exists()
    assert is_sent(path)


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets a path through: the last rule that names it or a folder above it decides."""
    sent = True
    places = [path, *(str(parent) for parent in Path(path).parents)]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        rule = line.removeprefix("!")
        if line and not line.startswith("#") and any(fnmatch(place, rule) for place in places):
            sent = line.startswith("!")
    return sent


def test_files_of_secrets_become_the_environment_of_the_program(tmp_path: Path) -> None:
    (tmp_path / "API_KEY").write_text("from a file")
    (tmp_path / "not a name").write_text("x")
    (tmp_path / "lower_case").write_text("x")

    done = subprocess.run(
        ["sh", DEPLOY / "entrypoint.sh", shutil.which("env") or "env"],
        env={"PATH": os.environ["PATH"], "SECRETS_DIR": str(tmp_path), "API_KEY": "from outside"},
        capture_output=True,
        text=True,
        check=True,
    )

    names = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert names["API_KEY"] == "from a file"
    assert not {"not a name", "lower_case"} & set(names)


def test_a_program_without_secrets_starts_too(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", DEPLOY / "entrypoint.sh", "echo", "started"],
        env={"PATH": os.environ["PATH"], "SECRETS_DIR": str(tmp_path / "none")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "started\n"


def test_secrets_are_made_once_and_kept_from_others(tmp_path: Path) -> None:
    first = make_secrets(tmp_path / "secrets")
    again = make_secrets(tmp_path / "secrets")

    assert first == again
    assert len(set(first.values())) == len(first)
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == stat.S_IRWXU
