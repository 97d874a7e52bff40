"""A running Switchyard for the Python client: queue, server and worker as processes."""

from collections.abc import AsyncIterator, Iterator

import pytest

from switchyard_client import AsyncClient, Client
from tests.end_to_end.system import System

PASSWORD = "a password of the tests"
# The server's, so that a test can make a token that has expired.
SIGNING_KEY = "a key of the tests, long enough for its hash"


@pytest.fixture(scope="session")
def shared_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A running system for tests that harm nothing."""
    environment = {"ADMIN_PASSWORD": PASSWORD, "JWT_SECRET_KEY": SIGNING_KEY}
    with System(tmp_path_factory.mktemp("client"), environment) as system:
        system.start()
        yield system


@pytest.fixture
def address(shared_system: System) -> str:
    """Where the server listens for gRPC."""
    return f"127.0.0.1:{shared_system.grpc_port}"


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    """The client that waits."""
    with Client(address) as client:
        yield client


@pytest.fixture
async def aclient(address: str) -> AsyncIterator[AsyncClient]:
    """The client for asyncio."""
    async with AsyncClient(address) as client:
        yield client
