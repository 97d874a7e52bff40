"""Names, shape and standing of the container group of an environment. Pure."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Final, TypeAlias

from azure.mgmt.containerinstance.models import (
    AzureFileVolume,
    Container,
    ContainerGroup,
    ContainerGroupPropertiesInstanceView,
    ContainerPort,
    ContainerPropertiesInstanceView,
    EnvironmentVariable,
    IpAddress,
    Port,
    ResourceRequests,
    ResourceRequirements,
    Volume,
    VolumeMount,
)

from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from workers.environments.provider import ENVIRONMENT_TAG, IDE_PORT, SSH_PORT, WORKSPACE, Made, OpenPort, Plan

Standing: TypeAlias = "FoundEnvironment.Standing.ValueType"

RUNNING: Final = FoundEnvironment.STANDING_RUNNING
STOPPED: Final = FoundEnvironment.STANDING_STOPPED
CHANGING: Final = FoundEnvironment.STANDING_CHANGING
FAILED: Final = FoundEnvironment.STANDING_FAILED

# Of the one container in a group.
CONTAINER: Final = "workspace"

SHARE_PREFIX: Final = "workspace-"
_VOLUME: Final = "workspace"
_PLAN_TAG: Final = "switchyard-plan"
# Source: https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations
_TAG_LENGTH: Final = 256

# States that do not pass by themselves. Any other one is on its way.
_PROVISIONING: Final[Mapping[str, Standing]] = {"failed": FAILED, "canceled": FAILED, "unhealthy": FAILED}
# Once it is provisioned. Source: comments of instanceView.state in the API, and
# https://learn.microsoft.com/azure/container-instances/container-state
_INSTANCE: Final[Mapping[str, Standing]] = {
    "running": RUNNING,
    "stopped": STOPPED,
    # It ended by itself: well, or badly and for good.
    "succeeded": STOPPED,
    "terminated": STOPPED,
    "failed": FAILED,
}
# A container that waits for one of these waits in vain.
_IN_VAIN: Final = ("ImagePull", "InvalidImage")


def share_name(environment_id: str) -> str:
    """Return the file share that holds the files of an environment."""
    return SHARE_PREFIX + environment_id


def group_of(plan: Plan, storage_account: str, storage_key: str) -> ContainerGroup:
    """Return the container group that runs `plan`. Secrets are secure values, which Azure never tells anybody."""
    ports = [IDE_PORT, SSH_PORT, *_own_ports(plan).values()]
    return ContainerGroup(
        location=plan.region,
        os_type="Linux",
        restart_policy="OnFailure",
        tags={**_tags(plan), _PLAN_TAG: _fingerprint(plan, storage_key)},
        containers=[_container(plan, ports)],
        volumes=[_volume(plan, storage_account, storage_key)],
        ip_address=IpAddress(
            type="Public",
            ports=[Port(protocol="TCP", port=port) for port in ports],
            dns_name_label=plan.environment_id,
            # The name has a part of its own for each tenant, so that nobody else can have it already.
            auto_generated_domain_name_label_scope="TenantReuse",
        ),
    )


def environment_of(group: ContainerGroup) -> str:
    """Return the id of the environment that `group` runs; empty when it runs none of ours."""
    return (group.tags or {}).get(ENVIRONMENT_TAG, "")


def is_as_planned(group: ContainerGroup, plan: Plan, storage_key: str) -> bool:
    """Return whether `group` was made from this very plan, secrets included, and with this key."""
    return (group.tags or {}).get(_PLAN_TAG) == _fingerprint(plan, storage_key)


def standing_of(group: ContainerGroup) -> Standing:
    """Return how `group` fares, once it was looked at by itself: a list of groups leaves out what runs."""
    provisioning = (group.provisioning_state or "").lower()
    if provisioning != "succeeded":
        return _PROVISIONING.get(provisioning, CHANGING)
    if _waits_in_vain(group):
        return FAILED
    return _INSTANCE.get((_state(group) or "").lower(), CHANGING)


def detail_of(group: ContainerGroup) -> str:
    """Return Azure's words for how `group` fares."""
    return f"{group.provisioning_state or '?'}, {_state(group) or '?'}"


def is_told_by_list(group: ContainerGroup) -> bool:
    """Return whether a group as it stands in a list tells how it fares."""
    return (group.provisioning_state or "").lower() != "succeeded" or _state(group) is not None


def address_of(group: ContainerGroup) -> str:
    """Return the public address of `group`; empty while it has none."""
    return (group.ip_address and group.ip_address.ip) or ""


def made(group: ContainerGroup, plan: Plan) -> Made:
    """Return where the environment that `group` runs can be reached."""
    address = address_of(group)
    ide_url = f"https://{address}:{IDE_PORT}"
    return Made(
        resource_id=group.id or "",
        ide_url=ide_url,
        ports=[
            OpenPort("ide", IDE_PORT, ide_url),
            OpenPort("ssh", SSH_PORT, f"ssh://{address}:{SSH_PORT}"),
            *(OpenPort(name, port, f"http://{address}:{port}") for name, port in _own_ports(plan).items()),
        ],
        public_ip=address,
        storage_name=share_name(plan.environment_id),
    )


def _own_ports(plan: Plan) -> dict[str, int]:
    return {name: port for name, port in plan.ports.items() if port not in (IDE_PORT, SSH_PORT)}


def _tags(plan: Plan) -> dict[str, str]:
    return {
        ENVIRONMENT_TAG: plan.environment_id,
        "switchyard-user": plan.user_id[:_TAG_LENGTH],
        "switchyard-name": plan.name[:_TAG_LENGTH],
    }


def _fingerprint(plan: Plan, storage_key: str) -> str:
    """Return what tells plans apart, and from which nobody without the key can guess a secret."""
    values = [plan.image, plan.cpu_cores, plan.memory_gb, *map(dict, (plan.ports, plan.secrets, plan.variables))]
    return hmac.new(storage_key.encode(), json.dumps(values, sort_keys=True).encode(), hashlib.sha256).hexdigest()


def _container(plan: Plan, ports: list[int]) -> Container:
    variables = {"WORKSPACE_DIR": WORKSPACE, **plan.variables}
    return Container(
        name=CONTAINER,
        image=plan.image,
        ports=[ContainerPort(protocol="TCP", port=port) for port in ports],
        environment_variables=[
            *(EnvironmentVariable(name=name, value=value) for name, value in variables.items()),
            *(EnvironmentVariable(name=name, secure_value=value) for name, value in plan.secrets.items()),
        ],
        resources=ResourceRequirements(requests=ResourceRequests(memory_in_gb=plan.memory_gb, cpu=plan.cpu_cores)),
        volume_mounts=[VolumeMount(name=_VOLUME, mount_path=WORKSPACE)],
    )


def _volume(plan: Plan, storage_account: str, storage_key: str) -> Volume:
    return Volume(
        name=_VOLUME,
        azure_file=AzureFileVolume(
            share_name=share_name(plan.environment_id),
            storage_account_name=storage_account,
            storage_account_key=storage_key,
        ),
    )


def _state(group: ContainerGroup) -> str | None:
    view: ContainerGroupPropertiesInstanceView | None = group.instance_view
    return view.state if view else None


def _waits_in_vain(group: ContainerGroup) -> bool:
    return any(word in _container_detail(container) for container in group.containers for word in _IN_VAIN)


def _container_detail(container: Container) -> str:
    # Set by the library when it reads an answer; its types know only what can be sent.
    view: ContainerPropertiesInstanceView | None = container.instance_view
    return (view.current_state and view.current_state.detail_status) or "" if view else ""
