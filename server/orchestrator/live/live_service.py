"""LiveService: jobs, robots and the queue as they change, as the wire says it."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import grpc

from server.database.text import storable
from server.orchestrator.live.hub import Hub
from server.orchestrator.robots.visibility import may_see
from server.rpc.caller import CALLER
from switchyard.orchestrator.v1 import live_service_pb2 as pb
from switchyard.orchestrator.v1 import live_service_pb2_grpc as pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class LiveService(pb_grpc.LiveServiceServicer):
    """Serves the newest messages to readers; a caller that is bound to a tenant meets only what is its own."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def WatchJobs(
        self, request: pb.WatchJobsRequest, context: Context
    ) -> AsyncGenerator[pb.WatchJobsResponse, None]:
        """Follow jobs."""
        place = self._hub.next_job
        # Whoever sees this knows that nothing is missed from now on.
        await context.send_initial_metadata(())
        following = self._hub.follow_jobs(
            place, tenant=CALLER.get().tenant_id, job_id=request.job_id, workflow_id=request.workflow_id
        )
        async with aclosing(following) as responses:
            async for response in responses:
                yield response

    async def WatchRobots(
        self, request: pb.WatchRobotsRequest, context: Context
    ) -> AsyncGenerator[pb.WatchRobotsResponse, None]:
        """Follow robots."""
        robot_id = storable(request.robot_id)
        present = await self._hub.look_at_robots()
        place = self._hub.next_robot
        await context.send_initial_metadata(())
        for robot in present:
            if may_see(robot.tenant) and robot_id in ("", robot.response.robot_id):
                yield robot.response
        following = self._hub.follow_robots(place, tenant=CALLER.get().tenant_id, robot_id=robot_id)
        async with aclosing(following) as responses:
            async for response in responses:
                yield response

    async def WatchQueue(
        self, _request: pb.WatchQueueRequest, _context: Context
    ) -> AsyncGenerator[pb.WatchQueueResponse, None]:
        """Follow the queue."""
        async with aclosing(self._hub.follow_depth(tenant=CALLER.get().tenant_id)) as responses:
            async for response in responses:
                yield response
