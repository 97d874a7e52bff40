"""Makes and removes instances: rows and folders together, whatever happens in between.

A folder that may have to go is noted in the database first, with the time from which it may go. Creation takes the note
back in the transaction that stores the instance, deletion makes it in the one that removes the rows; whatever a crash
leaves is removed by `remove_due`, at start and every now and then.
"""

import asyncio
import shutil
import uuid
from pathlib import Path
from typing import Final

import sqlalchemy as sa
import structlog

from server.bots import config_file, instance_store
from server.bots.instance_store import RUN_KIND, InstanceRow
from server.bots.instance_view import InstanceView
from server.bots.tenant_folder import CONFIG_FILE, TenantFolder
from server.clock import SECOND, Clock
from server.database.database import Database
from server.errors import RunActive, TaskFinal
from server.rpc import idempotency
from server.rpc.idempotency import IdempotencyKey
from server.tasks import pruning, store
from server.tasks.kernel import Kernel
from switchyard.bots.v1 import bot_instance_service_pb2 as pb

# Longer than any creation takes, so that no other server removes a folder in the making.
CREATION_MICROS: Final = 600 * SECOND
# Grace for the stop of a Run is 10 s; then it is killed.
STOP_SECONDS: Final = 15.0
_REMOVALS_AT_ONCE: Final = 100

_log = structlog.get_logger(__name__)


class Provisioning:
    """Creates and deletes instances."""

    def __init__(self, database: Database, kernel: Kernel, view: InstanceView, clock: Clock, *, data_dir: Path) -> None:
        self._database = database
        self._kernel = kernel
        self._view = view
        self._clock = clock
        self._data_dir = data_dir

    async def create(self, request: pb.CreateBotInstanceRequest, key: IdempotencyKey) -> pb.CreateBotInstanceResponse:
        """Create an instance with its folder, or give the first answer to a repeated request again.

        Raises:
            InvalidArgument: the configuration is wrong.
            IdempotencyConflict: the key came with another request before.
        """
        text = await asyncio.to_thread(_initial_config, request)
        instance_id = str(uuid.uuid4())
        planned = InstanceRow(
            instance_id, request.owner_type, request.owner_id, request.bot_code, None, None, None, None, 0, 0, None
        )
        folder_path = self._view.relative_folder(planned)
        not_before = self._clock() + CREATION_MICROS
        await self._database.write(
            lambda connection: instance_store.plan_removal(connection, folder_path, not_before=not_before)
        )
        await asyncio.to_thread(_fill, self._view.folder(planned), text)

        def work(connection: sa.Connection) -> pb.CreateBotInstanceResponse:
            now = self._clock()
            instance_store.forget_removal(connection, folder_path)
            earlier = idempotency.remember(connection, key, request, now=now)
            if earlier is not None:
                instance_store.plan_removal(connection, folder_path, not_before=now)
                return pb.CreateBotInstanceResponse.FromString(earlier)
            row = instance_store.insert(
                connection,
                instance_id=instance_id,
                owner_type=request.owner_type,
                owner_id=request.owner_id,
                bot_code=request.bot_code,
                now=now,
            )
            response = pb.CreateBotInstanceResponse(bot_instance=self._view.message(row))
            idempotency.store_answer(connection, key, response)
            return response

        response = await self._database.write(work)
        if response.bot_instance.id != instance_id:
            await self.remove_due()
        return response

    async def delete(self, row: InstanceRow, *, force: bool) -> None:
        """Delete the instance with everything that belongs to it.

        With `force` an active Run is asked to stop and given 15 s; a worker that still holds it then learns at its next
        report that the Run is gone, and kills it.

        Raises:
            RunActive: a Run is queued or running, and `force` is not set.
        """
        if force:
            await self._stop_run(row)

        def work(connection: sa.Connection) -> None:
            store.lock_subject(connection, row.subject)
            if not force and store.active_of_subject(connection, row.subject, RUN_KIND) is not None:
                raise RunActive("the instance has a run that is queued or running; stop it first", instance_id=row.id)
            now = self._clock()
            instance_store.delete(connection, row.id)
            tasks = pruning.delete_of_subject(connection, row.subject)
            for path in (self._view.relative_folder(row), *(f"artifacts/{task_id}" for task_id in tasks)):
                instance_store.plan_removal(connection, path, not_before=now)

        await self._database.write(work)
        self._kernel.changes.notify([row.subject])
        await self.remove_due()

    async def remove_due(self) -> None:
        """Remove the folders that are to go now. One that resists is tried again the next time."""
        while paths := await self._database.read(
            lambda connection: instance_store.due_removals(connection, now=self._clock(), limit=_REMOVALS_AT_ONCE)
        ):
            removed = [path for path in paths if await asyncio.to_thread(_remove, self._data_dir / path)]
            await self._database.write(lambda connection, gone=removed: _forget(connection, gone))  # type: ignore[misc]
            if len(removed) < len(paths):
                return

    async def _stop_run(self, row: InstanceRow) -> None:
        active = await self._database.read(
            lambda connection: store.active_of_subject(connection, row.subject, RUN_KIND)
        )
        if active is None:
            return
        try:
            await self._kernel.cancel(active.id, "the bot instance is deleted")
        except TaskFinal:
            return
        await self._kernel.wait_final(active.id, STOP_SECONDS)


def _initial_config(request: pb.CreateBotInstanceRequest) -> bytes:
    """Return the text of config.yaml. It may take long: seconds for the largest one."""
    config = config_file.lay_over(config_file.defaults(request.bot_code), config_file.from_struct(request.config))
    if request.HasField("params"):
        config = config_file.lay_over(config, {"params": config_file.from_struct(request.params)})
    config_file.check(config, bot_code=request.bot_code)
    return config_file.render(config)


def _fill(folder: TenantFolder, config: bytes) -> None:
    folder.create()
    folder.write(CONFIG_FILE, config)


def _remove(path: Path) -> bool:
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return True
    except OSError:
        _log.warning("a folder could not be removed", path=str(path), exc_info=True)
        return False
    return True


def _forget(connection: sa.Connection, paths: list[str]) -> None:
    for path in paths:
        instance_store.forget_removal(connection, path)
