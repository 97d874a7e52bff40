"""A thousand readers of one run at 100 lines/s: how late a line arrives, and whether any is missing."""

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import grpc

from benchmarks.result import Row, percentile
from switchyard.tasks.v1 import task_pb2, worker_service_pb2, worker_service_pb2_grpc
from tests.end_to_end.system import System

READERS, LINES, PER_SECOND = 1_000, 1_000, 100
TARGET_MS = 250.0
CLAIM = worker_service_pb2.ClaimTaskRequest(worker_id="bench", kinds=["run_bot"])
# The writer does not renew its lease, however long the log takes it.
SETTINGS = {"WORKER_TOKEN": "w" * 40, "LEASE_SECONDS": "600"}
TOKEN = (("x-api-token", "w" * 40),)


class Reader(asyncio.Protocol):
    """One reader of the stream. Every line carries the time it was written at."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.late_ms: list[float] = []
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        now = time.time()
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:") and b" sent " in line:
                self.late_ms.append((now - float(line.rpartition(b" sent ")[2])) * 1000)


def run() -> list[Row]:
    """Readers in a process of their own, so that the writer's clock is not held up by them."""
    with tempfile.TemporaryDirectory() as folder, System(Path(folder), SETTINGS) as system:
        system.start_queue()
        system.start_server()
        instance = system.create_instance()
        system.start_run(instance)
        command = [sys.executable, "-m", "benchmarks.readers", str(system.http_port), instance]
        readers = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        time.sleep(8)
        with grpc.insecure_channel(f"127.0.0.1:{system.grpc_port}") as channel:
            write_lines(worker_service_pb2_grpc.WorkerServiceStub(channel))
        p99, missing = (float(value) for value in readers.communicate(timeout=60)[0].split())
    return [
        Row("1,000 SSE readers at 100 lines/s, p99", "<= 250 ms", f"{p99:.0f} ms", p99 <= TARGET_MS),
        Row("1,000 SSE readers at 100 lines/s, lines missing", "0", f"{missing:.0f}", missing == 0),
    ]


def write_lines(stub: worker_service_pb2_grpc.WorkerServiceStub) -> None:
    """Write the log line by line, and end the run."""
    task = stub.ClaimTask(CLAIM, metadata=TOKEN).task
    lease = worker_service_pb2.LeaseKey(task_id=task.id, fencing_token=task.lease.fencing_token)
    started = time.time()
    for number in range(1, LINES + 1):
        time.sleep(max(0.0, started + number / PER_SECOND - time.time()))
        line = task_pb2.LogLine(message=f"line {number} sent {time.time():.6f}")
        request = worker_service_pb2.AppendLogRequest(lease=lease, first_sequence=number, lines=[line])
        stub.AppendLog(request, metadata=TOKEN)
    success = worker_service_pb2.FinishTaskRequest.Success()
    stub.FinishTask(worker_service_pb2.FinishTaskRequest(lease=lease, success=success), metadata=TOKEN)


async def read(port: int, instance: str) -> tuple[float, int]:
    """p99 in milliseconds over all lines of all readers, and how many lines did not come."""
    request = f"GET /api/bot-instances/{instance}/logs/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    readers = [(await loop.create_connection(lambda: Reader(request), "127.0.0.1", port))[1] for _ in range(READERS)]
    deadline = time.time() + 50
    while any(len(reader.late_ms) < LINES for reader in readers) and time.time() < deadline:
        await asyncio.sleep(0.2)
    late = [value for reader in readers for value in reader.late_ms]
    return percentile(late, 0.99), READERS * LINES - len(late)


if __name__ == "__main__":
    print(*asyncio.run(read(int(sys.argv[1]), sys.argv[2])))
