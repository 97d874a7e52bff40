"""LiveService: what happens to sessions, as it happens, as the wire says it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import grpc

from server.database.text import storable
from server.telemetry.access import tenantless
from server.telemetry.live.hub import Hub
from switchyard.telemetry.v1 import live_service_pb2 as pb
from switchyard.telemetry.v1 import live_service_pb2_grpc as pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class LiveService(pb_grpc.LiveServiceServicer):
    """Serves the newest messages to readers."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def Watch(self, request: pb.WatchRequest, context: Context) -> AsyncGenerator[pb.WatchResponse, None]:
        """Follow what happens."""
        tenantless()
        session_id = storable(request.session_id) or None
        place = self._hub.place(request.after)
        # Whoever sees this knows that nothing is missed from now on.
        await context.send_initial_metadata(())
        following = self._hub.follow(place, session_id=session_id, types=frozenset(request.types))
        async with aclosing(following) as responses:
            async for response in responses:
                yield response
