"""What a receiver of OpenTelemetry is told of calls. Source: https://www.w3.org/TR/trace-context/"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as otlp
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as otlp_grpc
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from switchyard.tasks.v1.task_service_pb2 import GetTaskRequest, WatchTaskRequest
from switchyard.tasks.v1.task_service_pb2_grpc import TaskServiceStub
from switchyard.tasks.v1.worker_service_pb2 import ClaimTaskRequest, LeaseKey, ReleaseTaskRequest
from switchyard.tasks.v1.worker_service_pb2_grpc import WorkerServiceStub
from tests.integration.rpc.test_start_and_stop import Running, started

TRACE: Final = "0af7651916cd43dd8448eb211c80319c"
PARENT: Final = "b7ad6b7169203331"
SAMPLED: Final = f"00-{TRACE}-{PARENT}-01"
GET_INFO: Final = "switchyard.system.v1.SystemService/GetServerInfo"
GET_TASK: Final = "switchyard.tasks.v1.TaskService/GetTask"
RELEASE: Final = "switchyard.tasks.v1.WorkerService/ReleaseTask"
WATCH_TASK: Final = "switchyard.tasks.v1.TaskService/WatchTask"


@dataclass
class Receiver(otlp_grpc.TraceServiceServicer):
    """Keeps what it is sent."""

    spans: list[Span] = field(default_factory=list)
    resources: list[dict[str, str]] = field(default_factory=list)

    async def Export(self, request: otlp.ExportTraceServiceRequest, _context: Any) -> otlp.ExportTraceServiceResponse:
        for part in request.resource_spans:
            self.resources.append(values(part.resource.attributes))
            self.spans += [span for scope in part.scope_spans for span in scope.spans]
        return otlp.ExportTraceServiceResponse()

    def of(self, method: str) -> Span:
        """The one span of a method."""
        [span] = [span for span in self.spans if span.name == method]
        return span


@dataclass
class Told:
    """What came of some calls: what the receiver got, and what stands in the log."""

    receiver: Receiver
    log: list[dict[str, Any]]


def values(attributes: Sequence[KeyValue]) -> dict[str, str]:
    return {one.key: one.value.string_value for one in attributes}


async def call(server: Running) -> None:
    """Make calls over HTTP, then over gRPC: two that fail, and one that leaves a line in the log."""
    async with httpx.AsyncClient() as http:
        answer = await http.get(
            f"{server.url}/api/server", headers={"traceparent": SAMPLED, "tracestate": "a=1", "x-request-id": "given"}
        )
        assert answer.status_code == 200
        await http.get(f"{server.url}/metrics", headers={"traceparent": f"00-{'1' * 32}-{PARENT}-00"})
    async with grpc.aio.insecure_channel(server.grpc_address) as channel:
        tasks = TaskServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError):
            await tasks.GetTask(GetTaskRequest(id="none"), metadata=(("traceparent", "not-a-parent"),))
        with pytest.raises(grpc.aio.AioRpcError):
            async for _ in tasks.WatchTask(WatchTaskRequest(id="none"), metadata=(("traceparent", SAMPLED),)):
                pass
        await give_back(server, channel)


async def give_back(server: Running, channel: grpc.aio.Channel) -> None:
    """Claim a run and give it back."""
    async with httpx.AsyncClient(base_url=server.url) as http:
        new = {"owner_type": "user", "owner_id": "u", "bot_code": "noop"}
        instance = (await http.post("/api/bot-instances", json=new)).json()
        assert (await http.post(f"/api/bot-instances/{instance['id']}/start")).is_success
    worker, token = WorkerServiceStub(channel), ("x-api-token", server.credential("WORKER_TOKEN"))
    claim = ClaimTaskRequest(worker_id="w", worker_host="h", kinds=["run_bot"])
    claimed = (await worker.ClaimTask(claim, metadata=(token,))).task
    release = ReleaseTaskRequest(lease=LeaseKey(task_id=claimed.id, fencing_token=claimed.lease.fencing_token))
    await worker.ReleaseTask(release, metadata=(token, ("traceparent", SAMPLED)))


async def follow(folder: Path) -> Told:
    receiver, collector = Receiver(), grpc.aio.server()
    otlp_grpc.add_TraceServiceServicer_to_server(receiver, collector)  # type: ignore[no-untyped-call]
    port = collector.add_insecure_port("127.0.0.1:0")
    await collector.start()
    with started(folder, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}") as server:
        await call(server)
        # The end sends what was not sent yet, and nothing else would so soon.
        code, log = await asyncio.to_thread(server.stop)
    await collector.stop(None)
    assert code == 0
    return Told(receiver, log)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return asyncio.run(follow(tmp_path_factory.mktemp("data")))


def test_a_call_over_http_belongs_to_the_trace_of_its_caller(told: Told) -> None:
    span = told.receiver.of(GET_INFO)

    assert (span.trace_id.hex(), span.parent_span_id.hex(), span.trace_state) == (TRACE, PARENT, "a=1")
    assert span.kind == Span.SPAN_KIND_SERVER
    assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano
    # Source: https://opentelemetry.io/docs/specs/semconv/rpc/rpc-spans/
    assert values(span.attributes) == {
        "rpc.system.name": "grpc",
        "rpc.method": GET_INFO,
        "rpc.response.status_code": "OK",
        "switchyard.request_id": "given",
    }


def test_a_call_over_grpc_belongs_to_the_trace_of_its_caller(told: Told) -> None:
    span = told.receiver.of(WATCH_TASK)

    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, PARENT)


# Section 3.2 and 4.3: who cannot read a parent begins a trace.
def test_a_parent_that_cannot_be_read_is_none(told: Told) -> None:
    span = told.receiver.of(GET_TASK)

    assert span.parent_span_id == b""
    assert len(span.trace_id) == 16


def test_a_refusal_is_the_code_of_the_span_and_no_fault(told: Told) -> None:
    for method in (GET_TASK, WATCH_TASK):
        span = told.receiver.of(method)
        assert values(span.attributes)["rpc.response.status_code"] == "NOT_FOUND"
        assert span.status.code == Status.STATUS_CODE_UNSET


# Section 3.2.2.5: the sampled flag.
def test_a_line_of_the_log_names_the_trace_and_the_span(told: Told) -> None:
    [line] = [line for line in told.log if line["event"] == "task released"]

    assert (line["trace_id"], line["span_id"]) == (TRACE, told.receiver.of(RELEASE).span_id.hex())
    assert "trace_id" not in told.log[-1]


def test_what_the_caller_does_not_record_is_not_recorded(told: Told) -> None:
    assert [span for span in told.receiver.spans if span.name.endswith("/GetMetrics")] == []


def test_the_server_says_who_it_is(told: Told) -> None:
    assert {resource["service.name"] for resource in told.receiver.resources} == {"switchyard-server"}


def test_a_server_stops_though_the_receiver_is_away(tmp_path: Path) -> None:
    with started(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1") as server:
        httpx.get(f"{server.url}/api/server")

        code, log = server.stop()

    assert (code, log[-1]["event"]) == (0, "server stopped")
