"""A small gRPC service, a gateway in front of it by either backend, and a client that speaks ASGI."""

import asyncio
import hashlib
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import grpc
import orjson
import pytest
from google.api import annotations_pb2, httpbody_pb2
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, struct_pb2, timestamp_pb2
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import FileDescriptor
from google.rpc import error_details_pb2, status_pb2

from gateway.app import Gateway, GatewayOptions
from gateway.backend import Backend
from gateway.backend.channel import ChannelBackend
from gateway.backend.in_process import InProcessBackend
from gateway_options.v1 import options_pb2
from tests.integration.gateway.handlers import service_handler
from tests.patience import PATIENCE

HERE = Path(__file__).parent
PROTO = HERE.parents[2] / "proto"
# Generated code registers these files when it is imported; the library needs them.
IMPORTED = (annotations_pb2, httpbody_pb2, options_pb2, struct_pb2, timestamp_pb2)


@pytest.fixture(scope="session")
def descriptor_set(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The library's contract with comments, as protoc writes it."""
    target = tmp_path_factory.mktemp("library") / "set.binpb"
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTO}", f"-I{HERE}", "--include_imports"]
    subprocess.run([*command, "--include_source_info", f"--descriptor_set_out={target}", "library.proto"], check=True)
    return target.read_bytes()


@pytest.fixture(scope="session")
def library(descriptor_set: bytes) -> FileDescriptor:
    """Descriptors of the library, in the pool of generated code."""
    pool = descriptor_pool.Default()
    files = descriptor_pb2.FileDescriptorSet.FromString(descriptor_set).file
    own = next(file for file in files if file.name == "library.proto")
    pool.AddSerializedFile(own.SerializeToString())
    return pool.FindFileByName("library.proto")


@pytest.fixture(scope="session")
def classes(library: FileDescriptor) -> dict[str, Any]:
    """Message classes of the library by short name."""
    return {name: message_factory.GetMessageClass(one) for name, one in library.message_types_by_name.items()}


def status_with(code: int, message: str, *details: Any) -> tuple[tuple[str, bytes], ...]:
    """Trailing metadata that carries `details`."""
    status = status_pb2.Status(code=code, message=message)
    for detail in details:
        if isinstance(detail, AnyMessage):
            status.details.append(detail)
        else:
            status.details.add().Pack(detail)
    return (("grpc-status-details-bin", status.SerializeToString()),)


