"""Puts the parts of this room together: the servicers and what runs beside them."""

import asyncio
from dataclasses import dataclass

import grpc

from server.clock import Clock
from server.database.database import Database
from server.fan_out import FanOut
from server.orchestrator.job_runs.beginnings import Beginnings
from server.orchestrator.job_runs.versions import Versions
from server.orchestrator.robots.board import Board
from server.orchestrator.robots.claims import Claims
from server.orchestrator.robots.enrolment import Enrolments
from server.orchestrator.robots.fleet_service import FleetService
from server.orchestrator.robots.removal import Removal
from server.orchestrator.robots.robot_service import RobotService
from server.tasks.kernel import Kernel
from server.tasks.log_hub import LogHub
from server.tasks.renewals import Renewals
from switchyard.orchestrator.v1 import fleet_service_pb2_grpc, robot_service_pb2_grpc


@dataclass(frozen=True, slots=True)
class RobotServices:
    """The servicers of this room and what runs beside them."""

    board: Board
    claims: Claims
    renewals: Renewals
    removal: Removal
    enrolments: Enrolments
    robots: RobotService
    fleet: FleetService

    def add_to_server(self, server: grpc.aio.Server) -> None:
        """Register every servicer."""
        robot_service_pb2_grpc.add_RobotServiceServicer_to_server(self.robots, server)
        fleet_service_pb2_grpc.add_FleetServiceServicer_to_server(self.fleet, server)

    async def run_background(self) -> None:
        """Do what has to be done all the time, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for work in (self.board.run, self.claims.run, self.renewals.run, self.removal.run):
                group.create_task(work())


def build(
    *,
    database: Database,
    kernel: Kernel,
    hub: LogHub,
    versions: Versions,
    beginnings: Beginnings,
    clock: Clock,
    fan_out: FanOut,
) -> RobotServices:
    """Return the parts of this room."""
    board = Board(database, clock)
    kernel.bar(board.barred_kinds)
    claims = Claims(database, kernel, board, versions, beginnings, fan_out)
    renewals = Renewals(database, clock, lease_seconds=kernel.lease_seconds)
    removal = Removal(database, kernel, board)
    enrolments = Enrolments(database, clock)
    return RobotServices(
        board=board,
        claims=claims,
        renewals=renewals,
        removal=removal,
        enrolments=enrolments,
        robots=RobotService(database, kernel, hub, board, claims, renewals, enrolments),
        fleet=FleetService(database, kernel, board, enrolments, removal, clock),
    )
