"""Which browser is found, in an environment made of folders."""

from pathlib import Path

import pytest

from workers import chromium


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PATH": str(tmp_path / "bin"), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path / "playwright")}


def test_a_named_browser_goes_before_all_others(tmp_path: Path, environ: dict[str, str]) -> None:
    program(tmp_path / "bin" / "chromium")
    named = program(tmp_path / "mine")

    assert chromium.find({**environ, "CHROMIUM_PATH": str(named)}) == named


@pytest.mark.parametrize("name", ["nothing", "."])
def test_a_named_browser_that_is_no_program_is_an_error(tmp_path: Path, environ: dict[str, str], name: str) -> None:
    with pytest.raises(chromium.ChromiumMissing, match="CHROMIUM_PATH"):
        chromium.find({**environ, "CHROMIUM_PATH": str(tmp_path / name)})


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"])
def test_a_browser_of_the_machine_is_found(tmp_path: Path, environ: dict[str, str], name: str) -> None:
    path = program(tmp_path / "bin" / name)

    assert chromium.find(environ) == path


def test_playwrights_newest_browser_is_found(tmp_path: Path, environ: dict[str, str]) -> None:
    program(tmp_path / "playwright" / "chromium-999" / "chrome-linux" / "chrome")
    newest = program(tmp_path / "playwright" / "chromium-1200" / "chrome-linux64" / "chrome")

    assert chromium.find(environ) == newest


def test_without_any_there_is_none(environ: dict[str, str]) -> None:
    assert chromium.find(environ) is None


def test_a_failed_step_is_told_in_one_line() -> None:
    step = chromium.Step(
        what="it", commands=[["/bin/sh", "-c", "echo first; echo E: no such package; exit 100"]], seconds=5, advice=""
    )

    assert chromium.carry_out(step, {}) == "E: no such package"


def test_a_step_that_hangs_is_given_up() -> None:
    step = chromium.Step(what="it", commands=[["/bin/sh", "-c", "exec sleep 5"]], seconds=0.1, advice="")

    assert chromium.carry_out(step, {"PATH": "/bin:/usr/bin"}) == "not done after 0 s"


def test_steps_that_succeed_say_nothing() -> None:
    step = chromium.Step(what="it", commands=[["/bin/sh", "-c", ":"]] * 2, seconds=5, advice="")

    assert chromium.carry_out(step, {}) is None
