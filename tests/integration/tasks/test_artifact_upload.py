"""Files that workers send over WorkerService."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from server.clock import now_micros
from server.tasks import artifacts
from switchyard.tasks.v1 import worker_service_pb2 as pb
from switchyard.tasks.v1.task_pb2 import Artifact
from tests.integration.tasks.served import (
    CONTENT,
    WORKER,
    System,
    artifact,
    reason,
)


async def test_a_file_is_stored_as_it_was_sent(system: System) -> None:
    lease = await system.claimed()

    stored = await system.upload(lease, artifact(), CONTENT[:700_000], CONTENT[700_000:])

    row = await system.database.read(lambda c: artifacts.get(c, lease.task_id, "page.png"))
    assert row is not None
    assert artifacts.to_message(row) == stored
    with system.files.open(row) as file:
        assert file.read() == CONTENT


async def test_an_empty_file_is_a_file(system: System) -> None:
    lease = await system.claimed()

    assert (await system.upload(lease, artifact(b""))).size_bytes == 0
    assert system.files_on_disk() == [b""]


async def test_the_same_name_replaces_the_earlier_file(system: System) -> None:
    lease = await system.claimed()
    await system.upload(lease, artifact(b"old"), b"old")

    await system.upload(lease, artifact(b"new one"), b"new one")

    rows = await system.database.read(lambda c: artifacts.list_artifacts(c, lease.task_id))
    assert [row.size_bytes for row in rows] == [7]
    assert system.files_on_disk() == [b"new one"]


@pytest.mark.parametrize(
    ("described", "pieces"),
    [
        (artifact(b"abc", size_bytes=4), [b"abc"]),
        (artifact(b"abc", size_bytes=2), [b"abc"]),
        (artifact(b"abc"), [b"abd"]),
        (artifact(b"abc"), []),
        (artifact(b"abc", sha256="xyz"), [b"abc"]),
        (artifact(b"abc", content_type="text/plain\r\nx: y"), [b"abc"]),
        (artifact(b"x" * 1_048_577), [b"x" * 1_048_577]),
        *[
            (artifact(b"abc", name=name), [b"abc"])
            for name in ["", ".", "..", "../x", "a/b", "a\\b", ".hidden", "a\nb", "a\x00b", "a\u202eb", "x" * 201]
        ],
    ],
)
async def test_a_file_that_does_not_fit_leaves_nothing(
    system: System, described: Artifact, pieces: list[bytes]
) -> None:
    lease = await system.claimed()

    assert await reason(system.upload(lease, described, *pieces)) == "ERROR_REASON_INVALID_ARGUMENT"
    assert system.files_on_disk() == []


async def test_a_failed_replacement_keeps_the_earlier_file(system: System) -> None:
    lease = await system.claimed()
    await system.upload(lease, artifact(b"old"), b"old")

    await reason(system.upload(lease, artifact(b"new"), b"bad"))

    assert system.files_on_disk() == [b"old"]


async def test_a_file_above_the_limit_is_too_large(system: System) -> None:
    lease = await system.claimed()

    refused = system.upload(lease, artifact(size_bytes=1024**3 + 1))

    assert await reason(refused) == "ERROR_REASON_TOO_LARGE"


async def test_a_file_without_a_lease_leaves_nothing(system: System) -> None:
    lease = await system.claimed()
    lease.fencing_token += 1

    assert await reason(system.upload(lease, artifact(b"abc"), b"abc")) == "ERROR_REASON_LEASE_LOST"
    assert system.files_on_disk() == []


async def test_a_lease_lost_while_the_bytes_come_leaves_nothing(system: System) -> None:
    lease = await system.claimed()

    async def requests() -> AsyncIterator[pb.UploadArtifactRequest]:
        header = pb.UploadArtifactRequest.Header(lease=lease, artifact=artifact(b"abc"))
        yield pb.UploadArtifactRequest(header=header)
        yield pb.UploadArtifactRequest(data=b"ab")
        await system.kernel.release(lease.task_id, lease.fencing_token)
        yield pb.UploadArtifactRequest(data=b"c")

    refused = system.worker.UploadArtifact(requests(), metadata=WORKER)

    assert await reason(refused) == "ERROR_REASON_LEASE_LOST"
    assert system.files_on_disk() == []


async def test_a_worker_that_goes_away_leaves_no_half_file(system: System) -> None:
    lease = await system.claimed()
    begun = asyncio.Event()

    async def requests() -> AsyncIterator[pb.UploadArtifactRequest]:
        header = pb.UploadArtifactRequest.Header(lease=lease, artifact=artifact(b"abc"))
        yield pb.UploadArtifactRequest(header=header)
        yield pb.UploadArtifactRequest(data=b"ab")
        begun.set()
        await asyncio.Event().wait()

    call = system.worker.UploadArtifact(requests(), metadata=WORKER)
    await begun.wait()
    await asyncio.sleep(0.1)
    call.cancel()
    await asyncio.sleep(0.2)

    assert system.files_on_disk() == []


async def test_files_without_a_row_are_removed_once_they_are_old(system: System) -> None:
    lease = await system.claimed()
    await system.upload(lease, artifact(b"kept"), b"kept")
    for name, age in (("left.part", 7200), ("young.part", 60), ("orphan", 7200)):
        path = system.folder / lease.task_id / name
        path.write_bytes(name.encode())
        seconds = now_micros() / 1e6 - age
        os.utime(path, (seconds, seconds))

    assert await system.files.remove_leftovers() == 2

    assert sorted(system.files_on_disk()) == [b"kept", b"young.part"]
