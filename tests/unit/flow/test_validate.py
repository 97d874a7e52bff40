"""What a validation finds."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from workers.flow.bot_catalog import load_catalog
from workers.flow.validate import Check, validate_config

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CONFIG = "bot_code: f2f_post\nheadless: true\ntimezone: Europe/Amsterdam\n"
COOKIE = '{"name": "a", "value": "b", "domain": "x", "path": "/", "expires": %d}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A valid instance."""
    (tmp_path / "inputs/media").mkdir(parents=True)
    (tmp_path / "secrets").mkdir()
    (tmp_path / "config.yaml").write_text(CONFIG)
    (tmp_path / "inputs/captions.csv").write_text("caption,media\nHello,a.png\n")
    (tmp_path / "secrets/storageState.json").write_text('{"cookies": [%s], "origins": []}' % (COOKIE % -1))
    return tmp_path


def checks(folder: Path) -> dict[str, Check]:
    return {check.name: check for check in validate_config(folder, load_catalog(), NOW)}


def complaints(folder: Path) -> dict[str, str]:
    return {name: check.message for name, check in checks(folder).items() if not check.ok}


def test_a_whole_instance_is_valid(folder: Path) -> None:
    found = checks(folder)

    assert list(found) == ["config", "bot_code", "headless", "timezone", "cookies", "phases", "inputs"]
    assert all(check.ok for check in found.values())
    assert (found["cookies"].message, found["inputs"].message) == ("1 cookies", "1 captions, 0 media files")


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ("a: [", {"config": "config.yaml: not YAML, line 2: did not find expected node content"}),
        ("- a", {"config": "config.yaml must be a map of keys to values"}),
        (
            "{}",
            {
                "bot_code": "config.yaml: 'bot_code' is missing",
                "headless": "config.yaml: 'headless' is missing",
                "timezone": "config.yaml: 'timezone' is missing",
            },
        ),
        (
            CONFIG + "params: 3\nlocale: 4",
            {
                "config": "config.yaml: 'locale' must be a language tag, such as en-US; "
                "config.yaml: 'params' must be a map of names to values"
            },
        ),
        (CONFIG.replace("true", "1"), {"headless": "config.yaml: 'headless' must be true or false"}),
        (
            CONFIG.replace("f2f_post", "f2f_pots"),
            {"bot_code": "there is no bot 'f2f_pots' and config.yaml gives no phases; did you mean 'f2f_post'?"},
        ),
        (
            CONFIG + "phases: [{name: a, steps: [{clik: b}]}]",
            {"phases": "phase 'a', step 1: there is no node 'clik'; did you mean 'click'?"},
        ),
        (CONFIG + "phases: {}", {}),
        (CONFIG + "phases: 3", {"phases": "'phases' must be a list"}),
        (CONFIG + "cookies_path: ../../other", {"cookies": "'../../other' is outside of the job folder"}),
        (CONFIG + "inputs: {captions_csv: /etc/passwd}", {"inputs": "'/etc/passwd' is outside of the job folder"}),
        (CONFIG + "inputs: {captions_csv: other.csv}", {"inputs": "'other.csv' (captions_csv) is not there"}),
        (CONFIG + "inputs: {media_dir: ./pictures}", {"inputs": "'./pictures' (media_dir) is not there"}),
        (CONFIG + "inputs: {media_dir: config.yaml}", {"inputs": "'config.yaml' (media_dir) is not a folder"}),
    ],
)
def test_a_wrong_configuration_is_told(folder: Path, config: str, found: dict[str, str]) -> None:
    (folder / "config.yaml").write_text(config)

    assert complaints(folder) == found


@pytest.mark.parametrize(
    ("cookies", "reason"),
    [
        (None, "the cookies file is not there; upload one"),
        ("nonsense", "the cookies file is not JSON"),
        ('{"cookies": [%s]}' % (COOKIE % 1_700_000_000), "all cookies have expired; log in again and upload them"),
    ],
)
def test_wrong_cookies_are_told(folder: Path, cookies: str | None, reason: str) -> None:
    path = folder / "secrets/storageState.json"
    path.unlink()
    if cookies is not None:
        path.write_text(cookies)

    assert complaints(folder) == {"cookies": reason}


def test_one_live_cookie_is_enough(folder: Path) -> None:
    state = '{"cookies": [' + COOKIE % 1_700_000_000 + ", " + COOKIE % 1_900_000_000 + "]}"
    (folder / "secrets/storageState.json").write_text(state)

    assert checks(folder)["cookies"] == Check("cookies", ok=True, message="2 cookies, 1 of them expired")


def test_captions_must_be_there_only_for_steps_that_read_them(folder: Path) -> None:
    (folder / "inputs/captions.csv").unlink()

    assert complaints(folder) == {"inputs": "'./inputs/captions.csv' (captions_csv) is not there"}
    (folder / "config.yaml").write_text(CONFIG.replace("f2f_post", "noop"))
    assert complaints(folder) == {}


def test_captions_must_have_the_columns_that_the_steps_name(folder: Path) -> None:
    (folder / "inputs/captions.csv").write_text("text\nHello\n")

    assert complaints(folder) == {"inputs": "captions.csv has no column 'caption'; it has text"}


def test_nothing_is_changed(folder: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))

    checks(folder)

    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before
