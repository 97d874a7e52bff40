"""How a container group fares, by what Azure says of it.

Source: https://learn.microsoft.com/azure/container-instances/container-state
"""

from typing import Any

import pytest
from azure.mgmt.containerinstance.models import ContainerGroup

from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from workers.environments.azure.container_group import is_told_by_list, standing_of


def group(provisioning: str, state: str | None = None, detail: str = "") -> ContainerGroup:
    container = {"name": "workspace", "properties": {"instanceView": {"currentState": {"detailStatus": detail}}}}
    properties: dict[str, Any] = {"provisioningState": provisioning, "containers": [container]}
    if state is not None:
        properties["instanceView"] = {"state": state}
    read: ContainerGroup = ContainerGroup.from_dict({"name": "env-1", "properties": properties})
    return read


@pytest.mark.parametrize(
    ("provisioning", "state", "standing"),
    [
        ("Succeeded", "Running", "RUNNING"),
        ("Succeeded", "Stopped", "STOPPED"),
        # It ended by itself, and well.
        ("Succeeded", "Succeeded", "STOPPED"),
        ("Succeeded", "Failed", "FAILED"),
        ("Succeeded", "Pending", "CHANGING"),
        ("Failed", "Running", "FAILED"),
        ("Unhealthy", "Running", "FAILED"),
        ("Creating", "Running", "CHANGING"),
        ("Deleting", None, "CHANGING"),
        # States that Azure may add are waited for.
        ("Whatever", "Running", "CHANGING"),
    ],
)
def test_where_a_group_stands(provisioning: str, state: str | None, standing: str) -> None:
    assert standing_of(group(provisioning, state)) == FoundEnvironment.Standing.Value(f"STANDING_{standing}")


@pytest.mark.parametrize("detail", ["ImagePullBackOff", "ErrImagePull", "InvalidImageName"])
def test_a_container_that_waits_for_an_image_that_never_comes_has_failed(detail: str) -> None:
    assert standing_of(group("Succeeded", "Pending", detail)) == FoundEnvironment.STANDING_FAILED


def test_a_list_that_leaves_out_what_runs_tells_only_what_is_changing_or_has_failed() -> None:
    assert not is_told_by_list(group("Succeeded"))
    assert is_told_by_list(group("Succeeded", "Running"))
    assert is_told_by_list(group("Creating"))
    assert is_told_by_list(group("Failed"))
