"""What every call passes, over a real channel."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, cast

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from server.errors import NotFound
from switchyard.auth.v1 import access_pb2
from switchyard.tasks.v1.task_service_pb2 import CancelTaskRequest, GetTaskRequest, WatchTaskRequest
from switchyard.tasks.v1.worker_service_pb2 import UploadArtifactRequest

WORKER = (("x-api-token", "the-worker-token"),)


async def refusal_of(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await call
    return refusal.value


async def last_of(stream: Any) -> None:
    async for _ in stream:
        pass


async def test_a_call_from_this_machine_is_let_in(site: Any) -> None:
    await site.tasks.GetTask(GetTaskRequest(id="t"))

    [caller] = site.script.callers
    assert (caller.name, caller.role, caller.address) == ("local", access_pb2.ROLE_ADMIN, "127.0.0.1")


async def test_a_request_that_a_gateway_says_is_remote_is_not(site: Any) -> None:
    metadata = (("x-gateway-token", "the-gateway-token"), ("x-gateway-client", "203.0.113.9"))

    refusal = await refusal_of(site.tasks.GetTask(GetTaskRequest(id="t"), metadata=metadata))

    assert (refusal.code(), refusal.details()) == (grpc.StatusCode.UNAUTHENTICATED, "Authentication required")


async def test_nobody_but_a_gateway_can_claim_to_be_local(site: Any) -> None:
    metadata = (("x-gateway-local", "1"), ("x-gateway-client", "127.0.0.1"))

    refusal = await refusal_of(site.tasks.GetTask(GetTaskRequest(id="t"), metadata=metadata))

    assert refusal.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_the_token_of_an_ended_session_is_refused(site: Any) -> None:
    metadata = (("authorization", "Bearer session-1"),)
    await site.tasks.GetTask(GetTaskRequest(id="t"), metadata=metadata)
    site.ended_sessions.add("session-1")

    refusal = await refusal_of(site.tasks.GetTask(GetTaskRequest(id="t"), metadata=metadata))

    assert (refusal.code(), refusal.details()) == (grpc.StatusCode.UNAUTHENTICATED, "Invalid authentication token")


async def test_a_request_out_of_bounds_never_reaches_the_servicer(site: Any) -> None:
    refusal = await refusal_of(site.tasks.GetTask(GetTaskRequest()))

    assert (refusal.code(), refusal.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "id must be given")
    assert site.script.callers == []


async def test_access_goes_before_bounds(site: Any) -> None:
    refusal = await refusal_of(site.tasks.GetTask(GetTaskRequest(), metadata=(("x-api-key", "guess"),)))

    assert refusal.code() == grpc.StatusCode.UNAUTHENTICATED


async def test_a_refusal_carries_its_details(site: Any) -> None:
    site.script.error = NotFound("Task not found: t", id="t")

    refusal = await refusal_of(site.tasks.GetTask(GetTaskRequest(id="t")))

    status = rpc_status.from_call(cast("grpc.Call", refusal))
    info = error_details_pb2.ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    assert (refusal.code(), refusal.details()) == (grpc.StatusCode.NOT_FOUND, "Task not found: t")
    assert (info.reason, info.domain, dict(info.metadata)) == ("ERROR_REASON_NOT_FOUND", "switchyard", {"id": "t"})


@pytest.mark.parametrize("kind", ["unary", "stream", "upload"])
async def test_a_fault_of_ours_tells_nothing_but_the_request_id(site: Any, kind: str) -> None:
    site.script.error = RuntimeError("/secret/path in the driver's words")
    metadata = (*WORKER, ("x-request-id", "r-7")) if kind == "upload" else (("x-request-id", "r-7"),)
    calls: dict[str, Callable[[], Any]] = {
        "unary": lambda: site.tasks.GetTask(GetTaskRequest(id="t"), metadata=metadata),
        "stream": lambda: last_of(site.tasks.WatchTask(WatchTaskRequest(id="t"), metadata=metadata)),
        "upload": lambda: site.worker.UploadArtifact(iter([UploadArtifactRequest(data=b"x")]), metadata=metadata),
    }

    refusal = await refusal_of(calls[kind]())

    assert (refusal.code(), refusal.details()) == (grpc.StatusCode.INTERNAL, "internal error; request id r-7")
    assert "secret" not in repr(dict(refusal.trailing_metadata()))


async def test_a_refusal_in_the_middle_of_a_stream_ends_it_with_its_status(site: Any) -> None:
    site.script.error = NotFound("Task not found: t")
    stream = aiter(site.tasks.WatchTask(WatchTaskRequest(id="t")))
    await anext(stream)

    refusal = await refusal_of(anext(stream))

    assert refusal.code() == grpc.StatusCode.NOT_FOUND


async def test_methods_nobody_does_are_unimplemented(site: Any) -> None:
    refusal = await refusal_of(site.tasks.CancelTask(CancelTaskRequest(id="t")))

    assert refusal.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("offered", ["mine-1", '{a,b}"', "~" * 128])
async def test_a_request_id_is_kept(site: Any, offered: str) -> None:
    call = site.tasks.GetTask(GetTaskRequest(id="t"), metadata=(("x-request-id", offered),))

    assert dict(await call.trailing_metadata())["x-request-id"] == offered


@pytest.mark.parametrize("offered", [None, "two words", "x" * 129])
async def test_a_request_id_that_will_not_do_is_replaced(site: Any, offered: str | None) -> None:
    metadata = (("x-request-id", offered),) if offered is not None else ()

    call = site.tasks.GetTask(GetTaskRequest(id="t"), metadata=metadata)

    given = dict(await call.trailing_metadata())["x-request-id"]
    assert given not in ("", offered)


async def test_calls_are_counted_by_method_and_outcome(site: Any) -> None:
    await site.tasks.GetTask(GetTaskRequest(id="t"))
    await refusal_of(site.tasks.GetTask(GetTaskRequest()))
    await last_of(site.tasks.WatchTask(WatchTaskRequest(id="t")))

    def count(method: str, code: str) -> float | None:
        labels = {"method": f"/switchyard.tasks.v1.TaskService/{method}", "code": code}
        return site.registry.get_sample_value("switchyard_rpc_calls_total", labels)  # type: ignore[no-any-return]

    assert (count("GetTask", "OK"), count("GetTask", "INVALID_ARGUMENT"), count("WatchTask", "OK")) == (1, 1, 1)


async def test_streams_end_at_once_when_the_server_stops(site: Any) -> None:
    stream = aiter(site.tasks.WatchTask(WatchTaskRequest(id="endless")))
    await anext(stream)

    site.streams.close()

    async with asyncio.timeout(5):
        refusal = await refusal_of(last_of(stream))
    assert refusal.code() == grpc.StatusCode.UNAVAILABLE


async def test_a_reader_that_leaves_is_counted_as_cancelled(site: Any) -> None:
    stream = site.tasks.WatchTask(WatchTaskRequest(id="endless"))
    await stream.read()

    stream.cancel()

    labels = {"method": "/switchyard.tasks.v1.TaskService/WatchTask"}
    async with asyncio.timeout(5):
        while site.registry.get_sample_value("switchyard_rpc_streams", labels) != 0:
            await asyncio.sleep(0.01)
    cancelled = site.registry.get_sample_value("switchyard_rpc_calls_total", {**labels, "code": "CANCELLED"})
    assert cancelled == 1


@pytest.mark.parametrize(
    ("method", "metadata"),
    [
        ("/switchyard.tasks.v1.TaskService/GetTask", ()),
        ("/switchyard.tasks.v1.TaskService/WatchTask", ()),
        ("/switchyard.tasks.v1.WorkerService/UploadArtifact", WORKER),
    ],
)
async def test_bytes_that_are_no_message_are_refused_in_our_words(site: Any, method: str, metadata: Any) -> None:
    async def torn() -> AsyncIterator[bytes]:
        yield b"\xff\xff\xff"

    if method.endswith("UploadArtifact"):
        call: Any = site.channel.stream_unary(method)(torn(), metadata=metadata)
    elif method.endswith("WatchTask"):
        call = last_of(site.channel.unary_stream(method)(b"\xff\xff\xff"))
    else:
        call = site.channel.unary_unary(method)(b"\xff\xff\xff")

    refusal = await refusal_of(call)

    assert refusal.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert refusal.details() == "the request must be a message of the method's type"


async def test_bytes_of_a_stranger_are_not_looked_at(site: Any) -> None:
    upload = site.channel.stream_unary("/switchyard.tasks.v1.WorkerService/UploadArtifact")

    async def torn() -> AsyncIterator[bytes]:
        yield b"\xff\xff\xff"

    refusal = await refusal_of(upload(torn()))

    assert refusal.code() is grpc.StatusCode.UNAUTHENTICATED
