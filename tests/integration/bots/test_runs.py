"""Runs over the wire: start, stop, lists, details, stored logs and artifacts."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Iterator
from pathlib import Path

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.struct_pb2 import Struct

from server.tasks.artifacts import ArtifactFiles
from server.tasks.retention import Retention
from switchyard.bots.v1 import bot_worker_service_pb2 as worker_pb
from switchyard.bots.v1 import run_pb2
from switchyard.bots.v1 import run_service_pb2 as pb
from switchyard.tasks.v1 import task_pb2, worker_service_pb2
from tests.integration.bots.serving import WORKER, Bots, lease, serving


async def refused(call: Awaitable[object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    return refusal.value.code(), refusal.value.details() or ""


async def detail(bots: Bots, instance_id: str, run_id: str) -> run_pb2.RunDetail:
    return (await bots.runs.GetRun(pb.GetRunRequest(id=instance_id, run_id=run_id))).run


async def test_a_run_carries_what_the_start_asked_for(bots: Bots) -> None:
    instance = await bots.create()

    run_id = await bots.start(
        instance.id,
        params=json_format.ParseDict({"a": 1}, Struct()),
        timeout_seconds=60,
        priority=0,
        max_attempts=3,
    )

    task = await bots.claim("run_bot")
    payload = worker_pb.RunBot()
    assert task.payload.Unpack(payload)
    assert (task.id, task.priority, task.max_attempts, task.attempt_timeout.seconds) == (run_id, 0, 3, 60)
    assert (payload.instance_id, payload.bot_code, dict(payload.params)) == (instance.id, "noop", {"a": 1.0})
    assert (task.subject, task.tenant) == (f"bot_instances/{instance.id}", "ann")


async def test_absent_fields_get_the_documented_defaults(bots: Bots) -> None:
    instance = await bots.create()
    await bots.start(instance.id)

    task = await bots.claim("run_bot")

    assert (task.priority, task.max_attempts, task.attempt_timeout.seconds) == (10, 1, 3600)


async def test_a_run_shows_the_documented_fields(bots: Bots) -> None:
    instance = await bots.create(bot_code="f2f_post")
    run_id = await bots.start(instance.id)
    queued = await detail(bots, instance.id, run_id)
    task = await bots.claim("run_bot")
    running = await detail(bots, instance.id, run_id)
    await bots.fail(task, "StepFailed", "the button is gone")

    ended = await detail(bots, instance.id, run_id)

    assert [shown.status for shown in (queued, running, ended)] == [
        run_pb2.RUN_STATUS_QUEUED,
        run_pb2.RUN_STATUS_RUNNING,
        run_pb2.RUN_STATUS_ERROR,
    ]
    assert (queued.org_id, queued.bot_id, queued.image_ref) == ("ann", "f2f_post", "bot-f2f_post:latest")
    assert not queued.HasField("started_at")
    assert not queued.HasField("worker_host")
    assert running.worker_host == "host-1"
    assert (ended.error_code, ended.error_message) == ("StepFailed", "the button is gone")
    assert ended.HasField("finished_at")
    assert not ended.HasField("artifacts_url")


async def test_equal_configurations_have_one_id(bots: Bots) -> None:
    instance = await bots.create()
    first = await detail(bots, instance.id, await bots.run_once(instance.id))
    second = await detail(bots, instance.id, await bots.run_once(instance.id))
    Path(instance.config_path).write_text("a: [broken")

    third = await detail(bots, instance.id, await bots.run_once(instance.id))

    assert first.config_id == second.config_id != third.config_id


async def test_a_missing_config_does_not_hinder_the_start(bots: Bots) -> None:
    instance = await bots.create()
    Path(instance.config_path).unlink()

    assert await bots.start(instance.id)


async def test_of_many_starts_at_once_one_wins(bots: Bots) -> None:
    instance = await bots.create()

    results = await asyncio.gather(*(bots.start(instance.id) for _ in range(8)), return_exceptions=True)

    refusals = [result for result in results if isinstance(result, grpc.aio.AioRpcError)]
    assert len(refusals) == 7
    assert {refusal.code() for refusal in refusals} == {grpc.StatusCode.FAILED_PRECONDITION}


async def test_a_repeated_start_gives_the_first_run(bots: Bots) -> None:
    instance = await bots.create()
    first = await bots.start(instance.id, request_id="k")

    assert await bots.start(instance.id, request_id="k") == first
    code, _ = await refused(bots.start(instance.id, request_id="k", priority=1))
    assert code is grpc.StatusCode.ABORTED


async def test_a_stopped_queued_run_never_starts(bots: Bots) -> None:
    instance = await bots.create()
    run_id = await bots.start(instance.id)

    await bots.runs.StopRun(pb.StopRunRequest(id=instance.id))

    assert (await detail(bots, instance.id, run_id)).status == run_pb2.RUN_STATUS_STOPPED
    with pytest.raises(AssertionError, match="no task"):
        await bots.claim("run_bot")


async def test_a_stopped_running_run_is_stopping_until_its_worker_confirms(bots: Bots) -> None:
    instance = await bots.create()
    run_id = await bots.start(instance.id)
    task = await bots.claim("run_bot")

    await bots.runs.StopRun(pb.StopRunRequest(id=instance.id))
    await bots.runs.StopRun(pb.StopRunRequest(id=instance.id))

    stopping = await detail(bots, instance.id, run_id)
    assert (stopping.status, stopping.stopping) == (run_pb2.RUN_STATUS_RUNNING, True)
    receipt = task_pb2.CancelReceipt(process_count_left=0, exit_code=-15)
    cancelled = worker_service_pb2.FinishTaskRequest.Cancelled(receipt=receipt)
    finish = worker_service_pb2.FinishTaskRequest(lease=lease(task), cancelled=cancelled, exit_code=-15)
    await bots.worker.FinishTask(finish, metadata=WORKER)
    stopped = await detail(bots, instance.id, run_id)
    assert (stopped.status, stopped.stopping, stopped.exit_code) == (run_pb2.RUN_STATUS_STOPPED, False, -15)
    assert stopped.receipt == receipt


async def test_stop_changes_nothing_that_has_ended(bots: Bots) -> None:
    instance = await bots.create()
    assert (await bots.runs.StopRun(pb.StopRunRequest(id=instance.id))).ok
    run_id = await bots.run_once(instance.id)

    assert (await bots.runs.StopRun(pb.StopRunRequest(id=instance.id))).ok

    assert (await detail(bots, instance.id, run_id)).status == run_pb2.RUN_STATUS_SUCCESS


async def test_runs_are_listed_newest_first_for_their_instance_only(bots: Bots) -> None:
    instance, other = await bots.create(), await bots.create()
    ids = [await bots.run_once(instance.id) for _ in range(3)]
    await bots.run_once(other.id)

    listed = await bots.runs.ListRuns(pb.ListRunsRequest(id=instance.id))
    older = await bots.runs.ListRuns(pb.ListRunsRequest(id=instance.id, limit=1, before=ids[2]))

    assert [run.id for run in listed.runs] == ids[::-1]
    assert [run.id for run in older.runs] == [ids[1]]


async def test_a_run_of_another_instance_is_not_found(bots: Bots) -> None:
    instance, other = await bots.create(), await bots.create()
    run_id = await bots.run_once(other.id)

    assert await refused(detail(bots, instance.id, run_id)) == (grpc.StatusCode.NOT_FOUND, "Run not found")


async def test_a_log_is_read_page_by_page(bots: Bots) -> None:
    instance = await bots.create()
    run_id = await bots.run_once(instance.id, *(f"line {number}" for number in range(1, 6)))

    async def page(**fields: object) -> pb.ListRunLogsResponse:
        request = pb.ListRunLogsRequest(id=instance.id, run_id=run_id, **fields)  # type: ignore[arg-type]
        return await bots.runs.ListRunLogs(request)

    first = await page(limit=2)
    second = await page(limit=2, after=first.next_cursor)
    last = await page(limit=2, after="4")

    assert [line.seq for line in first.lines] == [1, 2]
    assert first.next_cursor == f"{run_id}:2"
    assert [line.message for line in second.lines] == ["line 3", "line 4"]
    assert [line.seq for line in last.lines] == [5]
    assert not last.HasField("next_cursor")


@pytest.mark.parametrize("after", ["-1", "x", "other:1", "1.5", "1:", ":1"])
async def test_a_page_behind_nothing_known_is_refused(bots: Bots, after: str) -> None:
    instance = await bots.create()
    run_id = await bots.run_once(instance.id)

    code, _ = await refused(bots.runs.ListRunLogs(pb.ListRunLogsRequest(id=instance.id, run_id=run_id, after=after)))

    assert code is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_log_is_downloaded_as_text_with_one_line_each(bots: Bots) -> None:
    instance = await bots.create()
    run_id = await bots.run_once(instance.id, "one", "two\nlines", "three")

    call = bots.runs.DownloadRunLog(pb.DownloadRunLogRequest(id=instance.id, run_id=run_id))
    headers = dict(await call.initial_metadata())
    pieces = [piece async for piece in call]

    lines = b"".join(piece.data for piece in pieces).decode().splitlines()
    assert pieces[0].content_type == "text/plain; charset=utf-8"
    assert headers["content-disposition"] == f'attachment; filename="run-{run_id}.log"'
    assert [line.split(" - ", 1)[1] for line in lines] == ["one", "two\\nlines", "three"]


async def test_artifacts_are_listed_and_downloaded(bots: Bots) -> None:
    instance = await bots.create()
    run_id = await bots.start(instance.id)
    task = await bots.claim("run_bot")
    data = bytes(range(256)) * 3000
    artifact = task_pb2.Artifact(
        name="café.png",
        kind=task_pb2.Artifact.KIND_SCREENSHOT,
        content_type="image/png",
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )

    def parts() -> Iterator[worker_service_pb2.UploadArtifactRequest]:
        header = worker_service_pb2.UploadArtifactRequest.Header(lease=lease(task), artifact=artifact)
        yield worker_service_pb2.UploadArtifactRequest(header=header)
        yield worker_service_pb2.UploadArtifactRequest(data=data)

    await bots.worker.UploadArtifact(parts(), metadata=WORKER)

    listed = await bots.runs.ListArtifacts(pb.ListArtifactsRequest(id=instance.id, run_id=run_id))
    request = pb.DownloadArtifactRequest(id=instance.id, run_id=run_id, name="café.png")
    call = bots.runs.DownloadArtifact(request)
    headers = dict(await call.initial_metadata())
    pieces = [piece async for piece in call]

    assert [(found.name, found.size_bytes) for found in listed.artifacts] == [("café.png", len(data))]
    assert b"".join(piece.data for piece in pieces) == data
    assert pieces[0].content_type == "image/png"
    assert headers["etag"] == f'"{artifact.sha256}"'
    assert headers["content-disposition"] == "attachment; filename=\"caf_.png\"; filename*=UTF-8''caf%C3%A9.png"
    shown = await detail(bots, instance.id, run_id)
    assert shown.artifacts_url == f"/api/bot-instances/{instance.id}/runs/{run_id}/artifacts"


async def test_an_unknown_artifact_is_not_found(bots: Bots) -> None:
    instance = await bots.create()
    run_id = await bots.run_once(instance.id)
    call = bots.runs.DownloadArtifact(pb.DownloadArtifactRequest(id=instance.id, run_id=run_id, name="../x"))

    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        async for _ in call:
            pass

    assert (refusal.value.code(), refusal.value.details()) == (grpc.StatusCode.NOT_FOUND, "Artifact not found")


async def test_files_that_a_crash_left_are_removed(tmp_path: Path) -> None:
    orphan = tmp_path / "data" / "artifacts" / "a-task" / "orphan"
    orphan.parent.mkdir(parents=True)
    orphan.write_bytes(b"left")
    os.utime(orphan, (0, 0))

    async with serving(tmp_path / "data") as bots:
        await Retention(
            bots.database, ArtifactFiles(bots.data_dir, bots.database, bots.clock), bots.clock, kinds=[], days=30
        ).clear()

    assert not orphan.exists()
