"""Types of nodes: told by workers, listed, and kept across restarts; graphs of jobs for those who hold the lease."""

from typing import Any

import grpc

from switchyard.orchestrator.v1.job_worker_service_pb2 import GetJobGraphRequest
from switchyard.orchestrator.v1.node_type_service_pb2 import NodeType, PublishNodeTypesRequest
from switchyard.tasks.v1.worker_service_pb2 import LeaseKey
from tests.integration.orchestrator.serving import Site, refused
from tests.integration.orchestrator.workflows.parts import body, publish, submitted


async def names(site: Site) -> list[str]:
    return [node_type["name"] for node_type in (await site.http.get("/api/v1/node-types")).json()]


async def status(site: Site, node_type: str) -> int:
    file: dict[str, Any] = {"nodes": [{"id": "a", "type": node_type}]}
    return (await site.http.post("/api/v1/workflows", json=body(workflow_json=file))).status_code


async def test_types_are_listed_by_name_as_they_were_told(ready: Site) -> None:
    found = (await ready.http.get("/api/v1/node-types")).json()

    assert [node_type["name"] for node_type in found] == ["EndNode", "LogNode", "StartNode"]
    assert (found[1]["aliases"], found[1]["inputs"], found[1]["outputs"]) == (["PrintNode"], {"type": "object"}, None)


async def test_a_worker_replaces_what_one_of_its_version_told(ready: Site) -> None:
    await publish(ready, "NewNode")
    assert (await names(ready), await status(ready, "NewNode"), await status(ready, "LogNode")) == (
        ["NewNode"],
        200,
        400,
    )

    await publish(ready, "LogNode", version="2.0")
    assert (await names(ready), await status(ready, "NewNode"), await status(ready, "LogNode")) == (
        ["LogNode", "NewNode"],
        200,
        200,
    )


async def test_only_a_worker_tells(ready: Site) -> None:
    stub = ready.stub("orchestrator.NodeTypeService")
    request = PublishNodeTypesRequest(version="1.0", node_types=[NodeType(name="A")])

    code, _ = await refused(stub.PublishNodeTypes(request, metadata=ready.admin))

    assert code in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)
    assert "A" not in await names(ready)


async def test_what_could_not_be_shown_is_refused(ready: Site) -> None:
    stub = ready.stub("orchestrator.NodeTypeService")
    for node_type in (NodeType(), NodeType(name="A", inputs="[]"), NodeType(name="A", outputs="{")):
        request = PublishNodeTypesRequest(version="1.0", node_types=[node_type])

        assert (await refused(stub.PublishNodeTypes(request, metadata=ready.worker)))[0] == (
            grpc.StatusCode.INVALID_ARGUMENT
        )


async def test_whoever_holds_the_lease_reads_the_graph(ready: Site) -> None:
    await submitted(ready, workflow_json={**body()["workflow_json"], "variables": {"x": 1}})
    stub = ready.stub("orchestrator.JobWorkerService")
    lease = await ready.claim()

    graph = (await stub.GetJobGraph(GetJobGraphRequest(lease=lease), metadata=ready.worker)).graph

    assert [(node.id, node.type, node.config) for node in graph.nodes] == [
        ("start", "StartNode", "{}"),
        ("log", "LogNode", '{"message":"hello"}'),
    ]
    assert graph.variables == '{"x":1}'


async def test_nobody_else_does(ready: Site) -> None:
    answer = await submitted(ready)
    stub = ready.stub("orchestrator.JobWorkerService")
    lease = await ready.claim()
    stale = LeaseKey(task_id=lease.task_id, fencing_token=lease.fencing_token + 1)
    unknown = LeaseKey(task_id="nowhere", fencing_token=1)

    refusals = [
        await refused(stub.GetJobGraph(GetJobGraphRequest(lease=key), metadata=ready.worker))
        for key in (stale, unknown)
    ]
    as_admin = await refused(stub.GetJobGraph(GetJobGraphRequest(lease=lease), metadata=ready.admin))
    await ready.complete(lease)
    over = await refused(stub.GetJobGraph(GetJobGraphRequest(lease=lease), metadata=ready.worker))

    assert answer["job_id"] == lease.task_id
    assert {code for code, _ in [*refusals, over]} == {grpc.StatusCode.FAILED_PRECONDITION}
    assert as_admin[0] in (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)