class Librarian:
    """The servicer. Remembers what became of its calls."""

    def __init__(self, classes: dict[str, Any]) -> None:
        self._classes = classes
        self.log: list[str] = []
        self.complete: list[str] = []
        # The newest upload, its messages merged.
        self.uploaded: Any = None
        self.gate = asyncio.Event()
        self.shared: list[Any] = []
        self.cancelled = asyncio.Event()

    async def get_book(self, request: Any, context: Any) -> Any:
        answer = self._answers.get(request.id)
        if answer is not None:
            return await answer(self, request, context)
        return self._classes["Book"](id=request.id, title="A title", page_count=2**40)

    async def _missing(self, request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.NOT_FOUND, "no such book")

    async def _lent(self, request: Any, context: Any) -> Any:
        info = error_details_pb2.ErrorInfo(reason="REASON_LENT", domain="library", metadata={"retry_after": "7"})
        await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "it is lent", status_with(9, "it is lent", info))

    async def _full(self, request: Any, context: Any) -> Any:
        info = error_details_pb2.ErrorInfo(reason="SHELF_FULL", domain="library")
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "full", status_with(8, "full", info))

    async def _bad(self, request: Any, context: Any) -> Any:
        violation = error_details_pb2.BadRequest.FieldViolation(field="title", description="title must be short")
        bad = error_details_pb2.BadRequest(field_violations=[violation])
        strange = AnyMessage(type_url="type.googleapis.com/nobody.Knows", value=b"\x08\x01")
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "title must be short", status_with(3, "x", bad, strange))

    async def _crash(self, request: Any, context: Any) -> Any:
        raise RuntimeError("the password is hunter2")

    async def _set_code(self, request: Any, context: Any) -> Any:
        context.set_code(grpc.StatusCode.ALREADY_EXISTS)
        context.set_details("there already")
        return self._classes["Book"]()

    async def _guest(self, request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")

    async def _away(self, request: Any, context: Any) -> Any:
        await context.abort(grpc.StatusCode.UNAVAILABLE, "come back later")

    async def _seen(self, request: Any, context: Any) -> Any:
        seen = sorted(f"{key}={value}" for key, value in context.invocation_metadata() if key != "user-agent")
        return self._classes["Book"](id="seen", seen=seen)

    async def _dressed(self, request: Any, context: Any) -> Any:
        await context.send_initial_metadata((("etag", '"1"'), ("x-internal", "secret"), ("cache-control", "private")))
        return self._classes["Book"](id="dressed")

    async def _slow(self, request: Any, context: Any) -> Any:
        self.log.append("slow began")
        self.gate.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.log.append("slow cancelled")
            self.cancelled.set()
            raise

    _answers: ClassVar[dict[str, Callable[..., Awaitable[Any]]]] = {
        "missing": _missing,
        "lent": _lent,
        "full": _full,
        "bad": _bad,
        "crash": _crash,
        "set-code": _set_code,
        "guest": _guest,
        "away": _away,
        "seen": _seen,
        "dressed": _dressed,
        "slow": _slow,
    }

    async def add_book(self, request: Any, context: Any) -> Any:
        book = self._classes["Book"](id=request.request_id or "new", title=request.title)
        return self._classes["AddBookResponse"](book=book)

    async def read_aloud(self, request: Any, context: Any) -> AsyncIterator[Any]:
        """Reads until the end, or until nobody listens."""
        try:
            async for message in self._aloud(request, context):
                yield message
        finally:
            self.cancelled.set()

    async def _aloud(self, request: Any, context: Any) -> AsyncIterator[Any]:
        response = self._classes["ReadAloudResponse"]
        line = response.Line
        if request.id == "missing":
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such book")
        if request.id == "silent":
            await asyncio.sleep(60)
        for message in self.shared if request.id == "shared" else ():
            yield message
        if request.id == "flood":
            async for message in self._flood():
                yield message
        if request.after:
            yield response(lines=[line(cursor="9", text=f"after {request.after}")])
        yield response(lines=[line(text="intro"), line(cursor="1", text="one\ntwo\r\nthree")])
        if request.id == "breaks":
            await context.abort(grpc.StatusCode.DATA_LOSS, "the page is torn")
        if request.id == "crashes":
            raise RuntimeError("the password is hunter2")
        if request.id == "endless":
            await asyncio.sleep(60)
        yield response(lines=[line(cursor="2", text="last")], end=line(cursor="end", text="success"))

    async def _flood(self) -> AsyncIterator[Any]:
        response = self._classes["ReadAloudResponse"]
        while True:
            yield response(lines=[response.Line(text="x" * 60_000)])

    async def list_pages(self, request: Any, context: Any) -> AsyncIterator[Any]:
        for number in (1, 2):
            yield self._classes["Page"](number=number, text="words")
        if request.id == "breaks":
            await context.abort(grpc.StatusCode.DATA_LOSS, "the page is torn")

    async def download_pages(self, request: Any, context: Any) -> AsyncIterator[Any]:
        if request.id == "missing":
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such book")
        disposition = ("content-disposition", 'attachment; filename="pages.txt"')
        length = ("content-length", "1") if request.id == "breaks" else ("x-http-content-length", "15")
        await context.send_initial_metadata((disposition, length))
        if request.id == "empty":
            return
        yield httpbody_pb2.HttpBody(content_type="text/plain; charset=utf-8", data=b"page 1\n")
        if request.id == "breaks":
            await context.abort(grpc.StatusCode.DATA_LOSS, "the page is torn")
        yield httpbody_pb2.HttpBody(data=b"page \xff2\n")

    async def get_cover(self, request: Any, context: Any) -> Any:
        return httpbody_pb2.HttpBody(content_type="image/png", data=b"\x89PNG\r\n\x00")

    async def put_cover(self, request: Any, context: Any) -> Any:
        self.uploaded = request
        data = request.file.data
        digest = hashlib.sha256(data).hexdigest()
        stored = self._classes["Stored"]
        return stored(id=request.id, size=len(data), content_type=request.file.content_type, messages=1, sha256=digest)

    async def put_text(self, requests: AsyncIterator[Any], context: Any) -> Any:
        stored = self._classes["Stored"]()
        self.uploaded = self._classes["PutTextRequest"]()
        digest = hashlib.sha256()
        try:
            async for request in requests:
                assert not self.complete
                self.uploaded.MergeFrom(request)
                if request.complete:
                    self.complete.append(stored.id)
                    continue
                if not stored.messages:
                    stored.id, stored.content_type = request.id, request.file.content_type
                    if request.id == "missing":
                        await context.abort(grpc.StatusCode.NOT_FOUND, "no such book")
                stored.messages += 1
                stored.size += len(request.file.data)
                assert len(request.file.data) <= 256 * 1024
                digest.update(request.file.data)
                self.gate.set()
        finally:
            self.cancelled.set()
        stored.sha256 = digest.hexdigest()
        return stored

    async def talk(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for request in requests:
            yield request

    def handlers(self, library: FileDescriptor) -> "list[grpc.GenericRpcHandler[Any, Any]]":
        """The handlers of all services, as generated code would make them."""
        behaviours = {
            "GetBook": self.get_book,
            "GetRarity": self.get_book,
            "GetPlainBook": self.get_book,
            "GetHiddenBook": self.get_book,
            "AddBook": self.add_book,
            "ReadAloud": self.read_aloud,
            "ListPages": self.list_pages,
            "Listen": self.list_pages,
            "DownloadPages": self.download_pages,
            "GetCover": self.get_cover,
            "PutCover": self.put_cover,
            "PutText": self.put_text,
            "Talk": self.talk,
        }
        return [service_handler(one, behaviours.__getitem__) for one in library.services_by_name.values()]


class Doorkeeper(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Lets nobody in who says "badge"."""

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        if ("x-api-key", "badge") in tuple(handler_call_details.invocation_metadata):

            async def refuse(request: Any, context: Any) -> None:
                await context.abort(grpc.StatusCode.PERMISSION_DENIED, "not with that badge")

            handler = await continuation(handler_call_details)
            return grpc.unary_unary_rpc_method_handler(
                refuse, handler.request_deserializer, handler.response_serializer
            )
        return await continuation(handler_call_details)


@pytest.fixture
async def librarian(classes: dict[str, Any]) -> Librarian:
    return Librarian(classes)


@pytest.fixture(params=["in_process", "channel"])
async def backend(
    request: pytest.FixtureRequest, library: FileDescriptor, librarian: Librarian, tmp_path: Path
) -> AsyncIterator[Backend]:
    """Every test runs over both backends, and expects the same of them."""
    handlers = librarian.handlers(library)
    if request.param == "in_process":
        yield InProcessBackend(handlers, [Doorkeeper()])
        return
    server = grpc.aio.server(interceptors=[Doorkeeper()])
    server.add_generic_rpc_handlers(handlers)
    address = f"unix:{tmp_path}/library.sock"
    server.add_insecure_port(address)
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        yield ChannelBackend(channel)
    await server.stop(None)


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool

    def json(self) -> Any:
        return orjson.loads(self.body)


@dataclass
class Conversation:
    """One request to an ASGI application, in slow motion."""

    events: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    incoming: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    blocked: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    stuck: bool = False

    async def send(self, event: Any) -> None:
        if self.stuck and event["type"] == "http.response.body":
            self.blocked.set()
            await asyncio.sleep(3600)
        await self.events.put(event)

    async def receive(self) -> Any:
        return await self.incoming.get()

    async def next(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.events.get(), PATIENCE)

    async def next_body(self) -> bytes:
        event = await self.next()
        body: bytes = event["body"]
        return body

    def leave(self) -> None:
        self.incoming.put_nowait({"type": "http.disconnect"})

    async def done(self) -> None:
        assert self.task is not None
        await asyncio.wait_for(self.task, PATIENCE)


class Client:
    """Speaks ASGI to the gateway."""

    def __init__(self, app: Gateway) -> None:
        self.app = app

    def open(
        self,
        method: str,
        target: str,
        *,
        headers: dict[str, str] | None = None,
        pieces: list[bytes] | None = None,
        peer: tuple[str, int] | None = ("127.0.0.1", 5000),
        finished: bool = True,
    ) -> Conversation:
        path, _, query = target.partition("?")
        conversation = Conversation()
        bodies = pieces or [b""]
        for number, piece in enumerate(bodies, start=1):
            more = number < len(bodies) or not finished
            conversation.incoming.put_nowait({"type": "http.request", "body": piece, "more_body": more})
        scope = {
            "type": "http",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [
                (name.lower().encode(), value.encode("latin-1"))
                for name, value in {"host": "localhost:8000", **(headers or {})}.items()
            ],
            "client": peer,
        }
        conversation.task = asyncio.get_running_loop().create_task(
            self.app(scope, conversation.receive, conversation.send)
        )
        return conversation

    async def request(
        self,
        method: str,
        target: str,
        *,
        json: Any = None,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        peer: tuple[str, int] | None = ("127.0.0.1", 5000),
    ) -> Answer:
        headers = dict(headers or {})
        if json is not None:
            body = orjson.dumps(json)
            headers["content-type"] = "application/json"
        if body:
            headers.setdefault("content-length", str(len(body)))
        conversation = self.open(method, target, headers=headers, pieces=[body], peer=peer)
        await conversation.done()
        start = conversation.events.get_nowait()
        parts = [conversation.events.get_nowait() for _ in range(conversation.events.qsize())]
        return Answer(
            status=start["status"],
            headers={name.decode(): value.decode("latin-1") for name, value in start["headers"]},
            body=b"".join(part.get("body", b"") for part in parts),
            complete=bool(parts) and not parts[-1].get("more_body", False),
        )


Open = Callable[..., Client]


@pytest.fixture
def open_client() -> Callable[[Gateway], Client]:
    """Makes a client of any gateway."""
    return Client


@pytest.fixture
def open_gateway(library: FileDescriptor, backend: Backend) -> Open:
    """Makes a gateway with the options of the test."""

    def make(**options: Any) -> Client:
        services = list(library.services_by_name.values())
        return Client(Gateway(services, backend, GatewayOptions(**options)))

    return make


@pytest.fixture
def client(open_gateway: Open) -> Client:
    return open_gateway()
