"""Workflows to submit, and small steps that several tests take."""

from typing import Any

import httpx
from google.protobuf.any_pb2 import Any as AnyMessage

from server.tasks import task_list
from server.tasks.task import TaskRow
from switchyard.orchestrator.v1.job_worker_service_pb2 import RunWorkflow
from switchyard.orchestrator.v1.node_type_service_pb2 import NodeType, PublishNodeTypesRequest
from tests.integration.orchestrator.serving import Site

FILE: dict[str, Any] = {
    "nodes": [{"id": "start", "type": "StartNode"}, {"id": "log", "type": "LogNode", "config": {"message": "hello"}}],
    "connections": [
        {"source_node": "start", "source_port": "exec_out", "target_node": "log", "target_port": "exec_in"}
    ],
}
REFUSED = {"ExcelOpenNode": "it needs a desktop"}


async def publish(site: Site, *names: str, version: str = "1.0") -> None:
    """Say as a worker which types of nodes there are."""
    types = [NodeType(name=name) for name in names or ("StartNode", "EndNode")]
    if not names:
        types.append(NodeType(name="LogNode", aliases=["PrintNode"], inputs='{"type":"object"}'))
    request = PublishNodeTypesRequest(version=version, node_types=types, refused=REFUSED)
    await site.stub("orchestrator.NodeTypeService").PublishNodeTypes(request, metadata=site.worker)


def body(**fields: Any) -> dict[str, Any]:
    return {"workflow_name": "My Workflow", "workflow_json": FILE} | fields


async def submitted(site: Site, http: httpx.AsyncClient | None = None, **fields: Any) -> dict[str, Any]:
    """Submit a workflow that is taken, and return the answer."""
    answer = await (http or site.http).post("/api/v1/workflows", json=body(**fields))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def refused(site: Site, **fields: Any) -> tuple[int, str]:
    """Submit a workflow and return status and sentence of the refusal; see to it that nothing was stored."""
    answer = await site.http.post("/api/v1/workflows", json=body(**fields))
    assert (await site.http.get("/api/v1/workflows")).json()["workflows"] == []
    return answer.status_code, answer.json()["detail"]


async def job(site: Site, job_id: str) -> tuple[TaskRow, RunWorkflow]:
    """Return the Task of a job, and what is to be run."""
    row = await site.kernel.get(job_id)
    payload = RunWorkflow()
    AnyMessage.FromString(row.payload).Unpack(payload)
    return row, payload


async def jobs(site: Site) -> int:
    """Return how many Tasks there are."""
    return len(await site.database.scan(lambda connection: task_list.list_tasks(connection, limit=1000)))
