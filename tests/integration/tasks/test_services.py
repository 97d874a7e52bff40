"""WorkerService and TaskService over a real channel, behind the real interceptor."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
import pytest
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from prometheus_client import CollectorRegistry

from server.clock import now_micros
from server.database.database import Database, open_database
from server.errors import AddressRefused
from server.rpc.access import Gate
from server.rpc.caller import Caller
from server.rpc.interceptor import Interceptor, policies_of
from server.rpc.metrics import CallMetrics
from server.tasks import artifacts, log_store
from server.tasks.artifacts import ArtifactFiles
from server.tasks.kernel import Kernel
from server.tasks.log_hub import LogHub
from server.tasks.service import TaskServicer
from server.tasks.worker_service import WorkerServicer
from switchyard.auth.v1 import access_pb2
from switchyard.bots.v1.bot_worker_service_pb2 import RunBot, RunBotResult
from switchyard.tasks.v1 import task_service_pb2 as tasks_pb
from switchyard.tasks.v1 import task_service_pb2_grpc, worker_service_pb2_grpc
from switchyard.tasks.v1 import worker_service_pb2 as pb
from switchyard.tasks.v1.task_pb2 import Artifact, CancelReceipt, Failure, LogLine, Progress, Task
from tests.integration.database.databases import database_url
from tests.integration.tasks.parts import NoteQueue, run

WORKER: Final = (("x-api-token", "worker-token"),)
OPERATOR: Final = (("authorization", "Bearer *"),)
SUCCESS: Final = pb.FinishTaskRequest.Success()
CANCELLED: Final = pb.FinishTaskRequest.Cancelled()
CONTENT: Final = bytes(range(256)) * 5000


class OneHost:
    """A rule that knows one host."""

    async def resolve(self, url: str) -> list[str]:
        if "example.com" not in url:
            raise AddressRefused("the address may not be called", url=url)
        return ["192.0.2.1"]


def person(token: str, address: str) -> Caller:
    """Whose token is the tenant's name; "*" sees every tenant."""
    return Caller("ann", access_pb2.ROLE_OPERATOR, None if token == "*" else token, address=address)


async def lasts(_: str) -> bool:
    return True


@dataclass(frozen=True)
class System:
    """A server, and stubs to call it: `worker` for WorkerService, `tasks` for TaskService."""

    kernel: Kernel
    database: Database
    files: ArtifactFiles
    folder: Path
    worker: Any
    tasks: Any

    async def claimed(self) -> pb.LeaseKey:
        await self.kernel.create(run())
        request = pb.ClaimTaskRequest(worker_id="w1", worker_host="host1", kinds=["run_bot"])
        task = (await self.worker.ClaimTask(request, metadata=WORKER)).task
        return pb.LeaseKey(task_id=task.id, fencing_token=task.lease.fencing_token)

    async def upload(self, lease: pb.LeaseKey, artifact: Artifact, *pieces: bytes) -> Artifact:
        async def requests() -> AsyncIterator[pb.UploadArtifactRequest]:
            yield pb.UploadArtifactRequest(header=pb.UploadArtifactRequest.Header(lease=lease, artifact=artifact))
            for piece in pieces:
                yield pb.UploadArtifactRequest(data=piece)

        answer = await self.worker.UploadArtifact(requests(), metadata=WORKER)
        stored: Artifact = answer.artifact
        return stored

    def files_on_disk(self) -> list[bytes]:
        return [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()]


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    database = await open_database(database_url("sqlite", tmp_path))
    kernel = Kernel(database, NoteQueue(), now_micros, {})
    files = ArtifactFiles(tmp_path, database, now_micros)
    hub = LogHub(database, kernel.changes)
    async with served(kernel, database, hub, files) as channel:
        yield System(
            kernel=kernel,
            database=database,
            files=files,
            folder=tmp_path / "artifacts",
            worker=worker_service_pb2_grpc.WorkerServiceStub(channel),
            tasks=task_service_pb2_grpc.TaskServiceStub(channel),
        )
    await database.close()


@asynccontextmanager
async def served(
    kernel: Kernel, database: Database, hub: LogHub, files: ArtifactFiles
) -> AsyncIterator[grpc.aio.Channel]:
    services = (tasks_pb.DESCRIPTOR, pb.DESCRIPTOR)
    interceptor = Interceptor(
        policies_of([service for file in services for service in file.services_by_name.values()]),
        Gate(api_key="api-key", worker_token="worker-token", dev_mode=False, read_token=person),
        gateway_token="",
        loopback_listener=True,
        session_lasts=lasts,
        metrics=CallMetrics(CollectorRegistry()),
    )
    server = grpc.aio.server(interceptors=[interceptor])
    task_service_pb2_grpc.add_TaskServiceServicer_to_server(TaskServicer(kernel, database), server)
    servicer = WorkerServicer(kernel, database, hub, files, OneHost())
    worker_service_pb2_grpc.add_WorkerServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def reason(call: Awaitable[object]) -> str:
    """Return the reason a call is refused with."""
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    metadata: Any = refusal.value.trailing_metadata()
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return str(info.reason)


