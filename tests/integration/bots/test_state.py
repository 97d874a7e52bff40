"""The state folder of an instance: what one run leaves there, the next one finds."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import grpc
import pytest

from server.bots import state_files
from switchyard.bots.v1 import bot_worker_service_pb2 as pb
from switchyard.tasks.v1 import task_pb2
from tests.integration.bots.serving import WORKER, Bots, lease

Piece = pb.SaveStateRequest.Piece


async def claimed_run(bots: Bots) -> tuple[Path, task_pb2.Task]:
    instance = await bots.create()
    await bots.start(instance.id)
    return bots.folder(instance) / "state", await bots.claim("run_bot")


def requests(task: task_pb2.Task, pieces: Sequence[Piece]) -> Iterator[pb.SaveStateRequest]:
    yield pb.SaveStateRequest(header=pb.SaveStateRequest.Header(lease=lease(task)))
    for piece in pieces:
        yield pb.SaveStateRequest(piece=piece)


async def save(bots: Bots, task: task_pb2.Task, *pieces: Piece) -> None:
    await bots.bot_worker.SaveState(requests(task, pieces), metadata=WORKER)


async def refusal(bots: Bots, task: task_pb2.Task, *pieces: Piece) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await save(bots, task, *pieces)
    return refused.value.code()


def whole(path: str, data: bytes = b"x") -> Piece:
    return Piece(path=path, data=data, first=True)


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


async def test_the_state_folder_becomes_what_was_sent(bots: Bots) -> None:
    folder, task = await claimed_run(bots)
    await save(bots, task, whole("was-a-file", b"old"), whole("was-a-folder/x"), whole("removed"))

    await save(
        bots, task, whole("was-a-file/x", b"one "), Piece(path="was-a-file/x", data=b"two"), whole("was-a-folder", b"")
    )

    assert content(folder) == {"was-a-file/x": b"one two", "was-a-folder": b""}
    assert (folder / "was-a-folder").stat().st_mode & 0o777 == 0o600
    assert not list(folder.parent.glob(".state-*"))


async def test_no_files_at_all_empty_the_state_folder(bots: Bots) -> None:
    folder, task = await claimed_run(bots)
    await save(bots, task, whole("seen"))

    await save(bots, task)

    assert content(folder) == {}
    assert folder.is_dir()


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (whole("../config.yaml"), grpc.StatusCode.INVALID_ARGUMENT),
        (whole("/etc/passwd"), grpc.StatusCode.INVALID_ARGUMENT),
        (whole(""), grpc.StatusCode.INVALID_ARGUMENT),
        (whole("first/below-a-file"), grpc.StatusCode.INVALID_ARGUMENT),
        (whole("long/" * 100 + "x"), grpc.StatusCode.INVALID_ARGUMENT),
        (whole("large", b"x" * (state_files.MAX_PIECE_BYTES + 1)), grpc.StatusCode.INVALID_ARGUMENT),
        (Piece(path="never-begun", data=b"x"), grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_a_refused_piece_changes_nothing(bots: Bots, bad: Piece, code: grpc.StatusCode) -> None:
    folder, task = await claimed_run(bots)
    await save(bots, task, whole("kept", b"before"))

    assert await refusal(bots, task, whole("first"), bad) == code

    assert content(folder) == {"kept": b"before"}
    assert not list(folder.parent.glob(".state-*"))


async def test_the_state_folder_has_bounds(bots: Bots) -> None:
    folder, task = await claimed_run(bots)
    too_many = [whole(f"{number}", b"") for number in range(state_files.MAX_FILES + 1)]
    megabyte = b"x" * state_files.MAX_PIECE_BYTES
    too_large = [Piece(path="large", data=megabyte, first=number == 0) for number in range(64)]

    assert await refusal(bots, task, *too_many) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await refusal(bots, task, *too_large, whole("one-more")) is grpc.StatusCode.RESOURCE_EXHAUSTED
    await save(bots, task, *too_large)

    assert (folder / "large").stat().st_size == state_files.MAX_BYTES


async def test_only_the_holder_of_the_lease_saves_state(bots: Bots) -> None:
    folder, task = await claimed_run(bots)
    task.lease.fencing_token += 1

    assert await refusal(bots, task, whole("late")) is grpc.StatusCode.FAILED_PRECONDITION
    assert content(folder) == {}


async def test_a_linked_state_folder_is_replaced_and_its_target_stays(bots: Bots) -> None:
    folder, task = await claimed_run(bots)
    outside = bots.data_dir / "outside"
    outside.mkdir()
    outside.joinpath("kept").touch()
    folder.rmdir()
    folder.symlink_to(outside)

    await save(bots, task, whole("seen"))

    assert not folder.is_symlink()
    assert content(folder) == {"seen": b"x"}
    assert content(outside) == {"kept": b""}
