"""What a workflow file as a whole must be, beyond its nodes and connections."""

import json

import pytest

from server.errors import InvalidArgument
from server.orchestrator.workflows.workflow_document import MAX_SECRETS, read_document


def file_with_secrets(count: int) -> bytes:
    message = " ".join(f"{{{{secrets.s{number}}}}}" for number in range(count))
    return json.dumps({"nodes": [{"id": "n", "type": "LogNode", "config": {"message": message}}]}).encode()


def test_a_workflow_may_refer_to_as_many_secrets_as_one_message_to_a_run_holds() -> None:
    assert read_document(file_with_secrets(MAX_SECRETS)).graph.nodes

    with pytest.raises(InvalidArgument, match="workflow_json must refer to at most 100 secrets"):
        read_document(file_with_secrets(MAX_SECRETS + 1))
