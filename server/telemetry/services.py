"""Puts the parts of this package together: the servicers and what runs beside them."""

import asyncio
from dataclasses import dataclass

import grpc

from server.clock import Clock
from server.database.database import Database
from server.fan_out import ALONE, FanOut
from server.secret_box import SecretBox
from server.telemetry.events.event_service import EventService
from server.telemetry.live.hub import Hub
from server.telemetry.live.live_service import LiveService
from server.telemetry.proxies.proxy_service import ProxyService
from server.telemetry.sessions.expiry import Expiry
from server.telemetry.sessions.retention import Limits, Retention
from server.telemetry.sessions.run_sessions import RunSessions
from server.telemetry.sessions.session_service import SessionService
from server.telemetry.statistics.statistics_service import StatisticsService
from switchyard.telemetry.v1 import (
    event_service_pb2_grpc,
    live_service_pb2_grpc,
    proxy_service_pb2_grpc,
    session_service_pb2_grpc,
    statistics_service_pb2,
    statistics_service_pb2_grpc,
)


@dataclass(frozen=True, slots=True)
class TelemetryServices:
    """The servicers of this package and what runs beside them."""

    hub: Hub
    sessions: SessionService
    events: EventService
    live: LiveService
    proxies: ProxyService
    statistics: StatisticsService
    run_sessions: RunSessions
    expiry: Expiry
    retention: Retention

    def add_to_server(self, server: grpc.aio.Server) -> None:
        """Register every servicer."""
        session_service_pb2_grpc.add_SessionServiceServicer_to_server(self.sessions, server)
        event_service_pb2_grpc.add_EventServiceServicer_to_server(self.events, server)
        live_service_pb2_grpc.add_LiveServiceServicer_to_server(self.live, server)
        proxy_service_pb2_grpc.add_ProxyServiceServicer_to_server(self.proxies, server)
        statistics_service_pb2_grpc.add_StatisticsServiceServicer_to_server(self.statistics, server)

    async def run_background(self) -> None:
        """Do what has to be done all the time, until cancelled."""
        async with asyncio.TaskGroup() as group:
            for work in (self.hub.run, self.expiry.run, self.retention.run):
                group.create_task(work())


def build(
    *,
    database: Database,
    secret_box: SecretBox,
    clock: Clock,
    health: statistics_service_pb2.GetHealthResponse,
    ttl_seconds: int,
    limits: Limits,
    fan_out: FanOut = ALONE,
) -> TelemetryServices:
    """Return the parts of this package.

    Passwords of proxies are kept in `secret_box`; `health` holds what never changes of the answer of GetHealth.
    """
    hub = Hub(database, clock, fan_out)
    return TelemetryServices(
        hub=hub,
        sessions=SessionService(database, hub, clock),
        events=EventService(database, hub, clock),
        live=LiveService(hub),
        proxies=ProxyService(database, secret_box, clock),
        statistics=StatisticsService(database, clock, health),
        run_sessions=RunSessions(hub),
        expiry=Expiry(database, hub, clock, ttl_seconds=ttl_seconds),
        retention=Retention(database, hub, clock, limits),
    )
