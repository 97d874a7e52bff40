"""One gateway, several servers that do the same work: who gets which call, and what a loss of one costs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.descriptor import FileDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from gateway.backend.channel import ConnectionLost
from gateway.backend.connection import ServerAddress
from gateway.backend.several import SeveralServers, open_servers
from gateway.contract.services import Method, read_services
from gateway.probes import Probes
from tests.integration.gateway.handlers import service_handler
from tests.patience import PATIENCE

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@dataclass
class Wire:
    """Stands between the gateway and a server, and can be cut."""

    port: int
    address: str = ""
    transports: list[asyncio.StreamWriter] = field(default_factory=list)
    listening: asyncio.Server | None = None

    async def open(self) -> None:
        self.listening = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.address = "127.0.0.1:{1}".format(*self.listening.sockets[0].getsockname())

    def cut(self) -> None:
        """As a machine that loses its power, seen by its neighbours."""
        assert self.listening is not None
        self.listening.close()
        for one in self.transports:
            one.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.port)
        self.transports += [writer, back]
        async with asyncio.TaskGroup() as group:
            group.create_task(pour(reader, back))
            group.create_task(pour(there, writer))


async def pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()


@dataclass
class Branch:
    """A library that says who it is."""

    name: str
    classes: dict[str, Any]
    wire: Wire
    healthy: Any
    asked: list[str] = field(default_factory=list)

    async def get_book(self, request: Any, _context: Any) -> Any:
        self._note(request.id)
        return self.classes["Book"](id=self.name)

    async def add_book(self, request: Any, _context: Any) -> Any:
        self._note(request.title)
        return self.classes["AddBookResponse"](book=self.classes["Book"](id=self.name))

    async def list_pages(self, request: Any, _context: Any) -> AsyncIterator[Any]:
        self._note(request.id)
        yield self.classes["Page"](text=self.name)

    def _note(self, what: str) -> None:
        self.asked.append(what)
        if what == f"cut {self.name}":
            self.wire.cut()

    async def say(self, status: Any) -> None:
        await self.healthy.set("", status)


@pytest.fixture
async def branches(library: FileDescriptor, classes: dict[str, Any]) -> AsyncIterator[list[Branch]]:
    async with AsyncExitStack() as stack:
        yield [await open_branch(stack, name, library, classes) for name in ("north", "south")]


async def open_branch(stack: AsyncExitStack, name: str, library: FileDescriptor, classes: dict[str, Any]) -> Branch:
    server = grpc.aio.server()
    healthy: Any = health.aio.HealthServicer()  # type: ignore[attr-defined]  # the stubs know only the other one
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    wire = Wire(server.add_insecure_port("127.0.0.1:0"))
    branch = Branch(name, classes, wire, healthy)
    known = {"GetBook": branch.get_book, "AddBook": branch.add_book, "ListPages": branch.list_pages}

    async def nothing(_request: Any, _context: Any) -> Any:
        raise NotImplementedError

    find: Callable[[str], Any] = lambda method: known.get(method, nothing)  # noqa: E731
    server.add_generic_rpc_handlers([service_handler(library.services_by_name["LibraryService"], find)])
    await server.start()
    stack.push_async_callback(server.stop, None)
    await wire.open()
    stack.callback(wire.cut)
    return branch


@pytest.fixture
async def servers(branches: list[Branch]) -> AsyncIterator[SeveralServers]:
    async with open_servers([ServerAddress(one.wire.address) for one in branches]) as servers:
        yield servers


@pytest.fixture
def method(library: FileDescriptor) -> Callable[[str], Method]:
    methods = read_services([library.services_by_name["LibraryService"]])
    return lambda name: next(one for one in methods if one.descriptor.name == name)


async def until_serving(servers: SeveralServers, method: Method, *names: str) -> None:
    """Wait until these branches answer, and no other."""
    async with asyncio.timeout(PATIENCE):
        while {await ask(servers, method) for _ in range(6)} != set(names):
            await asyncio.sleep(0.02)


async def ask(servers: SeveralServers, method: Method, **fields: str) -> str:
    reply: Any = (await servers.unary(method, method.input_class(**fields), (), PATIENCE)).message
    return str(reply.book.id if hasattr(reply, "book") else reply.id)


async def test_calls_go_to_each_server_in_turn(servers: SeveralServers, method: Any) -> None:
    await until_serving(servers, method("GetBook"), "north", "south")

    answered = [await ask(servers, method("GetBook"), id="b1") for _ in range(6)]

    assert answered in (["north", "south"] * 3, ["south", "north"] * 3)


async def test_a_server_that_says_it_does_not_serve_gets_no_calls_until_it_does(
    servers: SeveralServers, branches: list[Branch], method: Any
) -> None:
    await until_serving(servers, method("GetBook"), "north", "south")

    # As a server does that is about to stop: it goes on answering meanwhile.
    await branches[0].say(NOT_SERVING)
    await until_serving(servers, method("GetBook"), "south")
    await branches[0].say(SERVING)

    await until_serving(servers, method("GetBook"), "north", "south")


@pytest.mark.parametrize("name", ["north", "south"])
async def test_a_call_that_only_reads_is_made_again_elsewhere_when_its_connection_is_lost(
    servers: SeveralServers, branches: list[Branch], method: Any, name: str
) -> None:
    await until_serving(servers, method("GetBook"), "north", "south")

    answered = {await ask(servers, method("GetBook"), id=f"cut {name}") for _ in range(4)}

    assert answered == {"north", "south"} - {name}
    assert [one.asked.count(f"cut {name}") for one in branches if one.name == name] == [1]


async def test_a_stream_that_only_reads_begins_elsewhere_when_its_connection_is_lost_before_an_answer(
    servers: SeveralServers, branches: list[Branch], method: Any
) -> None:
    await until_serving(servers, method("GetBook"), "north", "south")
    listing = method("ListPages")
    request = listing.input_class(id="cut north")

    async def read() -> list[str]:
        answers: Any = servers.stream(listing, request, (), PATIENCE)
        return [page.text async for page in answers]

    pages = [await read() for _ in range(4)]

    assert pages == [["south"]] * 4
    assert branches[0].asked.count("cut north") == 1


async def test_a_call_that_may_have_been_carried_out_is_not_made_again(
    servers: SeveralServers, branches: list[Branch], method: Any
) -> None:
    await until_serving(servers, method("GetBook"), "north", "south")

    answered = await asyncio.gather(
        *(ask(servers, method("AddBook"), title="cut north") for _ in range(2)), return_exceptions=True
    )

    (lost,) = (one for one in answered if isinstance(one, ConnectionLost))
    assert lost.sent
    assert [one.asked.count("cut north") for one in branches] == [1, 1]


async def test_a_call_that_changes_something_goes_elsewhere_when_it_cannot_be_sent(
    servers: SeveralServers, branches: list[Branch], method: Any
) -> None:
    branches[0].wire.cut()

    answered = [await ask(servers, method("AddBook"), title="new") for _ in range(4)]

    assert answered == ["south"] * 4


async def test_nobody_left_to_ask_is_told_in_words_without_addresses(
    servers: SeveralServers, branches: list[Branch], method: Any
) -> None:
    for branch in branches:
        branch.wire.cut()

    with pytest.raises(ConnectionLost) as lost:
        await ask(servers, method("AddBook"), title="new")

    assert (lost.value.status, lost.value.message, lost.value.sent) == (
        grpc.StatusCode.UNAVAILABLE,
        "The server behind this gateway cannot be reached.",
        False,
    )


async def test_probes_tell_whether_there_is_a_server_to_call(
    servers: SeveralServers, branches: list[Branch], method: Any
) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(Probes(servers.serving)), base_url="http://p") as client:

        async def ready(status: int) -> None:
            async with asyncio.timeout(PATIENCE):
                while (await client.get("/readyz")).status_code != status:
                    await asyncio.sleep(0.02)

        # It connects by itself; nobody sends requests to a gateway that is not ready.
        await ready(200)
        for branch in branches:
            branch.wire.cut()
        await ready(503)
        alive = await client.get("/healthz")
        others = [await client.get("/"), await client.post("/readyz")]

    assert alive.status_code == 200
    assert [answer.status_code for answer in others] == [404, 405]
