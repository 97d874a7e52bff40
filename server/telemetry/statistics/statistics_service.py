"""StatisticsService: totals as the wire says them, and whether they are true."""

from typing import Any

import sqlalchemy as sa

from server.clock import SECOND, Clock, to_timestamp
from server.database.away import BREAKS
from server.database.database import Database
from server.errors import Unavailable
from server.telemetry.access import tenantless
from server.telemetry.proxies import proxy_store, proxy_view
from server.telemetry.statistics import check, counts
from server.telemetry.statistics.counts import Totals
from switchyard.telemetry.v1 import proxy_pb2, statistics_service_pb2_grpc
from switchyard.telemetry.v1 import statistics_service_pb2 as pb

Context = Any


class StatisticsService(statistics_service_pb2_grpc.StatisticsServiceServicer):
    """The servicer. `health` holds what never changes of the answer of GetHealth."""

    def __init__(self, database: Database, clock: Clock, health: pb.GetHealthResponse) -> None:
        self._database = database
        self._clock = clock
        self._health = health

    async def GetHealth(self, _request: pb.GetHealthRequest, _context: Context) -> pb.GetHealthResponse:
        """Say whether the database answers."""
        try:
            totals = await self._database.read(counts.read_totals)
        except BREAKS as error:
            raise Unavailable("the database does not answer") from error
        response = pb.GetHealthResponse(status="healthy", active_sessions=totals.active)
        response.MergeFrom(self._health)
        response.timestamp.CopyFrom(to_timestamp(self._clock()))
        return response

    async def GetStatistics(self, _request: pb.GetStatisticsRequest, _context: Context) -> pb.GetStatisticsResponse:
        """Read the totals."""
        tenantless()
        now = self._clock()

        def query(connection: sa.Connection) -> pb.GetStatisticsResponse:
            response = totals_message(counts.read_totals(connection))
            response.proxy_stats.extend(proxy_store.all_statuses(connection, now))
            return response

        # Off the loop: there may be thousands of proxies.
        response = await self._database.scan(query)
        response.ip_health.CopyFrom(proxy_view.counts(response.proxy_stats))
        return response

    async def CheckStatistics(
        self, _request: pb.CheckStatisticsRequest, _context: Context
    ) -> pb.CheckStatisticsResponse:
        """Count everything anew."""
        tenantless()
        found = await self._database.crawl(check.check)
        differences = [
            pb.Difference(what=one.what, stored=one.stored, counted=one.counted) for one in found.differences
        ]
        return pb.CheckStatisticsResponse(ok=not differences, compared=found.compared, differences=differences)


def totals_message(totals: Totals) -> pb.GetStatisticsResponse:
    """The totals without the proxies."""
    ended = totals.completed + totals.failed
    return pb.GetStatisticsResponse(
        total_sessions=totals.sessions,
        active_sessions=totals.active,
        successful_sessions=totals.completed,
        failed_sessions=totals.failed,
        total_events=totals.events,
        average_duration=round(totals.duration_micros / ended / SECOND, 6) if ended else 0.0,
        success_rate=totals.success_percent,
        ip_health=proxy_pb2.ProxyCounts(),
    )
