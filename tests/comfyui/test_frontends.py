"""The front ends are those of the lock, and whole."""

import pytest

from tests.comfyui.frontends import VERSIONS, frontend, requirements


def test_the_lock_pins_every_version_by_its_hash() -> None:
    pinned = requirements()

    assert set(pinned) == set(VERSIONS)
    assert all("--hash=sha256:" in lines for lines in pinned.values())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_front_end_is_there_after_it_was_asked_for(version: str) -> None:
    folder = frontend(version)

    assert (folder / "index.html").is_file()
    assert version in {path.name for path in folder.parent.iterdir()}


def test_a_version_that_the_lock_does_not_name_is_not_fetched() -> None:
    with pytest.raises(KeyError):
        frontend("0.0.1")
