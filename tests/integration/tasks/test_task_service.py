"""What people see of Tasks over TaskService."""

from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2, json_format

from switchyard.tasks.v1 import task_service_pb2 as tasks_pb
from switchyard.tasks.v1 import worker_service_pb2 as pb
from switchyard.tasks.v1.task_pb2 import OpaqueResult, Task
from tests.integration.tasks.parts import run
from tests.integration.tasks.served import CANCELLED, OPERATOR, SUCCESS, WORKER, System, collect, reason


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


@pytest.mark.parametrize(
    "result",
    [
        any_pb2.Any(type_url="type.googleapis.com/switchyard.newer.v1.Result", value=b"\x08\x01"),
        any_pb2.Any(type_url="type.googleapis.com/switchyard.bots.v1.RunBotResult", value=b"\xff"),  # is none
        any_pb2.Any(value=b"x"),
    ],
)
async def test_a_result_that_cannot_be_read_is_shown_as_one_and_nothing_of_it_is_lost(
    system: System, result: any_pb2.Any
) -> None:
    lease = await system.claimed()
    success = pb.FinishTaskRequest.Success(result=result)
    await system.worker.FinishTask(pb.FinishTaskRequest(lease=lease, success=success), metadata=WORKER)
    await system.kernel.create(run("bot_instances/2"))

    page = await system.tasks.ListTasks(tasks_pb.ListTasksRequest(), metadata=OPERATOR)

    # It has a JSON form, as the gateway and other clients of ProtoJSON want.
    other, shown = json_format.MessageToDict(page)["tasks"]
    opaque = OpaqueResult()
    assert page.tasks[1].result.Unpack(opaque)
    assert (opaque.type_url, opaque.value) == (result.type_url, result.value)
    assert shown["result"]["@type"] == "type.googleapis.com/switchyard.tasks.v1.OpaqueResult"
    assert "result" not in other


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
