"""ReconciliationService: comparisons and orphans, as the wire says it."""

from functools import partial
from typing import Any

import grpc
import orjson
import sqlalchemy as sa

from server.clock import to_timestamp
from server.database.after_commit import after_commit
from server.database.database import Database
from server.environments.reconciliation import orphans, reconciliation_store
from server.environments.reconciliation.comparing import Comparing
from server.environments.reconciliation.orphans import OrphanRow
from server.environments.reconciliation.reconciliation_store import ComparisonRow
from server.paging import number_before, page_limit, token_behind
from server.tasks.kernel import Kernel
from server.tasks.task import TaskRow
from switchyard.environments.v1 import reconciliation_service_pb2 as pb
from switchyard.environments.v1 import reconciliation_service_pb2_grpc as pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class ReconciliationService(pb_grpc.ReconciliationServiceServicer):
    """Serves admins: what is compared is everybody's."""

    def __init__(self, database: Database, kernel: Kernel, comparing: Comparing) -> None:
        self._database = database
        self._kernel = kernel
        self._comparing = comparing

    async def Reconcile(self, _request: pb.ReconcileRequest, _context: Context) -> pb.ReconcileResponse:
        """Begin a comparison at each provider, or name the one under way."""
        tasks = [await self._comparing.ask(provider) for provider in self._comparing.providers]
        return pb.ReconcileResponse(task_ids=[task.id for task in tasks])

    async def GetReconciliation(
        self, _request: pb.GetReconciliationRequest, _context: Context
    ) -> pb.GetReconciliationResponse:
        """Tell how the last comparisons went."""

        def query(connection: sa.Connection) -> list[ComparisonRow]:
            return [reconciliation_store.comparison(connection, provider) for provider in self._comparing.providers]

        rows = await self._database.read(query)
        return pb.GetReconciliationResponse(comparisons=map(_comparison, rows))

    async def ListOrphans(self, request: pb.ListOrphansRequest, _context: Context) -> pb.ListOrphansResponse:
        """List a page of orphans."""
        limit, behind = page_limit(request.page_size), number_before(request.page_token)
        rows = await self._database.scan(partial(orphans.page, limit=limit + 1, behind=behind))
        more = len(rows) > limit
        return pb.ListOrphansResponse(
            orphans=map(_orphan, rows[:limit]), next_page_token=token_behind(rows[limit - 1].number) if more else ""
        )

    async def RemoveOrphan(self, request: pb.RemoveOrphanRequest, _context: Context) -> pb.RemoveOrphanResponse:
        """Begin to remove an orphan."""

        def work(connection: sa.Connection) -> TaskRow:
            now = self._kernel.clock()
            task = orphans.remove(connection, request.provider, request.environment_id, now=now)
            after_commit(connection, partial(self._kernel.announce, [task]))
            return task

        return pb.RemoveOrphanResponse(task_id=(await self._database.write(work)).id)


def _comparison(row: ComparisonRow) -> pb.Comparison:
    return pb.Comparison(
        provider=row.provider,
        compare_time=None if row.compare_time is None else to_timestamp(row.compare_time),
        found=row.found,
        corrected=row.corrected,
        shown=row.shown,
        orphans=row.orphans,
        error=row.error or None,
    )


def _orphan(row: OrphanRow) -> pb.Orphan:
    return pb.Orphan(
        provider=row.provider,
        environment_id=row.environment_id,
        resources=orjson.loads(row.resources),
        see_time=to_timestamp(row.see_time),
        task_id=row.task_id,
    )
