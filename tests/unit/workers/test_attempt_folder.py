from pathlib import Path

import pytest

from switchyard.bots.v1.bot_worker_service_pb2 import FetchFilesResponse
from switchyard.tasks.v1.task_pb2 import Lease, Task
from workers.attempt_folder import PathRefused, attempt_folder, path_below, remove_leftovers, write_piece


@pytest.mark.parametrize("path", ["", "/etc/passwd", "..", "a/../b", "a//b", "./a", "a/", "a\0b"])
def test_a_path_that_is_not_simply_below_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(PathRefused):
        path_below(tmp_path, path)


def test_pieces_become_a_file_that_only_we_can_read(tmp_path: Path) -> None:
    for data, first in ((b"old", True), (b"one ", True), (b"two", False)):
        write_piece(tmp_path, FetchFilesResponse(path="secrets/state.json", data=data, first=first))

    file = tmp_path / "secrets/state.json"
    assert file.read_bytes() == b"one two"
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_piece_does_not_follow_a_link(tmp_path: Path) -> None:
    tmp_path.joinpath("target").write_text("kept")
    tmp_path.joinpath("link").symlink_to(tmp_path / "target")

    with pytest.raises(OSError, match="Too many levels"):
        write_piece(tmp_path, FetchFilesResponse(path="link", data=b"x", first=True))


async def test_a_folder_in_use_is_no_leftover(tmp_path: Path) -> None:
    tmp_path.joinpath("lost-1").mkdir()
    async with attempt_folder(tmp_path, Task(id="t", lease=Lease(fencing_token=7))) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700

        remove_leftovers(tmp_path)

        assert [path.name for path in tmp_path.iterdir()] == ["t-7"]
    assert not any(tmp_path.iterdir())
