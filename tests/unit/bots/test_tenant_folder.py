"""The one guard for paths inside an instance's folder."""

import os
import shutil
from pathlib import Path

import pytest

from server.bots.tenant_folder import PathRefused, TenantFolder, relative_parts
from server.errors import NotFound, TooLarge


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> TenantFolder:
    made = TenantFolder(tmp_path / "data", "user-ann", "i1")
    made.create()
    return made


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "..", "a/../../b", "", ".", "./", "a\\b", "a\x00", "a\nb", "x" * 256, "ü" * 128]
)
def test_a_path_out_of_the_folder_is_refused(path: str) -> None:
    with pytest.raises(PathRefused):
        relative_parts(path)


def test_dots_and_empty_names_are_left_out() -> None:
    assert relative_parts("./inputs//media/./a.png") == ("inputs", "media", "a.png")


def test_folders_and_files_are_for_the_owner_only(folder: TenantFolder) -> None:
    folder.write("secrets/storageState.json", b"{}")

    assert (folder.root / "secrets").stat().st_mode & 0o777 == 0o700
    assert (folder.root / "secrets/storageState.json").stat().st_mode & 0o777 == 0o600


def test_a_file_is_replaced_as_a_whole(folder: TenantFolder) -> None:
    folder.write("config.yaml", b"a much longer text")
    folder.write("config.yaml", b"short")

    assert folder.read("config.yaml", limit_bytes=100) == b"short"
    assert names(folder.root) == ["config.yaml", "inputs", "logs", "secrets", "state"]


def test_a_discarded_draft_leaves_the_old_file(folder: TenantFolder) -> None:
    folder.write("inputs/media/a.png", b"old")
    draft = folder.draft("inputs/media/a.png")
    draft.write(b"new")

    draft.discard()

    assert folder.read("inputs/media/a.png", limit_bytes=100) == b"old"
    assert names(folder.root / "inputs/media") == ["a.png"]


def test_a_file_whose_folder_is_removed_meanwhile_is_not_found(folder: TenantFolder) -> None:
    draft = folder.draft("config.yaml")
    draft.write(b"new")
    shutil.rmtree(folder.root)

    with pytest.raises(NotFound):
        draft.commit()


def test_a_draft_whose_folder_is_removed_meanwhile_can_be_discarded(folder: TenantFolder) -> None:
    draft = folder.draft("config.yaml")
    shutil.rmtree(folder.root)

    draft.discard()

    assert not folder.root.exists()


def test_a_link_to_a_file_outside_is_not_read(folder: TenantFolder, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    (folder.root / "inputs/captions.csv").symlink_to(tmp_path / "outside")

    with pytest.raises(PathRefused):
        folder.read("inputs/captions.csv", limit_bytes=100)


def test_a_linked_folder_is_not_written_to(folder: TenantFolder, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (folder.root / "inputs/media").rmdir()
    (folder.root / "inputs/media").symlink_to(tmp_path / "outside")

    with pytest.raises(PathRefused):
        folder.write("inputs/media/a.png", b"x")

    assert names(tmp_path / "outside") == []


def test_a_link_in_place_of_a_file_is_replaced_and_its_goal_kept(folder: TenantFolder, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("kept")
    (folder.root / "config.yaml").symlink_to(tmp_path / "outside")

    folder.write("config.yaml", b"new")

    assert (tmp_path / "outside").read_text() == "kept"
    assert not (folder.root / "config.yaml").is_symlink()


def test_links_are_not_listed(folder: TenantFolder, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x").write_text("x")
    (folder.root / "inputs/linked").symlink_to(tmp_path / "outside")
    (folder.root / "inputs/link.txt").symlink_to(tmp_path / "outside/x")
    folder.write("inputs/media/b.png", b"bb")
    folder.write("inputs/captions.csv", b"c")

    assert [(entry.path, entry.size_bytes) for entry in folder.files("inputs")] == [
        ("inputs/captions.csv", 1),
        ("inputs/media/b.png", 2),
    ]


def test_a_named_pipe_is_not_read(folder: TenantFolder) -> None:
    os.mkfifo(folder.root / "inputs/captions.csv")

    with pytest.raises(PathRefused):
        folder.read("inputs/captions.csv", limit_bytes=100)


def test_a_folder_is_no_file(folder: TenantFolder) -> None:
    with pytest.raises(PathRefused):
        folder.read("inputs/media", limit_bytes=100)
    with pytest.raises(PathRefused):
        folder.write("inputs/media", b"x")

    assert names(folder.root / "inputs") == ["media"]


def test_a_missing_file_is_not_found(folder: TenantFolder) -> None:
    with pytest.raises(NotFound):
        folder.read("config.yaml", limit_bytes=100)
    with pytest.raises(NotFound):
        folder.remove("inputs/media/a.png")


def test_a_file_above_the_limit_is_not_read(folder: TenantFolder) -> None:
    folder.write("config.yaml", b"12345")

    with pytest.raises(TooLarge):
        folder.read("config.yaml", limit_bytes=4)


def test_writing_makes_a_folder_that_is_missing(tmp_path: Path) -> None:
    folder = TenantFolder(tmp_path, "user-ann", "i2")

    folder.write("inputs/media/a.png", b"x")

    assert folder.read("inputs/media/a.png", limit_bytes=10) == b"x"


def test_no_descriptor_stays_open(folder: TenantFolder) -> None:
    before = len(names(Path("/proc/self/fd")))
    folder.write("inputs/media/a.png", b"x")
    folder.read("inputs/media/a.png", limit_bytes=10)
    folder.files("inputs")
    with pytest.raises(NotFound):
        folder.read("nowhere/at/all", limit_bytes=10)
    folder.remove("inputs/media/a.png")

    assert len(names(Path("/proc/self/fd"))) == before
