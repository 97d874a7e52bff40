import base64
import json
from pathlib import Path
from typing import Any

import pytest

from server.cli.failures import CommandFailed
from server.cli.orchestrator.local_run import LocalWorkflow
from server.errors import AddressRefused
from server.outbound import OutboundRule
from switchyard.orchestrator.v1.graph_pb2 import Graph


@pytest.fixture
def workflow(tmp_path: Path) -> LocalWorkflow:
    return LocalWorkflow(
        graph=Graph(),
        variables={},
        secrets={"key": "of the door"},
        folder=tmp_path / "files",
        neighbours=tmp_path / "workflows",
        rule=OutboundRule((), loopback_open=True),
    )


def put(workflow: LocalWorkflow, name: str, file: object) -> None:
    path = workflow.neighbours / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(file))


async def test_a_workflow_within_is_the_file_of_its_name_beside_this_one(workflow: LocalWorkflow) -> None:
    put(workflow, "greet.json", {"nodes": {"hello": {"type": "LogNode"}}})

    for name in ("greet", "greet.json"):
        found: Any = await workflow.answer("workflow", name)

        workflow_id, graph, secrets = found
        assert (workflow_id, secrets) == ("greet", {"key": "of the door"})
        assert [node.id for node in Graph.FromString(base64.b64decode(graph)).nodes] == ["hello"]


@pytest.mark.parametrize("name", ["missing", "", "../outside", "sub/inside", "/etc/passwd", "..", "nul\0", "x" * 300])
async def test_no_other_file_is_a_workflow_within(workflow: LocalWorkflow, name: str) -> None:
    put(workflow, "../outside.json", {"nodes": []})
    put(workflow, "sub/inside.json", {"nodes": []})

    with pytest.raises(CommandFailed, match="there is no workflow"):
        await workflow.answer("workflow", name)


async def test_a_workflow_within_that_cannot_be_understood_is_refused(workflow: LocalWorkflow) -> None:
    put(workflow, "broken.json", {"nodes": [{"id": "a"}]})

    with pytest.raises(CommandFailed, match=r"broken\.json: Node 'a' must have a type"):
        await workflow.answer("workflow", "broken")


async def test_loopback_may_be_called_and_the_inside_of_a_network_may_not(workflow: LocalWorkflow) -> None:
    assert await workflow.answer("allow_url", "http://127.0.0.1:9/x") == ["127.0.0.1"]
    with pytest.raises(AddressRefused):
        await workflow.answer("allow_url", "http://169.254.169.254/latest")


async def test_where_a_run_is_need_not_be_kept(workflow: LocalWorkflow) -> None:
    assert await workflow.answer("checkpoint", None) is None


@pytest.mark.parametrize(("written", "seconds"), [(None, 3600), ("1.500s", 1.5)])
def test_the_time_allowed_is_that_of_the_file_or_that_of_a_job(
    workflow: LocalWorkflow, written: str | None, seconds: float
) -> None:
    if written:
        workflow.graph.settings.timeout.FromJsonString(written)

    assert workflow.order()["timeout_seconds"] == seconds


def test_what_is_secret_is_not_in_the_words_for_an_order(workflow: LocalWorkflow) -> None:
    assert "of the door" not in repr(workflow)
