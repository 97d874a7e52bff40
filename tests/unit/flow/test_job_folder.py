"""No name leads out of the job folder."""

from pathlib import Path

import pytest

from workers.flow.errors import StepFailed
from workers.flow.job_folder import JobFolder


@pytest.fixture
def folder(tmp_path: Path) -> JobFolder:
    root = tmp_path / "job"
    (root / "inputs/media/inner").mkdir(parents=True)
    (root / "inputs/media/a.png").write_text("a")
    (root / "config.yaml").write_text("c")
    (tmp_path / "secret").write_text("s")
    (root / "inputs/media/out").symlink_to(tmp_path / "secret")
    (root / "inputs/media/up").symlink_to(root / "config.yaml")
    (root / "inputs/media/circle").symlink_to(root / "inputs/media/circle")
    (root / "inputs/media/fine").symlink_to("a.png")
    (root / "away").symlink_to(tmp_path)
    return JobFolder(root)


@pytest.mark.parametrize("name", ["a.png", "./a.png", "inner/../a.png", "fine"])
def test_a_file_inside_is_found(folder: JobFolder, name: str) -> None:
    assert folder.file(name, below="./inputs/media").name == "a.png"


@pytest.mark.parametrize(
    "name",
    [
        "../../config.yaml",
        "../../../secret",
        "/etc/passwd",
        "out",
        "up",
        "inner",
        "",
        ".",
        "..",
        "no",
        "a\0b",
        "x" * 5000,
        "circle",
    ],
)
def test_anything_else_is_refused(folder: JobFolder, name: str) -> None:
    with pytest.raises(StepFailed):
        folder.file(name, below="inputs/media")


@pytest.mark.parametrize("below", ["..", "/etc", "away", "away/job/../.."])
def test_a_folder_outside_is_refused(folder: JobFolder, below: str) -> None:
    with pytest.raises(StepFailed):
        folder.inside("secret", below=below)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("head.png", "head.png"),
        ("../../head.png", "_.._head.png"),
        ("/etc/passwd", "_etc_passwd"),
        ("..", "file"),
        ("", "file"),
        ("a\0\n;b", "a_b"),
        ("Größe 1.png", "Größe 1.png"),
        ("x" * 500 + ".png", "x" * 116 + ".png"),
    ],
)
def test_artifacts_get_safe_names(folder: JobFolder, name: str, made: str) -> None:
    path = folder.new_artifact(name)

    assert path == folder.root / "artifacts" / made


def test_artifacts_get_names_of_their_own(folder: JobFolder) -> None:
    names = []
    for _ in range(3):
        path = folder.new_artifact("a.png")
        path.touch()
        names.append(path.name)

    assert names == ["a.png", "a-2.png", "a-3.png"]
