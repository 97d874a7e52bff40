"""BotInstanceService: instances, their configuration, cookies, inputs and validation, as the wire says them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

import grpc
import sqlalchemy as sa
from google.api import httpbody_pb2

from server.bots import captions, config_file, cookies, inputs, instance_store, instance_view, validation
from server.bots.inputs import Digests
from server.bots.instance_store import Filters, InstanceRow
from server.bots.instance_view import InstanceView
from server.bots.provisioning import Provisioning
from server.bots.tenant_folder import CAPTIONS_FILE, CONFIG_FILE, COOKIES_FILE, TenantFolder, entry_of
from server.clock import Clock
from server.database.database import Database
from server.errors import InvalidArgument, NotFound, PermissionDenied, TooLarge
from server.paging import page_count
from server.rpc import idempotency
from server.rpc.caller import CALLER
from server.rpc.idempotency import IdempotencyKey
from server.tasks.kernel import Kernel
from server.tasks.task import TaskRow
from switchyard.bots.v1 import bot_instance_service_pb2 as pb
from switchyard.bots.v1 import bot_instance_service_pb2_grpc as pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]

DEFAULT_PER_PAGE: Final = 20
# "queued" is what the published document answers.
QUEUED: Final = "queued"


class InstanceService(pb_grpc.BotInstanceServiceServicer):
    """Serves instances to their owners."""

    def __init__(
        self, database: Database, kernel: Kernel, view: InstanceView, provisioning: Provisioning, clock: Clock
    ) -> None:
        self._database = database
        self._kernel = kernel
        self._view = view
        self._provisioning = provisioning
        self._clock = clock
        self._digests = Digests()

    async def CreateBotInstance(
        self, request: pb.CreateBotInstanceRequest, _context: Context
    ) -> pb.CreateBotInstanceResponse:
        """Create an instance, for a caller of one tenant only for that tenant."""
        tenant_id = CALLER.get().tenant_id
        if tenant_id is not None and request.owner_id != tenant_id:
            raise PermissionDenied(f"owner_id must be {tenant_id!r} for this credential", owner_id=request.owner_id)
        key = IdempotencyKey.of_call(request.request_id, "CreateBotInstance")
        return await self._provisioning.create(request, key)

    async def ListBotInstances(
        self, request: pb.ListBotInstancesRequest, _context: Context
    ) -> pb.ListBotInstancesResponse:
        """List a page of the instances that the caller may see."""
        filters = Filters(
            tenant_id=CALLER.get().tenant_id,
            owner_type=request.owner_type if request.HasField("owner_type") else None,
            owner_id=request.owner_id,
            bot_code=request.bot_code,
            status=request.status if request.HasField("status") else None,
        )
        page = request.page if request.HasField("page") else 1
        per_page = request.per_page if request.HasField("per_page") else DEFAULT_PER_PAGE

        def query(connection: sa.Connection) -> tuple[int, list[InstanceRow]]:
            offset = (page - 1) * per_page
            found = instance_store.page(connection, filters, offset=offset, limit=per_page)
            return instance_store.count(connection, filters), found

        total, rows = await self._database.scan(query)
        return pb.ListBotInstancesResponse(
            bot_instances=[self._view.message(row) for row in rows],
            total=total,
            page=page,
            per_page=per_page,
            total_pages=page_count(total, per_page),
        )

    async def GetBotInstance(self, request: pb.GetBotInstanceRequest, _context: Context) -> pb.GetBotInstanceResponse:
        """Read one instance."""
        return pb.GetBotInstanceResponse(bot_instance=self._view.message(await self._require(request.id)))

    async def UpdateBotInstance(
        self, request: pb.UpdateBotInstanceRequest, _context: Context
    ) -> pb.UpdateBotInstanceResponse:
        """Lay keys over config.yaml."""
        row = await self._require(request.id)
        await asyncio.to_thread(_change_config, self._view.folder(row), row.bot_code, request)
        return pb.UpdateBotInstanceResponse(bot_instance=self._view.message(await self._touch(row)))

    async def DeleteBotInstance(
        self, request: pb.DeleteBotInstanceRequest, _context: Context
    ) -> pb.DeleteBotInstanceResponse:
        """Delete an instance and everything that belongs to it."""
        await self._provisioning.delete(await self._require(request.id), force=request.force)
        return pb.DeleteBotInstanceResponse(ok=True)

    async def GetBotConfig(self, request: pb.GetBotConfigRequest, _context: Context) -> httpbody_pb2.HttpBody:
        """Read config.yaml as it stands on disk, whether it is good or not."""
        folder = self._view.folder(await self._require(request.id))
        data = await asyncio.to_thread(folder.read, CONFIG_FILE, limit_bytes=config_file.MAX_BYTES)
        return httpbody_pb2.HttpBody(content_type="application/yaml", data=data)

    async def UploadCookies(self, request: pb.UploadCookiesRequest, _context: Context) -> pb.UploadCookiesResponse:
        """Store cookies as a storage state."""
        row = await self._require(request.id)
        _check_size(request.file.data, cookies.MAX_BYTES)
        state = await asyncio.to_thread(cookies.storage_state, request.file.data)
        await asyncio.to_thread(self._view.folder(row).write, COOKIES_FILE, state)
        await self._touch(row)
        return pb.UploadCookiesResponse(ok=True)

    async def ListInputs(self, request: pb.ListInputsRequest, _context: Context) -> pb.ListInputsResponse:
        """List the files the bot may read, cookies left out."""
        folder = self._view.folder(await self._require(request.id))
        found = await self._digests.of_files(folder, "inputs")
        return pb.ListInputsResponse(
            inputs=[instance_view.input_file(entry, digest) for entry, digest in found],
            cookies_uploaded=await asyncio.to_thread(folder.exists, COOKIES_FILE),
        )

    async def PutCaptions(self, request: pb.PutCaptionsRequest, _context: Context) -> pb.PutCaptionsResponse:
        """Store the captions file."""
        row = await self._require(request.id)
        data = request.file.data
        _check_size(data, captions.MAX_BYTES)
        await asyncio.to_thread(captions.check, data)
        folder = self._view.folder(row)
        found = await asyncio.to_thread(folder.write, CAPTIONS_FILE, data)
        await self._touch(row)
        entry = entry_of(CAPTIONS_FILE, found)
        digest = inputs.digest_of(data)
        self._digests.keep(folder, entry, digest)
        return pb.PutCaptionsResponse(input=instance_view.input_file(entry, digest))

    async def PutMedia(
        self, request_iterator: AsyncIterator[pb.PutMediaRequest], _context: Context
    ) -> pb.PutMediaResponse:
        """Store a media file that arrives piece by piece."""
        first = await anext(aiter(request_iterator), None)
        if first is None or not first.id:
            raise InvalidArgument.field("id", "must be given in the first message")
        row = await self._require(first.id)
        path = inputs.media_path(first.name)

        folder = self._view.folder(row)
        entry, digest = await inputs.store_pieces(
            folder, path, _pieces(first, request_iterator), limit_bytes=inputs.MAX_MEDIA_BYTES
        )
        await self._touch(row)
        self._digests.keep(folder, entry, digest)
        return pb.PutMediaResponse(input=instance_view.input_file(entry, digest))

    async def DeleteMedia(self, request: pb.DeleteMediaRequest, _context: Context) -> pb.DeleteMediaResponse:
        """Remove a media file."""
        row = await self._require(request.id)
        try:
            await asyncio.to_thread(self._view.folder(row).remove, inputs.media_path(request.name))
        except NotFound as error:
            raise NotFound("Media file not found", name=request.name) from error
        await self._touch(row)
        return pb.DeleteMediaResponse(ok=True)

    async def ValidateBotInstance(
        self, request: pb.ValidateBotInstanceRequest, _context: Context
    ) -> pb.ValidateBotInstanceResponse:
        """Start a validation, or name the one that is under way."""
        tenant_id = CALLER.get().tenant_id
        key = IdempotencyKey.of_call(request.request_id, "ValidateBotInstance")
        created: list[TaskRow] = []

        def work(connection: sa.Connection) -> pb.ValidateBotInstanceResponse:
            created.clear()  # The unit of work may run more than once.
            instance = instance_store.require(connection, request.id, tenant_id=tenant_id)
            now = self._clock()
            earlier = idempotency.remember(connection, key, request, now=now)
            if earlier is not None:
                return pb.ValidateBotInstanceResponse.FromString(earlier)
            task, new = validation.begin(connection, instance, now=now)
            if new:
                created.append(task)
            response = pb.ValidateBotInstanceResponse(job_id=task.id, status=QUEUED)
            idempotency.store_answer(connection, key, response)
            return response

        response = await self._database.write(work)
        self._kernel.announce(created)
        return response

    async def CompleteValidation(
        self, request: pb.CompleteValidationRequest, _context: Context
    ) -> pb.CompleteValidationResponse:
        """Take the verdict of a validator."""
        validation.check_verdict(request.status)
        if request.instance_id != request.id:
            raise InvalidArgument.field("instance_id", "must be the id in the path")
        tenant_id = CALLER.get().tenant_id

        def work(connection: sa.Connection) -> None:
            instance = instance_store.require(connection, request.id, tenant_id=tenant_id)
            validation.conclude_from_outside(connection, instance, request, now=self._clock())

        await self._database.write(work)
        return pb.CompleteValidationResponse(ok=True)

    async def GetValidation(self, request: pb.GetValidationRequest, _context: Context) -> pb.GetValidationResponse:
        """Read what the last validation found."""
        return instance_view.validation(await self._require(request.id))

    async def _require(self, instance_id: str) -> InstanceRow:
        tenant_id = CALLER.get().tenant_id
        return await self._database.read(
            lambda connection: instance_store.require(connection, instance_id, tenant_id=tenant_id)
        )

    async def _touch(self, row: InstanceRow) -> InstanceRow:
        """Note that the instance's files changed; return it as it stands now.

        A file that was written after its instance was deleted goes with its folder.
        """
        folder_path = self._view.relative_folder(row)

        def work(connection: sa.Connection) -> InstanceRow | None:
            now = self._clock()
            if instance_store.touch(connection, row.id, now=now):
                return instance_store.get(connection, row.id)
            instance_store.forget_removal(connection, folder_path)
            instance_store.plan_removal(connection, folder_path, not_before=now)
            return None

        touched = await self._database.write(work)
        if touched is None:
            await self._provisioning.remove_due()
            raise NotFound("Bot instance not found", instance_id=row.id)
        return touched


def _change_config(folder: TenantFolder, bot_code: str, request: pb.UpdateBotInstanceRequest) -> None:
    """Read, change, check and write config.yaml while nobody else does."""
    changes, params = config_file.from_struct(request.config), config_file.from_struct(request.params)
    with folder.exclusive():
        present = config_file.parse(folder.read(CONFIG_FILE, limit_bytes=config_file.MAX_BYTES))
        config = config_file.lay_over(present, changes)
        if params:
            config = config_file.lay_over(config, {"params": params})
        config_file.check(config, bot_code=bot_code)
        folder.write(CONFIG_FILE, config_file.render(config))


async def _pieces(first: pb.PutMediaRequest, rest: AsyncIterator[pb.PutMediaRequest]) -> AsyncIterator[bytes]:
    """Yield the bytes of an upload and see to it that it came whole.

    Raises:
        InvalidArgument: the last message did not say that it was the last one, or another one did.
    """
    yield first.file.data
    last = first.last
    async for request in rest:
        if last:
            raise InvalidArgument.field("last", "must not be set before the last message")
        last = request.last
        yield request.file.data
    if not last:
        # A client that dies may look like one that has sent everything.
        raise InvalidArgument.field("last", "must be set in the last message; the file broke off")


def _check_size(data: bytes, limit_bytes: int) -> None:
    if len(data) > limit_bytes:
        raise TooLarge(f"file must be at most {limit_bytes} bytes")
