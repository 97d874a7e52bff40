"""An environment as it is stored, and as the contract shows it. Pure."""

from typing import NamedTuple

from switchyard.environments.v1.environment_pb2 import Environment


class EnvironmentRow(NamedTuple):
    """One row of the table `environments`, in the order of its columns. Times are micros, None where unset."""

    number: int
    id: str
    tenant: str
    user_id: str
    name: str
    status: Environment.Status.ValueType
    cloud_provider: Environment.CloudProvider.ValueType
    cloud_region: str
    provider: str
    cpu_cores: int
    memory_gb: int
    storage_gb: int
    base_image: str | None
    template_id: str | None
    image: str
    template_ports: bytes | None
    startup_script: str
    auto_stop_minutes: int
    max_run_minutes: int
    create_time: int
    update_time: int
    access_time: int
    task_id: str
    error: str
    result: bytes | None
    sealed_secrets: bytes
    token_digest: str
    running_since: int | None
    run_seconds: int
    keep_awake_until: int | None
    keep_awake_task: str | None
    keep_awake_reason: str
    report_time: int | None
    ide_time: int | None
    ssh_time: int | None
    ide_connections: int
    ssh_connections: int
    decision_count: int
    drift: str
    compared_time: int | None
    drive_count: int
