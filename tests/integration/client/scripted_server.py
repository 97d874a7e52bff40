"""A gRPC server that answers every call as a test says, and keeps what it was sent."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

Answer = Callable[[Any], bytes]


class ScriptedServer(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs only
    """Gives the next of `answers` to each call, and the last one for ever."""

    def __init__(self) -> None:
        self.address = ""
        self.answers: deque[Answer] = deque()
        self.requests: list[bytes] = []
        self.metadata: list[dict[str, str]] = []

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, request: bytes, context: Any) -> bytes:
        self.requests.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        return answer(context)


@contextmanager
def scripted_server(credentials: grpc.ServerCredentials | None = None) -> Iterator[ScriptedServer]:
    """Serve on a port of its own."""
    handler = ScriptedServer()
    server = grpc.server(ThreadPoolExecutor(4), handlers=[handler])
    port = (
        server.add_insecure_port("127.0.0.1:0")
        if credentials is None
        else server.add_secure_port("127.0.0.1:0", credentials)
    )
    handler.address = f"127.0.0.1:{port}"
    server.start()
    try:
        yield handler
    finally:
        server.stop(None).wait()


def given(message: Message) -> Answer:
    """Answer with `message`."""
    return lambda context: message.SerializeToString()


def refused(
    code: grpc.StatusCode, *, reason: str = "", domain: str = "switchyard", retry_after: float | None = None
) -> Answer:
    """Refuse as a server does; without `reason` as something on the way does."""
    status = status_pb2.Status(code=code.value[0], message="no")
    if reason:
        info = error_details_pb2.ErrorInfo(reason=reason, domain=domain, metadata={"mentioned": "this"})
        status.details.add().Pack(info)
    if retry_after is not None:
        delay = Duration()
        delay.FromMicroseconds(int(retry_after * 1e6))
        status.details.add().Pack(error_details_pb2.RetryInfo(retry_delay=delay))

    def refuse(context: Any) -> bytes:
        if status.details:
            context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(code, "no")
        raise AssertionError("abort raises")

    return refuse
