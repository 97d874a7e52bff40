"""FleetService: robots in the hands of whoever runs them."""

import base64
import binascii
from dataclasses import replace
from typing import Any, Final

import grpc
import sqlalchemy as sa

from server.clock import Clock, to_timestamp
from server.database.database import Database
from server.database.text import storable
from server.errors import InvalidArgument
from server.orchestrator.robots import robot_store
from server.orchestrator.robots.board import Board
from server.orchestrator.robots.claims import key_of
from server.orchestrator.robots.enrolment import Enrolments
from server.orchestrator.robots.removal import Removal
from server.orchestrator.robots.robot import RobotRow, to_registration
from server.orchestrator.robots.token_store import Enrolment
from server.orchestrator.robots.visibility import may_see, may_speak_for
from server.rpc.caller import CALLER
from server.tasks.kernel import Kernel
from switchyard.orchestrator.v1 import fleet_service_pb2 as pb
from switchyard.orchestrator.v1 import fleet_service_pb2_grpc as pb_grpc
from switchyard.orchestrator.v1 import robot_pb2

# Source: the comments of CreateEnrolmentRequest and ListRobotsRequest.
DEFAULT_MINUTES: Final = 60
DEFAULT_PAGE: Final = 100
LARGEST_PAGE: Final = 1_000

Context = grpc.aio.ServicerContext[Any, Any]


class FleetService(pb_grpc.FleetServiceServicer):
    """Serves robots to operators; a caller that is bound to a tenant meets only those of its own."""

    def __init__(
        self,
        database: Database,
        kernel: Kernel,
        board: Board,
        enrolments: Enrolments,
        removal: Removal,
        clock: Clock,
    ) -> None:
        self._database = database
        self._kernel = kernel
        self._board = board
        self._enrolments = enrolments
        self._removal = removal
        self._clock = clock

    async def CreateEnrolment(self, request: pb.CreateEnrolmentRequest, _: Context) -> pb.CreateEnrolmentResponse:
        """Make a key."""
        own = CALLER.get().tenant_id
        tenant = storable(request.tenant_id) if request.HasField("tenant_id") else own or ""
        if own is not None and tenant != own:
            raise InvalidArgument.field("tenant_id", "must be your own")
        robot_id = request.robot_id or None
        if robot_id is not None:
            await self._require_own(robot_id)
        minutes = request.expires_in_minutes if request.HasField("expires_in_minutes") else DEFAULT_MINUTES
        key = await self._enrolments.create(Enrolment(robot_id, tenant), seconds=minutes * 60)
        return pb.CreateEnrolmentResponse(enrolment_key=key.text, expires_at=to_timestamp(key.expire_time))

    async def ListRobots(self, request: pb.ListRobotsRequest, _: Context) -> pb.ListRobotsResponse:
        """List a page of robots."""
        size = min(request.page_size or DEFAULT_PAGE, LARGEST_PAGE)
        after, tenant, now = _after(request.page_token), CALLER.get().tenant_id, self._clock()
        rows = await self._database.scan(
            lambda connection: robot_store.page(connection, tenant=tenant, after=after, limit=size + 1, now=now)
        )
        page = rows[:size]
        return pb.ListRobotsResponse(
            robots=[to_registration(row) for row in page],
            next_page_token=_token(page[-1]) if len(rows) > size else "",
        )

    async def DrainRobot(self, request: pb.DrainRobotRequest, _: Context) -> pb.DrainRobotResponse:
        """Let a robot take no further jobs."""
        return pb.DrainRobotResponse(robot=await self._set_draining(request.robot_id, draining=True))

    async def ResumeRobot(self, request: pb.ResumeRobotRequest, _: Context) -> pb.ResumeRobotResponse:
        """Let a robot take jobs again."""
        return pb.ResumeRobotResponse(robot=await self._set_draining(request.robot_id, draining=False))

    async def DeleteRobot(self, request: pb.DeleteRobotRequest, _: Context) -> pb.DeleteRobotResponse:
        """Forget a robot."""
        await self._removal.remove(storable(request.robot_id), may_see)
        return pb.DeleteRobotResponse(ok=True)

    async def _set_draining(self, robot_id: str, *, draining: bool) -> robot_pb2.RobotRegistration:
        robot_id = storable(robot_id)

        def work(connection: sa.Connection) -> RobotRow | None:
            now = self._clock()
            robot = may_speak_for(robot_store.require_locked(connection, robot_id))
            robot_store.set_draining(connection, robot_id, draining, now=now)
            self._board.changed(connection, replace(robot, draining=draining, change_time=now))
            return robot_store.get(connection, robot_id, now)

        row = await self._database.write(work)
        if row is None:
            raise robot_store.not_found(robot_id)
        # It may wait for a job already.
        self._kernel.changes.notify((key_of(robot_id),))
        if not draining:
            await self._kernel.announce_waiting()
        return to_registration(row)

    async def _require_own(self, robot_id: str) -> None:
        """Refuse to make keys for a robot of another tenant."""
        known = await self._database.read(lambda connection: robot_store.facts(connection, robot_id))
        if known is not None and not may_see(known.tenant):
            raise InvalidArgument.field("robot_id", "is taken")


def _token(row: RobotRow) -> str:
    return base64.urlsafe_b64encode(row.id.encode()).decode().rstrip("=")


def _after(token: str) -> str:
    """Return what `_token` made a page token of; "" for the first page."""
    try:
        decoded = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        return decoded.decode("ascii")
    except (binascii.Error, ValueError):
        raise InvalidArgument.field("page_token", "must be the next_page_token of another page") from None
