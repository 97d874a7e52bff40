"""Environments as the contract shows them. Pure."""

from collections.abc import Sequence

from server.clock import to_timestamp
from server.environments.environment_row import EnvironmentRow
from server.environments.lifecycle import CHANGING, ERROR, RUNNING
from server.tasks.task import TaskRow
from switchyard.environments.v1.environment_pb2 import Environment, Port
from switchyard.environments.v1.provisioning_service_pb2 import ProvisionEnvironmentResult
from switchyard.tasks.v1.task_pb2 import Task

AZURE = "azure"


def environment(row: EnvironmentRow, task: TaskRow | None, *, now: int) -> Environment:
    """Return an environment as it stands at `now`; `task` is the one that works on it."""
    shown = Environment(
        id=row.id,
        user_id=row.user_id,
        name=row.name,
        status=row.status,
        cloud_provider=row.cloud_provider,
        cloud_region=row.cloud_region,
        cpu_cores=row.cpu_cores,
        memory_gb=row.memory_gb,
        storage_gb=row.storage_gb,
        base_image=row.base_image,
        created_at=to_timestamp(row.create_time),
        updated_at=to_timestamp(row.update_time),
        last_accessed_at=to_timestamp(row.access_time),
        error=(row.error or None) if row.status == ERROR else None,
        provider=row.provider,
        auto_stop_minutes=row.auto_stop_minutes,
        max_run_minutes=row.max_run_minutes,
        task_id=row.task_id or None,
        template_id=row.template_id,
        drift=row.drift or None,
    )
    _show_made(shown, row)
    _show_keep_awake(shown, row, now=now)
    if row.status in CHANGING and task is not None and not task.final:
        shown.step.CopyFrom(_step(task))
    return shown


def ports(row: EnvironmentRow) -> Sequence[Port]:
    """Return the ports of an environment, the editor first; without addresses while it does not run."""
    made = _made(row).ports
    if row.status == RUNNING:
        return made
    return [Port(name=one.name, port=one.port) for one in made]


def _show_made(shown: Environment, row: EnvironmentRow) -> None:
    """Add what the provider has made."""
    made = _made(row)
    running = row.status == RUNNING
    if made.resource_id:
        shown.resource_id = made.resource_id
    if running and made.ide_url:
        shown.vs_code_url = made.ide_url
    if row.provider != AZURE:
        return
    if made.resource_id:
        shown.aci_container_group_id = made.resource_id
    # The address goes back to Azure when the containers stop.
    if running and made.public_ip:
        shown.aci_public_ip = made.public_ip
    if made.storage_name:
        shown.azure_file_share_name = made.storage_name


def _show_keep_awake(shown: Environment, row: EnvironmentRow, *, now: int) -> None:
    if row.keep_awake_task is not None:
        shown.keep_awake_task_id = row.keep_awake_task
    elif row.keep_awake_until is not None and row.keep_awake_until > now:
        shown.keep_awake_until.CopyFrom(to_timestamp(row.keep_awake_until))
    else:
        return
    shown.keep_awake_reason = row.keep_awake_reason


def _step(task: TaskRow) -> Environment.Step:
    if task.state == Task.STATE_QUEUED:
        waits = "waiting for its turn" if task.not_before is None else "waiting to try again"
        return Environment.Step(name=waits, begin_time=to_timestamp(task.create_time))
    if task.progress_time is None:
        return Environment.Step(name="beginning", begin_time=to_timestamp(task.start_time or task.create_time))
    return Environment.Step(
        name=task.progress_message,
        fraction=task.progress_fraction or 0.0,
        begin_time=to_timestamp(task.progress_time),
    )


def _made(row: EnvironmentRow) -> ProvisionEnvironmentResult:
    return ProvisionEnvironmentResult.FromString(row.result or b"")
