"""What a worker is told and tells over WorkerService."""

import asyncio
from typing import Any

import pytest
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration

from server.tasks import log_store
from switchyard.bots.v1.bot_worker_service_pb2 import RunBot, RunBotResult
from switchyard.tasks.v1 import task_service_pb2 as tasks_pb
from switchyard.tasks.v1 import worker_service_pb2 as pb
from switchyard.tasks.v1.task_pb2 import CancelReceipt, Failure, LogLine, Progress, Task
from tests.integration.tasks.parts import run
from tests.integration.tasks.served import (
    OPERATOR,
    SUCCESS,
    WORKER,
    System,
    collect,
    reason,
)


async def test_a_claim_carries_payload_and_lease(system: System) -> None:
    created = await system.kernel.create(run())

    request = pb.ClaimTaskRequest(worker_id="w1", worker_host="host1", kinds=["run_bot"])
    answer = await system.worker.ClaimTask(request, metadata=WORKER)

    payload = RunBot()
    assert answer.task.id == created.id
    assert answer.task.payload.Unpack(payload)
    assert payload == RunBot(instance_id="1")
    assert (answer.task.lease.worker_id, answer.task.lease.fencing_token) == ("w1", 1)
    assert answer.lease_duration == Duration(seconds=30)


async def test_a_claim_without_work_is_answered_without_a_task(system: System) -> None:
    answer = await system.worker.ClaimTask(pb.ClaimTaskRequest(worker_id="w1", kinds=["run_bot"]), metadata=WORKER)

    assert not answer.HasField("task")


async def test_a_renewal_brings_back_a_request_to_cancel(system: System) -> None:
    lease = await system.claimed()
    before = await system.worker.RenewLease(pb.RenewLeaseRequest(lease=lease), metadata=WORKER)
    await system.kernel.cancel(lease.task_id, "enough")

    after = await system.worker.RenewLease(pb.RenewLeaseRequest(lease=lease), metadata=WORKER)

    assert (before.cancel_requested, after.cancel_requested) == (False, True)
    assert after.expire_time.ToNanoseconds() > before.expire_time.ToNanoseconds()


async def test_a_request_to_cancel_is_sent_at_once(system: System) -> None:
    lease = await system.claimed()
    watching = system.worker.WatchCancel(pb.WatchCancelRequest(lease=lease), metadata=WORKER)
    reading = asyncio.create_task(collect(watching))
    await asyncio.sleep(0.1)

    await system.kernel.cancel(lease.task_id, "enough")

    async with asyncio.timeout(0.5):
        assert [answer.reason for answer in await reading] == ["enough"]


async def test_watching_for_a_cancel_ends_with_the_lease(system: System) -> None:
    lease = await system.claimed()
    watching = system.worker.WatchCancel(pb.WatchCancelRequest(lease=lease), metadata=WORKER)
    reading = asyncio.create_task(collect(watching))
    await asyncio.sleep(0.1)

    await system.worker.FinishTask(pb.FinishTaskRequest(lease=lease, success=SUCCESS), metadata=WORKER)

    async with asyncio.timeout(0.5):
        assert await reading == []


async def test_log_lines_are_answered_with_the_last_one_stored(system: System) -> None:
    lease = await system.claimed()
    request = pb.AppendLogRequest(lease=lease, first_sequence=1, lines=[LogLine(message="a"), LogLine(message="b")])

    answers = [await system.worker.AppendLog(request, metadata=WORKER) for _ in range(2)]

    stored = await system.database.read(lambda c: log_store.read(c, lease.task_id, after_seq=0, limit=10))
    assert [answer.stored_sequence for answer in answers] == [2, 2]
    assert [line.message for line in stored] == ["a", "b"]


async def test_a_gap_in_the_log_is_refused(system: System) -> None:
    lease = await system.claimed()
    request = pb.AppendLogRequest(lease=lease, first_sequence=2, lines=[LogLine(message="b")])

    assert await reason(system.worker.AppendLog(request, metadata=WORKER)) == "ERROR_REASON_LOG_GAP"


async def test_progress_is_shown_to_those_who_watch(system: System) -> None:
    lease = await system.claimed()
    watching = system.tasks.WatchTask(tasks_pb.WatchTaskRequest(id=lease.task_id), metadata=OPERATOR)
    first = await watching.read()

    progress = Progress(fraction=0.5, message="half\x00way")
    await system.worker.ReportProgress(pb.ReportProgressRequest(lease=lease, progress=progress), metadata=WORKER)

    second = await watching.read()
    assert not first.task.HasField("progress")
    assert (second.task.progress.fraction, second.task.progress.message) == (0.5, "half\ufffdway")
    assert second.task.progress.HasField("update_time")


