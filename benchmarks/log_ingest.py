"""Log lines stored per second: one worker that appends batches of 1,000 lines over gRPC."""

import tempfile
import time
from pathlib import Path

import grpc

from benchmarks.result import Row
from switchyard.tasks.v1 import task_pb2, worker_service_pb2, worker_service_pb2_grpc
from tests.end_to_end.system import System

LINES, BATCH = 300_000, 1_000
TARGET = 50_000


def run() -> list[Row]:
    """Claim the Task of a run ourselves and write its log as fast as answers come back."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder), {"WORKER_TOKEN": "w" * 40}) as system:
        system.start_queue()
        system.start_server()
        system.start_run(system.create_instance())
        with grpc.insecure_channel(f"127.0.0.1:{system.grpc_port}") as channel:
            found = stored_per_second(worker_service_pb2_grpc.WorkerServiceStub(channel))
    return [Row("Log lines stored per second", ">= 50,000/s", f"{found:,.0f}/s", found >= TARGET)]


def stored_per_second(stub: worker_service_pb2_grpc.WorkerServiceStub) -> float:
    """Append the lines one batch after another. The batches are made beforehand: only storing them is measured."""
    token = (("x-api-token", "w" * 40),)
    claim = worker_service_pb2.ClaimTaskRequest(worker_id="bench", kinds=["run_bot"])
    task = stub.ClaimTask(claim, metadata=token).task
    lease = worker_service_pb2.LeaseKey(task_id=task.id, fencing_token=task.lease.fencing_token)
    batches = [batch(lease, first) for first in range(1, LINES + 1, BATCH)]
    started = time.perf_counter()
    for request in batches:
        stub.AppendLog(request, metadata=token)
    return LINES / (time.perf_counter() - started)


def batch(lease: worker_service_pb2.LeaseKey, first: int) -> worker_service_pb2.AppendLogRequest:
    """Lines of about a hundred characters, as a bot writes them."""
    text = "[step 12] clicked '#publish' and waited for the new post to appear in the feed, number "
    request = worker_service_pb2.AppendLogRequest(lease=lease, first_sequence=first)
    for number in range(first, first + BATCH):
        line = request.lines.add(level=task_pb2.LogLine.LEVEL_INFO, message=text + str(number))
        line.timestamp.FromNanoseconds(1_700_000_000_000_000_000 + number * 1000)
    return request
