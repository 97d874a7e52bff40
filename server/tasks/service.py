"""TaskService: the kernel as its operators see it."""

import base64
import binascii
from collections.abc import AsyncGenerator
from typing import Any, Final

import grpc

from server.database.database import Database
from server.database.text import storable
from server.errors import InvalidArgument, NotFound
from server.rpc.caller import CALLER
from server.tasks import task_list
from server.tasks.kernel import Kernel
from server.tasks.task import TaskRow, to_message
from switchyard.tasks.v1 import task_service_pb2 as pb
from switchyard.tasks.v1 import task_service_pb2_grpc

# Source: the comment of `ListTasksRequest.page_size`.
PAGE_SIZE: Final = 50
LARGEST_PAGE: Final = 500

Context = grpc.aio.ServicerContext[Any, Any]


class TaskServicer(task_service_pb2_grpc.TaskServiceServicer):
    """Shows and cancels Tasks; a caller that is bound to a tenant meets only those of its own."""

    def __init__(self, kernel: Kernel, database: Database) -> None:
        self._kernel = kernel
        self._database = database

    async def GetTask(self, request: pb.GetTaskRequest, _: Context) -> pb.GetTaskResponse:
        """Read one Task."""
        return pb.GetTaskResponse(task=to_message(await self._own(request.id)))

    async def ListTasks(self, request: pb.ListTasksRequest, _: Context) -> pb.ListTasksResponse:
        """Read a page of Tasks, newest first."""
        size = min(request.page_size or PAGE_SIZE, LARGEST_PAGE)
        before = _number(request.page_token)
        tenant = CALLER.get().tenant_id
        rows = await self._database.scan(
            lambda connection: task_list.list_tasks(
                connection,
                limit=size + 1,
                kind=request.kind,
                subject=request.subject,
                state=request.state if request.HasField("state") else None,
                tenant=tenant,
                before_number=before,
            )
        )
        page = rows[:size]
        more = len(rows) > size
        return pb.ListTasksResponse(
            tasks=[to_message(row) for row in page], next_page_token=_token(page[-1].number) if more else ""
        )

    async def CancelTask(self, request: pb.CancelTaskRequest, _: Context) -> pb.CancelTaskResponse:
        """Ask a Task to end."""
        row = await self._own(request.id)
        return pb.CancelTaskResponse(task=to_message(await self._kernel.cancel(row.id, storable(request.reason))))

    async def WatchTask(self, request: pb.WatchTaskRequest, _: Context) -> AsyncGenerator[pb.WatchTaskResponse, None]:
        """Send a Task each time it changes, and end with its final state."""
        shown = None
        with self._kernel.changes.watch(request.id) as watch:
            while True:
                row = await self._own(request.id)
                task = to_message(row)
                if task != shown:
                    yield pb.WatchTaskResponse(task=task)
                    shown = task
                if row.final:
                    return
                await watch.wait(self._kernel.changes.look_seconds)

    async def _own(self, task_id: str) -> TaskRow:
        """Return the Task if the caller may see it, else raise NotFound."""
        row = await self._kernel.get(task_id)
        tenant = CALLER.get().tenant_id
        if tenant is not None and row.tenant != tenant:
            raise NotFound(f"task {task_id!r} is not known", task_id=task_id)
        return row


def _token(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes(8)).decode().rstrip("=")


def _number(token: str) -> int | None:
    """Return what `_token` made a page token of; None for the first page."""
    if not token:
        return None
    try:
        decoded = base64.b64decode(token + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    if len(decoded) != 8 or decoded[0] > 127:
        raise InvalidArgument.field("page_token", "must be the next_page_token of another page")
    return int.from_bytes(decoded)