@pytest.mark.parametrize(
    "progress",
    [
        Progress(fraction=1.01),
        Progress(fraction=-0.01),
        Progress(fraction=float("nan")),
        Progress(message="x" * 501),
    ],
)
async def test_progress_out_of_bounds_is_refused(system: System, progress: Progress) -> None:
    request = pb.ReportProgressRequest(lease=await system.claimed(), progress=progress)

    assert await reason(system.worker.ReportProgress(request, metadata=WORKER)) == "ERROR_REASON_INVALID_ARGUMENT"


async def test_a_result_is_kept_with_the_task(system: System) -> None:
    lease = await system.claimed()
    result = any_pb2.Any()
    result.Pack(RunBotResult(steps_finished=3))
    request = pb.FinishTaskRequest(lease=lease, success=pb.FinishTaskRequest.Success(result=result), exit_code=0)

    answers = [await system.worker.FinishTask(request, metadata=WORKER) for _ in range(2)]

    task = (await system.tasks.GetTask(tasks_pb.GetTaskRequest(id=lease.task_id), metadata=OPERATOR)).task
    assert [answer.state for answer in answers] == [Task.STATE_SUCCEEDED] * 2
    assert task.result == result
    assert task.HasField("exit_code")
    assert not task.HasField("payload")
    assert not task.HasField("lease")


async def test_the_last_progress_comes_with_the_end(system: System) -> None:
    lease = await system.claimed()
    progress = Progress(fraction=0.9, message="nearly")
    request = pb.FinishTaskRequest(lease=lease, success=pb.FinishTaskRequest.Success(), progress=progress)

    await system.worker.FinishTask(request, metadata=WORKER)

    task = (await system.tasks.GetTask(tasks_pb.GetTaskRequest(id=lease.task_id), metadata=OPERATOR)).task
    assert (task.progress.fraction, task.progress.message) == (0.9, "nearly")


async def test_a_failure_says_why(system: System) -> None:
    lease = await system.claimed()
    failed = pb.FinishTaskRequest.Failed(error=Failure(type="StepFailed", message="no\x00"))

    await system.worker.FinishTask(pb.FinishTaskRequest(lease=lease, failed=failed, exit_code=3), metadata=WORKER)

    task = (await system.tasks.GetTask(tasks_pb.GetTaskRequest(id=lease.task_id), metadata=OPERATOR)).task
    assert (task.state, task.exit_code) == (Task.STATE_FAILED, 3)
    assert task.error == Failure(type="StepFailed", message="no\ufffd")


async def test_a_cancel_leaves_its_receipt(system: System) -> None:
    lease = await system.claimed()
    await system.tasks.CancelTask(tasks_pb.CancelTaskRequest(id=lease.task_id, reason="enough"), metadata=OPERATOR)
    receipt = CancelReceipt(signals=[CancelReceipt.Signal(name="SIGTERM")], exit_code=-15)
    result = any_pb2.Any()
    result.Pack(Failure(type="half of it"))
    cancelled = pb.FinishTaskRequest.Cancelled(receipt=receipt, result=result)

    await system.worker.FinishTask(
        pb.FinishTaskRequest(lease=lease, cancelled=cancelled, exit_code=-15), metadata=WORKER
    )

    task = (await system.tasks.GetTask(tasks_pb.GetTaskRequest(id=lease.task_id), metadata=OPERATOR)).task
    assert task.state == Task.STATE_CANCELLED
    assert (task.receipt, task.result) == (receipt, result)
    assert task.HasField("cancel_time")


@pytest.mark.parametrize(
    "outcome",
    [
        {},
        {"failed": {}},
        {"failed": {"error": {"type": "X"}, "retry_delay": Duration(seconds=-1)}},
        {"failed": {"error": {"type": "X"}, "retry_delay": Duration(seconds=86_401)}},
        {"cancelled": {}},  # Nobody asked for it.
        {"success": {}, "progress": {"fraction": 2}},
    ],
)
async def test_an_end_out_of_bounds_is_refused(system: System, outcome: dict[str, Any]) -> None:
    request = pb.FinishTaskRequest(lease=await system.claimed(), **outcome)

    assert await reason(system.worker.FinishTask(request, metadata=WORKER)) == "ERROR_REASON_INVALID_ARGUMENT"


async def test_a_released_task_waits_again(system: System) -> None:
    lease = await system.claimed()

    await system.worker.ReleaseTask(pb.ReleaseTaskRequest(lease=lease, reason="stopping"), metadata=WORKER)

    task = (await system.tasks.GetTask(tasks_pb.GetTaskRequest(id=lease.task_id), metadata=OPERATOR)).task
    assert (task.state, task.attempt) == (Task.STATE_QUEUED, 1)


async def test_an_address_is_checked_by_the_rule(system: System) -> None:
    request = pb.ResolveAddressRequest(url="https://example.com")
    answer = await system.worker.ResolveAddress(request, metadata=WORKER)
    refused = system.worker.ResolveAddress(pb.ResolveAddressRequest(url="https://other"), metadata=WORKER)

    assert list(answer.addresses) == ["192.0.2.1"]
    assert await reason(refused) == "ERROR_REASON_ADDRESS_REFUSED"
