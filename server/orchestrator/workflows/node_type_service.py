"""NodeTypeService: the types of nodes that workers know, as the wire says them."""

from typing import Any

import grpc

from server.clock import Clock
from server.database.database import Database
from server.errors import InvalidArgument
from server.json_text import JsonInvalid, read_object
from server.orchestrator.workflows.node_type_store import NodeTypeStore
from switchyard.orchestrator.v1 import node_type_service_pb2 as pb
from switchyard.orchestrator.v1 import node_type_service_pb2_grpc as pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class NodeTypeService(pb_grpc.NodeTypeServiceServicer):
    """Takes from workers what they know, and shows it to those who make workflows."""

    def __init__(self, database: Database, node_types: NodeTypeStore, clock: Clock) -> None:
        self._database = database
        self._node_types = node_types
        self._clock = clock

    async def ListNodeTypes(self, _request: pb.ListNodeTypesRequest, _context: Context) -> pb.ListNodeTypesResponse:
        """List the types by name."""
        catalog = await self._database.read(self._node_types.catalog)
        return pb.ListNodeTypesResponse(node_types=catalog.types.values())

    async def PublishNodeTypes(
        self, request: pb.PublishNodeTypesRequest, _context: Context
    ) -> pb.PublishNodeTypesResponse:
        """Store what a worker knows."""
        for position, node_type in enumerate(request.node_types):
            _check(node_type, f"node_types[{position}]")
        now = self._clock()
        await self._database.write(lambda connection: self._node_types.publish(connection, request, now=now))
        return pb.PublishNodeTypesResponse()


def _check(node_type: pb.NodeType, field: str) -> None:
    """Refuse what could not be shown again. Raises InvalidArgument."""
    if not node_type.name:
        raise InvalidArgument.field(f"{field}.name", "must be given")
    for name in ("inputs", "outputs"):
        text = getattr(node_type, name)
        try:
            if text:
                read_object(text.encode())
        except JsonInvalid as error:
            raise InvalidArgument.field(f"{field}.{name}", str(error)) from error
