"""A server for workers of environments, as far as a test goes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc

from switchyard.environments.v1 import provisioning_service_pb2_grpc as provisioning
from switchyard.tasks.v1 import worker_service_pb2_grpc as tasks_grpc
from tests.integration.workers.board import Board
from tests.ports import free_port


class ProvisioningBoard(Board, provisioning.ProvisioningServiceServicer):
    """A board whose Tasks are those of environments; what else it says of them is up to the test."""

    @asynccontextmanager
    async def shown(self) -> AsyncIterator[str]:
        """Serve it, and yield its address."""
        server = grpc.aio.server()
        tasks_grpc.add_WorkerServiceServicer_to_server(self, server)
        provisioning.add_ProvisioningServiceServicer_to_server(self, server)
        address = f"127.0.0.1:{free_port()}"
        server.add_insecure_port(address)
        await server.start()
        try:
            yield address
        finally:
            await server.stop(None)
