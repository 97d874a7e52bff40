"""Uploading workflow files: over gRPC in pieces, over HTTP raw or in a form."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody

from switchyard.orchestrator.v1 import workflow_pb2
from switchyard.orchestrator.v1 import workflow_service_pb2 as pb
from tests.integration.orchestrator.serving import Site, refused
from tests.integration.orchestrator.workflows.parts import FILE, job, jobs

PRETTY = json.dumps({"metadata": {"name": "From the file", "description": "d"}, **FILE}, indent=4).encode()


async def upload(site: Site, *pieces: bytes, last: bool = True, **fields: Any) -> pb.UploadWorkflowResponse:
    """Send a file in pieces; the last message says so unless told otherwise."""
    fields = {"filename": "my_workflow.json"} | fields
    requests = [pb.UploadWorkflowRequest(file=HttpBody(data=piece)) for piece in pieces]
    requests[0].MergeFrom(pb.UploadWorkflowRequest(**fields))
    requests[-1].last = last
    stub = site.stub("orchestrator.WorkflowService")
    answer: pb.UploadWorkflowResponse = await stub.UploadWorkflow(_stream(requests), metadata=site.admin)
    return answer


async def _stream(requests: Sequence[pb.UploadWorkflowRequest]) -> AsyncIterator[pb.UploadWorkflowRequest]:
    for request in requests:
        yield request


async def test_a_file_in_pieces_is_stored_and_queued(ready: Site) -> None:
    answer = await upload(ready, PRETTY[:10], b"", PRETTY[10:], priority=5, execution_mode="EXECUTION_MODE_INTERNET")

    assert (answer.status, answer.message) == ("success", "Workflow submitted and queued for internet execution")
    found = (await ready.http.get(f"/api/v1/workflows/{answer.workflow_id}")).json()
    assert (found["workflow_name"], found["description"], found["priority"]) == ("From the file", "d", 5)
    assert found["workflow_json"] == json.loads(PRETTY)
    assert (await job(ready, answer.job_id))[0].priority == 5


async def test_a_file_without_a_name_is_called_as_it_lies(ready: Site) -> None:
    answer = await upload(ready, json.dumps(FILE).encode(), filename="Daily Report.JSON")

    found = (await ready.http.get(f"/api/v1/workflows/{answer.workflow_id}")).json()
    assert found["workflow_name"] == "Daily Report"


async def test_what_is_said_beside_the_file_may_come_behind_it(ready: Site) -> None:
    head = pb.UploadWorkflowRequest(file=HttpBody(data=PRETTY), filename="w.json")
    head.trigger_type = workflow_pb2.TRIGGER_TYPE_MANUAL
    tail = pb.UploadWorkflowRequest(priority=3, last=True)
    tail.trigger_type = workflow_pb2.TRIGGER_TYPE_WEBHOOK

    answer = await ready.stub("orchestrator.WorkflowService").UploadWorkflow(
        _stream([head, tail]), metadata=ready.admin
    )

    assert answer.metadata.webhook_path.startswith("/api/v1/hooks/")
    found = (await ready.http.get(f"/api/v1/workflows/{answer.workflow_id}")).json()
    assert (found["trigger_type"], found["priority"]) == ("webhook", 3)


async def test_what_comes_behind_the_file_has_the_same_bounds(ready: Site) -> None:
    head = pb.UploadWorkflowRequest(file=HttpBody(data=PRETTY), filename="w.json")
    tail = pb.UploadWorkflowRequest(priority=21, last=True)
    stub = ready.stub("orchestrator.WorkflowService")

    code, sentence = await refused(stub.UploadWorkflow(_stream([head, tail]), metadata=ready.admin))

    assert (code, sentence) == (grpc.StatusCode.INVALID_ARGUMENT, "priority must be between 0 and 20")
    assert await jobs(ready) == 0


async def test_what_is_no_workflow_file_is_refused(ready: Site) -> None:
    cases: list[tuple[bytes, dict[str, Any], str]] = [
        (PRETTY, {"filename": "w.txt"}, "File must be a .json file"),
        (PRETTY, {"filename": ""}, "File must be a .json file"),
        (b"{", {}, "Invalid JSON: unexpected end of data"),
        (b"\xff\xfe{}", {}, "Invalid JSON: must be valid UTF-8"),
        (b"[]", {}, "Invalid JSON: must be an object"),
        (b"", {}, "Invalid JSON: "),
        (b'{"nodes":[],"nodes":[]}', {}, "Invalid JSON: must not repeat the key 'nodes'"),
        (b"{}", {}, "workflow_json must contain 'nodes' key"),
        (json.dumps({**FILE, "name": "x" * 256}).encode(), {}, "workflow_name must be 1 to 255 characters long"),
        (PRETTY, {"last": False}, "last must be set in the last message; the file broke off"),
    ]
    for data, fields, sentence in cases:
        code, told = await refused(upload(ready, data, **fields))

        assert code == grpc.StatusCode.INVALID_ARGUMENT
        assert told.startswith(sentence), (told, sentence)
    assert await jobs(ready) == 0


async def test_a_stream_without_messages_is_refused(ready: Site) -> None:
    stub = ready.stub("orchestrator.WorkflowService")

    assert await refused(stub.UploadWorkflow(_stream([]), metadata=ready.admin)) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "File must be a .json file",
    )


async def test_fifty_megabytes_are_taken_and_one_byte_more_is_not(ready: Site) -> None:
    piece = b"x" * (1 << 20)
    head = json.dumps({**FILE, "filler": "@"}).encode()
    before, after = head.split(b"@")
    rest = (50 << 20) - len(head) + 1
    pieces = [before, *[piece] * (rest >> 20), b"x" * (rest & ((1 << 20) - 1)), after]

    taken = await upload(ready, *pieces)
    code, sentence = await refused(upload(ready, *pieces, b" "))

    assert (code, sentence) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "File too large. Maximum size: 50MB")
    found = await ready.http.get(f"/api/v1/workflows/{taken.workflow_id}")
    assert len(found.content) > 50 << 20
    assert await jobs(ready) == 1


async def test_a_repeated_upload_gives_the_first_answer(ready: Site) -> None:
    first = await upload(ready, PRETTY, request_id="k")
    again = await upload(ready, PRETTY[:7], PRETTY[7:], request_id="k")
    code, _ = await refused(upload(ready, json.dumps(FILE).encode(), request_id="k"))

    assert again == first
    assert code == grpc.StatusCode.ABORTED
    assert await jobs(ready) == 1


@pytest.mark.parametrize("form", [True, False])
async def test_a_file_is_uploaded_over_http(ready: Site, form: bool) -> None:
    sent: dict[str, Any] = {"files": {"file": ("my_workflow.json", PRETTY)}} if form else {"content": PRETTY}
    params: dict[str, str | int] = {"filename": "my_workflow.json", "priority": 5}

    answer = await ready.http.post("/api/v1/workflows/upload", params=params, **sent)

    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"workflow_id", "job_id", "schedule_id", "status", "message", "created_at"}
    assert (await job(ready, answer.json()["job_id"]))[0].priority == 5


async def test_an_upload_that_is_too_large_is_413_in_the_documented_words(ready: Site) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b'{"nodes":[],"x":"'
        while True:
            yield b"x" * (1 << 20)

    answer = await ready.http.post("/api/v1/workflows/upload?filename=a.json", content=endless())

    assert (answer.status_code, answer.json()["detail"]) == (413, "File too large. Maximum size: 50MB")
