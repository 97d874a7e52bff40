"""BotWorkerService: what workers need to do the Tasks of bots, under their lease."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any, BinaryIO, Final

import grpc
import sqlalchemy as sa

from server.bots import instance_store, validation, webhook_store
from server.bots.instance_store import DELIVER_KIND, RUN_KIND, SUBJECT_PREFIX, VALIDATE_KIND, InstanceRow
from server.bots.instance_view import InstanceView
from server.bots.state_files import StateFiles
from server.bots.tenant_folder import CONFIG_FILE, STATE_FOLDER, PathRefused, TenantFolder
from server.clock import Clock
from server.database.database import Database
from server.errors import InvalidArgument, NotFound
from server.secret_box import SecretBox
from server.tasks import store
from server.tasks.kernel import Kernel
from server.tasks.task import TaskRow
from switchyard.bots.v1 import bot_worker_service_pb2 as pb
from switchyard.bots.v1 import bot_worker_service_pb2_grpc as pb_grpc
from switchyard.tasks.v1.worker_service_pb2 import LeaseKey

Context = grpc.aio.ServicerContext[Any, Any]

# Of a message, as the contract promises.
PIECE_BYTES: Final = 1 << 20
# Sent whole; logs stay here.
SENT_FOLDERS: Final = ("secrets", "inputs", STATE_FOLDER)


class BotWorkerService(pb_grpc.BotWorkerServiceServicer):
    """Serves workers that hold a lease on a Task of an instance."""

    def __init__(
        self, database: Database, kernel: Kernel, view: InstanceView, secret_box: SecretBox, clock: Clock
    ) -> None:
        self._database = database
        self._kernel = kernel
        self._view = view
        self._secret_box = secret_box
        self._clock = clock

    async def FetchFiles(
        self, request: pb.FetchFilesRequest, _context: Context
    ) -> AsyncIterator[pb.FetchFilesResponse]:
        """Send the files of the instance, piece by piece. Links are left out."""
        task = await self._held(request.lease)
        folder = self._view.folder(await self._database.read(lambda connection: _instance(connection, task)))
        for path in await asyncio.to_thread(_paths, folder):
            try:
                file = await asyncio.to_thread(_open, folder, path)
            except (NotFound, PathRefused):
                continue  # Removed or replaced since the folder was read.
            with file:
                first = True
                while (data := await asyncio.to_thread(file.read, PIECE_BYTES)) or first:
                    yield pb.FetchFilesResponse(path=path, data=data, first=first)
                    first = False

    async def SaveState(
        self, request_iterator: AsyncIterator[pb.SaveStateRequest], _context: Context
    ) -> pb.SaveStateResponse:
        """Store the files of state/."""
        first = await anext(aiter(request_iterator), None)
        if first is None or first.WhichOneof("part") != "header":
            raise InvalidArgument.field("header", "must come first")
        task = await self._held(first.header.lease)
        _require_kind(task, RUN_KIND)
        folder = self._view.folder(await self._database.read(lambda connection: _instance(connection, task)))
        files = await asyncio.to_thread(StateFiles, folder)
        try:
            async for request in request_iterator:
                if request.WhichOneof("part") != "piece":
                    raise InvalidArgument.field("piece", "must follow the header")
                await asyncio.to_thread(files.take, request.piece)
            await self._held(first.header.lease)  # Another worker may hold it by now.
            await asyncio.to_thread(files.complete)
        except BaseException:
            # At once, not in a thread: a caller that went away may not let us wait again.
            files.discard()
            raise
        return pb.SaveStateResponse()

    async def ReportValidation(
        self, request: pb.ReportValidationRequest, _context: Context
    ) -> pb.ReportValidationResponse:
        """Store the verdict of a worker."""
        validation.check_verdict(request.status)

        def work(connection: sa.Connection) -> None:
            task = store.held(connection, request.lease.task_id, request.lease.fencing_token)
            _require_kind(task, VALIDATE_KIND)
            instance = _instance(connection, task)
            validation.conclude(
                connection, instance.id, request.status, request.checks, task_id=task.id, now=self._clock()
            )

        await self._database.write(work)
        return pb.ReportValidationResponse()

    async def GetDelivery(self, request: pb.GetDeliveryRequest, _context: Context) -> pb.GetDeliveryResponse:
        """Give the present address and secret of the webhook."""
        task = await self._held(request.lease)
        _require_kind(task, DELIVER_KIND)
        webhook = await self._database.read(
            lambda connection: webhook_store.require(connection, _instance(connection, task).id)
        )
        return pb.GetDeliveryResponse(url=webhook.url, secret=self._secret_box.decrypt(webhook.secret))

    async def _held(self, lease: LeaseKey) -> TaskRow:
        return await self._kernel.held(lease.task_id, lease.fencing_token)


def _instance(connection: sa.Connection, task: TaskRow) -> InstanceRow:
    """Return the instance that the Task is about. Raises NotFound."""
    return instance_store.require(connection, task.subject.removeprefix(SUBJECT_PREFIX), tenant_id=None)


def _require_kind(task: TaskRow, kind: str) -> None:
    if task.kind != kind:
        raise InvalidArgument.field("lease", f"must be that of a task of kind {kind}")


def _paths(folder: TenantFolder) -> list[str]:
    return [CONFIG_FILE, *(entry.path for top in SENT_FOLDERS for entry in folder.files(top))]


def _open(folder: TenantFolder, path: str) -> BinaryIO:
    return os.fdopen(folder.open(path), "rb")
