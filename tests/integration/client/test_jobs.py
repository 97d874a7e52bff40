"""Workflows and their jobs: a file goes up, its job is followed and waited for."""

import io
import json
from pathlib import Path

import pytest

from switchyard_client import AsyncClient, Client, word
from tests.end_to_end.system import System, wait_until
from tests.integration.client.conftest import PASSWORD

NODES = {"start": {"type": "StartNode"}, "say": {"type": "WaitNode", "config": {"seconds": 0}}}
EDGES = [{"source_node": "start", "source_port": "exec_out", "target_node": "say", "target_port": "exec_in"}]
WORKFLOW = json.dumps({"nodes": NODES, "connections": EDGES}).encode()


@pytest.fixture(autouse=True)
def worker(shared_system: System, client: Client) -> None:
    """Wait until the worker has said which nodes it knows."""
    client.login("admin", PASSWORD)
    known = client.workflows.list_node_types
    wait_until(lambda: bool(known()), timeout=60, what=lambda: shared_system.output("worker"))


def test_a_workflow_of_a_file_is_stored_and_its_job_followed(client: Client) -> None:
    stored = client.workflows.upload_file("flow.json", io.BytesIO(WORKFLOW))
    logs = client.jobs.logs(stored.job_id)
    numbers = [line.seq for line in logs]

    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers
    assert logs.end is not None
    assert word(logs.end, "status") == "completed"
    assert word(client.jobs.wait(stored.job_id), "status") == "completed"
    assert client.workflows.get(stored.workflow_id).workflow_id == stored.workflow_id


async def test_a_workflow_of_a_file_is_stored_and_its_job_followed_by_asyncio(
    aclient: AsyncClient, tmp_path: Path
) -> None:
    await aclient.login("admin", PASSWORD)
    (tmp_path / "flow.json").write_bytes(WORKFLOW)

    stored = await aclient.workflows.upload_file("flow.json", tmp_path / "flow.json", execution_mode="lan")
    logs = aclient.jobs.logs(stored.job_id)
    numbers = [line.seq async for line in logs]
    ended = await aclient.jobs.wait(stored.job_id, timeout=60)

    assert numbers == list(range(1, len(numbers) + 1))
    assert word(ended, "status") == "completed"
    assert [job.job_id async for job in aclient.jobs.list(workflow_id=stored.workflow_id)] == [stored.job_id]
