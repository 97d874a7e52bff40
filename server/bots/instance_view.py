"""Instances, files and validations as the contract shows them. Pure."""

from pathlib import Path
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from server.bots.instance_store import InstanceRow
from server.bots.tenant_folder import CONFIG_FILE, FileEntry, TenantFolder
from server.clock import SECOND, to_timestamp
from switchyard.bots.v1 import bot_instance_pb2 as pb
from switchyard.bots.v1 import bot_instance_service_pb2 as service_pb


class InstanceView:
    """Knows where the folders of instances lie, and shows instances with their paths."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir: Final = data_dir.absolute()
        self._tenants: Final = f"{self._data_dir}/tenants/"

    def folder(self, row: InstanceRow) -> TenantFolder:
        """Return the folder of the instance."""
        return TenantFolder(self._data_dir, row.owner, row.id)

    def relative_folder(self, row: InstanceRow) -> str:
        """Return the path of its folder below the data folder."""
        return str(self.folder(row).root.relative_to(self._data_dir))

    def message(self, row: InstanceRow) -> pb.BotInstance:
        """Return the instance as the contract shows it."""
        shown = pb.BotInstance(
            id=row.id,
            owner_type=row.owner_type,
            owner_id=row.owner_id,
            bot_code=row.bot_code,
            status=row.status,
            config_path=f"{self._tenants}{row.owner}/bots/{row.id}/{CONFIG_FILE}",
            validation_status=row.validation_status,
        )
        # Set in place: building messages apart and copying them in costs more than all the rest.
        _set(shown.created_at, row.create_time)
        _set(shown.updated_at, row.update_time)
        if row.last_validated_at is not None:
            _set(shown.last_validated_at, row.last_validated_at)
        return shown


def _set(timestamp: Timestamp, micros: int) -> None:
    timestamp.seconds, rest = divmod(micros, SECOND)
    timestamp.nanos = rest * 1000


def validation(row: InstanceRow) -> service_pb.GetValidationResponse:
    """Return what is known of the instance's validation."""
    shown = service_pb.GetValidationResponse.FromString(row.validation_report or b"")
    if row.validation_status is not None:
        shown.validation_status = row.validation_status
    if row.last_validated_at is not None:
        shown.last_validated_at.CopyFrom(to_timestamp(row.last_validated_at))
    if row.validation_task_id is not None:
        shown.job_id = row.validation_task_id
    return shown


def input_file(entry: FileEntry, sha256: str) -> pb.InputFile:
    """Return a file as the contract shows it."""
    return pb.InputFile(
        path=entry.path, size_bytes=entry.size_bytes, sha256=sha256, updated_at=to_timestamp(entry.update_time)
    )
