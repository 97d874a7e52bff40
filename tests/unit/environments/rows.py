"""Rows of environments for tests of pure functions."""

from typing import Any, Final

from server.clock import SECOND
from server.environments.environment_row import EnvironmentRow
from server.environments.lifecycle import RUNNING
from switchyard.environments.v1.environment_pb2 import Environment

MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
NOW: Final = 1_790_000_000 * SECOND


def environment(**given: Any) -> EnvironmentRow:
    """Return a row of an environment that runs at Azure, with the columns `given` in place of its own."""
    columns: dict[str, Any] = {
        "number": 1,
        "id": "env-abc123",
        "tenant": "",
        "user_id": "user-123",
        "name": "my-dev-environment",
        "status": RUNNING,
        "cloud_provider": Environment.CLOUD_PROVIDER_AZURE,
        "cloud_region": "eastus",
        "provider": "azure",
        "cpu_cores": 2,
        "memory_gb": 4,
        "storage_gb": 20,
        "base_image": None,
        "template_id": None,
        "image": "image:1",
        "template_ports": None,
        "startup_script": "",
        "auto_stop_minutes": 30,
        "max_run_minutes": 0,
        "create_time": NOW,
        "update_time": NOW,
        "access_time": NOW,
        "task_id": "task-1",
        "error": "",
        "result": None,
        "sealed_secrets": b"",
        "token_digest": "",
        "running_since": NOW,
        "run_seconds": 0,
        "keep_awake_until": None,
        "keep_awake_task": None,
        "keep_awake_reason": "",
        "report_time": None,
        "ide_time": None,
        "ssh_time": None,
        "ide_connections": 0,
        "ssh_connections": 0,
        "decision_count": 0,
        "drift": "",
        "compared_time": None,
        "drive_count": 0,
    }
    return EnvironmentRow(**columns | given)
