"""Tasks over HTTP, whatever their workers have reported."""

from google.protobuf.any_pb2 import Any as AnyMessage

from switchyard.tasks.v1 import worker_service_pb2 as pb
from tests.integration.orchestrator.serving import Site


async def test_a_result_of_a_kind_nobody_here_knows_hides_no_task_from_a_list(site: Site) -> None:
    unknown = AnyMessage(type_url="type.googleapis.com/switchyard.newer.v1.Result", value=b"\x08\x01")
    first, second = [await site.queue_job() for _ in range(2)]
    request = pb.FinishTaskRequest(lease=await site.claim(), success=pb.FinishTaskRequest.Success(result=unknown))
    await site.stub("tasks.WorkerService").FinishTask(request, metadata=site.worker)

    listed = await site.http.get("/api/tasks")
    one = await site.http.get(f"/api/tasks/{first.id}")

    assert (listed.status_code, one.status_code) == (200, 200)
    assert [task["id"] for task in listed.json()["tasks"]] == [second.id, first.id]
    assert one.json()["result"] == {
        "@type": "type.googleapis.com/switchyard.tasks.v1.OpaqueResult",
        "type_url": "type.googleapis.com/switchyard.newer.v1.Result",
        "value": "CAE=",
    }
