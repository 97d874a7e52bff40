"""What a servicer may do with its context when no wire lies between it and the caller."""

from typing import Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import StringValue

from gateway.backend import CallFailed
from gateway.backend.in_process import InProcessBackend
from gateway.contract.services import Method, read_services
from switchyard.system.v1 import system_service_pb2

SERVICE = system_service_pb2.DESCRIPTOR.services_by_name["SystemService"]


@pytest.fixture
def method() -> Method:
    return read_services([SERVICE])[0]


def backend(method: Method, kind: str, behaviour: Any) -> InProcessBackend:
    handler = getattr(grpc, f"{kind}_rpc_method_handler")(behaviour)
    name = method.full_name.rpartition("/")[2]
    return InProcessBackend([grpc.method_handlers_generic_handler(SERVICE.full_name, {name: handler})], [])


async def test_a_method_may_write_its_answers_instead_of_yielding_them(method: Method) -> None:
    async def behaviour(request: Any, context: Any) -> None:
        for text in "abc":
            await context.write(StringValue(value=text))

    answers = backend(method, "unary_stream", behaviour).stream(method, StringValue(), (), None)

    assert [answer.value async for answer in answers] == ["a", "b", "c"]  # type: ignore[attr-defined]


async def test_a_callback_is_told_when_the_call_is_over(method: Method) -> None:
    told = []

    async def behaviour(request: Any, context: Any) -> StringValue:
        context.add_done_callback(lambda over: told.append((over.done(), over.cancelled())))
        return StringValue()

    await backend(method, "unary_unary", behaviour).unary(method, StringValue(), (), None)

    assert told == [(True, False)]


async def test_the_time_that_is_left_is_known(method: Method) -> None:
    left = []

    async def behaviour(request: Any, context: Any) -> StringValue:
        left.append(context.time_remaining())
        return StringValue()

    await backend(method, "unary_unary", behaviour).unary(method, StringValue(), (), 5)

    assert 4 < left[0] <= 5


async def test_without_a_deadline_no_time_is_told(method: Method) -> None:
    # As grpc.aio has it: "or None if no deadline was specified for the RPC".
    left = []

    async def behaviour(request: Any, context: Any) -> StringValue:
        left.append(context.time_remaining())
        return StringValue()

    await backend(method, "unary_unary", behaviour).unary(method, StringValue(), (), None)

    assert left == [None]


async def test_a_method_nobody_serves_is_unimplemented(method: Method) -> None:
    with pytest.raises(CallFailed) as failure:
        await InProcessBackend([], []).unary(method, StringValue(), (), None)

    assert failure.value.status is grpc.StatusCode.UNIMPLEMENTED


async def test_interceptors_wrap_one_another_first_one_outermost(method: Method) -> None:
    order = []

    class Named(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
        def __init__(self, name: str) -> None:
            self.name = name

        async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
            order.append((self.name, handler_call_details.method))
            return await continuation(handler_call_details)

    with pytest.raises(CallFailed):
        await InProcessBackend([], [Named("a"), Named("b")]).unary(method, StringValue(), (), None)

    assert order == [("a", method.full_name), ("b", method.full_name)]