def artifact(content: bytes = CONTENT, **changes: Any) -> Artifact:
    fields: dict[str, Any] = {
        "name": "page.png",
        "kind": Artifact.KIND_SCREENSHOT,
        "content_type": "image/png",
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    return Artifact(**(fields | changes))


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


async def collect(call: AsyncIterator[Any]) -> list[Any]:
    return [answer async for answer in call]


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

    await system.worker.FinishTask(
        pb.FinishTaskRequest(lease=lease, cancelled=pb.FinishTaskRequest.Cancelled(receipt=receipt), exit_code=-15),
        metadata=WORKER,
    )

    task = (await system.tasks.GetTask(tasks_pb.GetTaskRequest(id=lease.task_id), metadata=OPERATOR)).task
    assert task.state == Task.STATE_CANCELLED
    assert task.receipt == receipt
    assert task.HasField("cancel_time")


@pytest.mark.parametrize(
    "outcome",
    [
        {},
        {"failed": {}},
        {"failed": {"error": {"type": "X"}, "retry_delay": Duration(seconds=-1)}},
        {"failed": {"error": {"type": "X"}, "retry_delay": Duration(seconds=86_401)}},
        {"cancelled": {}},  # Nobody asked for it.
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


async def test_pages_of_tasks_newest_first(system: System) -> None:
    ids = [(await system.kernel.create(run(f"bot_instances/{n}"))).id for n in range(5)]
    seen: list[str] = []
    token = ""

    while True:
        request = tasks_pb.ListTasksRequest(page_size=2, page_token=token)
        page = await system.tasks.ListTasks(request, metadata=OPERATOR)
        seen.extend(task.id for task in page.tasks)
        token = page.next_page_token
        if not token:
            break

    assert seen == ids[::-1]


async def test_filters_of_tasks(system: System) -> None:
    lease = await system.claimed()
    await system.kernel.create(run("bot_instances/2"))
    await system.kernel.create(run(kind="deliver_webhook"))

    async def count(**filters: Any) -> int:
        page = await system.tasks.ListTasks(tasks_pb.ListTasksRequest(**filters), metadata=OPERATOR)
        return len(page.tasks)

    assert lease.task_id
    assert await count() == 3
    assert await count(kind="run_bot") == 2
    assert await count(subject="bot_instances/2") == 1
    assert await count(state=Task.STATE_RUNNING) == 1
    assert await count(kind="run_bot", state=Task.STATE_QUEUED) == 1


@pytest.mark.parametrize("token", ["x", "AAAA", "é", "_________________", "//////////8"])
async def test_a_page_token_we_did_not_give_is_refused(system: System, token: str) -> None:
    call = system.tasks.ListTasks(tasks_pb.ListTasksRequest(page_token=token), metadata=OPERATOR)

    assert await reason(call) == "ERROR_REASON_INVALID_ARGUMENT"


async def test_tasks_of_another_tenant_are_not_known(system: System) -> None:
    row = await system.kernel.create(run())
    mine, other = (("authorization", "Bearer user-1"),), (("authorization", "Bearer user-2"),)

    own = await system.tasks.ListTasks(tasks_pb.ListTasksRequest(), metadata=mine)
    others = await system.tasks.ListTasks(tasks_pb.ListTasksRequest(), metadata=other)

    assert ([task.id for task in own.tasks], list(others.tasks)) == ([row.id], [])
    for call in (
        system.tasks.GetTask(tasks_pb.GetTaskRequest(id=row.id), metadata=other),
        system.tasks.CancelTask(tasks_pb.CancelTaskRequest(id=row.id), metadata=other),
        collect(system.tasks.WatchTask(tasks_pb.WatchTaskRequest(id=row.id), metadata=other)),
    ):
        assert await reason(call) == "ERROR_REASON_NOT_FOUND"


async def test_a_finished_task_cannot_be_cancelled(system: System) -> None:
    lease = await system.claimed()
    await system.worker.FinishTask(pb.FinishTaskRequest(lease=lease, success=SUCCESS), metadata=WORKER)

    call = system.tasks.CancelTask(tasks_pb.CancelTaskRequest(id=lease.task_id), metadata=OPERATOR)

    assert await reason(call) == "ERROR_REASON_TASK_FINAL"


async def test_watching_a_task_ends_with_its_final_state(system: System) -> None:
    lease = await system.claimed()
    watching = system.tasks.WatchTask(tasks_pb.WatchTaskRequest(id=lease.task_id), metadata=OPERATOR)
    states = [(await watching.read()).task.state]
    await system.kernel.cancel(lease.task_id, "")
    states.append((await watching.read()).task.state)
    await system.worker.FinishTask(pb.FinishTaskRequest(lease=lease, cancelled=CANCELLED), metadata=WORKER)

    states.append((await watching.read()).task.state)

    assert states == [Task.STATE_RUNNING, Task.STATE_CANCELLING, Task.STATE_CANCELLED]
    assert await watching.code() == grpc.StatusCode.OK
