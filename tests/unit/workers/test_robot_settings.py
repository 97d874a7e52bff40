"""What a robot is told about the browser it drives."""

from pathlib import Path

import pytest

from workers.robot.settings import read_settings

SERVER = ["--server", "127.0.0.1:50051"]


def test_a_robot_drives_the_browser_it_is_told_of(tmp_path: Path) -> None:
    browser = tmp_path / "chromium"
    browser.touch(mode=0o755)

    assert read_settings(SERVER, {"CHROMIUM_PATH": str(browser)}).chromium_path == str(browser)


def test_a_browser_that_is_not_there_ends_the_start_with_its_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_settings(SERVER, {"CHROMIUM_PATH": "/nowhere/chromium"})

    assert "CHROMIUM_PATH is /nowhere/chromium" in capsys.readouterr().err
