"""Folders of environments: their names, their state, their end."""

import os
from pathlib import Path

import pytest

from workers.environments.local.folder import Folder, IdRefused, State, folders_in
from workers.environments.local.processes import Process


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/etc", "a\0b", "a\n", "-a", "a" * 65, "ä"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(IdRefused):
        Folder(tmp_path, name)


def test_a_state_comes_back_as_it_was_written(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "env-a")
    folder.make()
    state = State(pid=7, start=8, port=9, failed="it broke")

    folder.write_state(state)

    assert folder.read_state() == state


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1}', '{"pid": 1, "start": 2, "of": "another version"}'])
def test_a_broken_state_is_none(tmp_path: Path, text: str) -> None:
    folder = Folder(tmp_path, "env-a")
    folder.make()
    (folder.path / "state.json").write_text(text)

    assert folder.read_state() is None
    assert folder.holder() is None


def test_a_pid_that_was_given_anew_is_not_the_holder(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "env-a")
    folder.make()
    own = Process.of(os.getpid())
    assert own is not None

    folder.write_state(State(pid=own.pid, start=own.start - 1))
    assert folder.holder() is None

    folder.write_state(State(pid=own.pid, start=own.start))
    assert folder.holder() == own


def test_a_folder_is_held_by_one(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "env-a")
    folder.make()

    with folder.held() as first, folder.held() as second:
        assert (first, second) == (True, False)
    with folder.held() as third:
        assert third


def test_a_generated_password_stays(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "env-a")
    folder.make()

    assert folder.password() == folder.password()
    assert len(folder.password()) >= 20
    assert (folder.path / "ide-password").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").touch()
    folder = Folder(tmp_path, "env-a")
    folder.path.parent.mkdir()
    folder.path.symlink_to(elsewhere)

    assert folder.remove() == []

    assert not folder.exists
    assert (elsewhere / "file").exists()


def test_only_what_is_named_as_an_environment_is_listed(tmp_path: Path) -> None:
    assert list(folders_in(tmp_path)) == []
    for name in ("env-b", "env-a", ".hidden"):
        (tmp_path / "environments" / name).mkdir(parents=True)

    assert [folder.environment_id for folder in folders_in(tmp_path)] == ["env-a", "env-b"]
