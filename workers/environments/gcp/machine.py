"""The machines of Compute Engine: one for each environment."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from switchyard.environments.v1.provisioning_service_pb2 import FoundEnvironment
from workers.environments.gcp import names
from workers.environments.gcp.operations import Operations
from workers.environments.gcp.project import EXISTS, MANAGER_URL, NOT_FOUND, Project
from workers.environments.gcp.settings import Settings
from workers.environments.gcp.startup_script import FAILURES, READY, STATE_PATH, startup_script
from workers.environments.provider import ENVIRONMENT_TAG, Plan, ProviderFailed
from workers.environments.retrying import Patience

Machine = Any  # google.cloud.compute_v1.Instance, which is loaded late
CLIENT: Final = "InstancesClient"
# Holds the machine's own system and the image of the environment.
BOOT_GB: Final = 30

# Source: https://cloud.google.com/compute/docs/instances/instance-life-cycle
STANDINGS: Final[Mapping[str, FoundEnvironment.Standing.ValueType]] = {
    "RUNNING": FoundEnvironment.STANDING_RUNNING,
    "TERMINATED": FoundEnvironment.STANDING_STOPPED,
    "STOPPED": FoundEnvironment.STANDING_STOPPED,
}


def machine_type(cpu_cores: int, memory_gb: int) -> str:
    """Return the smallest type that has so many cores and so much memory in GB.

    Source: https://cloud.google.com/compute/docs/general-purpose-machines#e2_custom_machine_types: an even number of
    cores, each with 0.5 to 8 GB.
    """
    cores = max(2, cpu_cores + cpu_cores % 2, -(-memory_gb // 8))
    return f"e2-custom-{cores}-{max(memory_gb, cores // 2) * 1024}"


@dataclass(frozen=True, slots=True)
class Running:
    """A machine whose editor answers, and where."""

    resource: str
    address: str


@dataclass(frozen=True, slots=True)
class Machines:
    """Makes, starts, stops and removes them."""

    project: Project
    settings: Settings
    operations: Operations
    patience: Patience

    async def run(self, plan: Plan) -> Running:
        """Return the machine of an environment once its editor answers; made or started if it does not run.

        Raises:
            ProviderFailed: it does not come up.
        """
        zone = self.settings.zone_of(plan.region)
        wanted = machine(plan, self.settings)

        async def look() -> Running | None:
            there = await self.find(plan.environment_id, zone)
            if there is None:
                await self._make(zone, wanted)
            elif there.status in ("TERMINATED", "STOPPED"):
                await self._begin(zone, there, wanted)
            elif there.status == "RUNNING":
                return await self._running(zone, there)
            return None

        return await self.patience.wait_for(look, "the environment to start")

    async def stop(self, environment_id: str, zone: str) -> None:
        """Stop it, and return when it is."""

        async def look() -> bool | None:
            there = await self.find(environment_id, zone)
            if there is None or there.status in ("TERMINATED", "STOPPED"):
                return True
            if there.status != "STOPPING":
                await self._do("stop_unary", zone, there.name)
            return None

        await self.patience.wait_for(look, "the environment to end")

    async def remove(self, environment_id: str, zone: str) -> None:
        """Remove it, and return when it is gone."""

        async def look() -> bool | None:
            there = await self.find(environment_id, zone)
            if there is None:
                return True
            await self._do("delete_unary", zone, there.name)
            return None

        await self.patience.wait_for(look, "the environment to be removed")

    async def find(self, environment_id: str, zone: str) -> Machine | None:
        """Return it as it is. Asked once."""
        name = names.machine_name(environment_id)
        return await self.project.compute(CLIENT, "get", {NOT_FOUND}, zone=zone, instance=name)

    async def _make(self, zone: str, wanted: Mapping[str, Any]) -> None:
        operation = await self.project.compute(CLIENT, "insert_unary", {EXISTS}, zone=zone, instance_resource=wanted)
        await self.operations.end(operation, zone, "insert a machine")

    async def _begin(self, zone: str, there: Machine, wanted: Mapping[str, Any]) -> None:
        # What has changed cannot all be changed in place. The files are on another disk.
        same = values_of(there.metadata).get(names.FINGERPRINT) == _wanted_fingerprint(wanted)
        await self._do("start_unary" if same else "delete_unary", zone, there.name)

    async def _do(self, method: str, zone: str, name: str) -> None:
        operation = await self.project.compute(CLIENT, method, {NOT_FOUND}, zone=zone, instance=name)
        await self.operations.end(operation, zone, f"{method} of a machine")

    async def _running(self, zone: str, there: Machine) -> Running | None:
        state = await self._state(zone, there)
        if state in FAILURES:
            raise ProviderFailed(FAILURES[state])
        address = address_of(there)
        return Running(str(there.self_link), address) if state == READY and address else None

    async def _state(self, zone: str, there: Machine) -> str:
        """Return what the machine has said since it was started; empty when it has said nothing."""
        answer = await self.project.compute(
            CLIENT, "get_guest_attributes", {NOT_FOUND}, zone=zone, instance=there.name, query_path=STATE_PATH
        )
        values = [item.value for item in answer.query_value.items] if answer is not None else []
        state, _, time = values[0].partition(" ") if values else ("", "", "")
        return state if time and datetime.fromisoformat(time) >= _whole_second(there.last_start_timestamp) else ""


def machine(plan: Plan, settings: Settings) -> dict[str, Any]:
    """Return what a machine is to be; a fingerprint in its metadata changes when it does."""
    zone = settings.zone_of(plan.region)
    secret = f"projects/{settings.project}/secrets/{names.secret_name(plan.environment_id)}"
    script = startup_script(plan, f"{MANAGER_URL}/v1/{secret}/versions/latest:access", ssh_port=settings.ssh_port)
    wanted = {
        "name": names.machine_name(plan.environment_id),
        "machine_type": f"zones/{zone}/machineTypes/{machine_type(plan.cpu_cores, plan.memory_gb)}",
        "labels": labels(plan.environment_id),
        "tags": {"items": [names.NETWORK_TAG]},
        "disks": [_boot_disk(plan, settings), _file_disk(plan, zone)],
        "network_interfaces": [
            {
                "network": settings.network,
                "access_configs": [{"name": "External NAT", "type_": "ONE_TO_ONE_NAT"}],
            }
        ],
        "service_accounts": [
            {"email": settings.service_account, "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}
        ],
        "scheduling": {"automatic_restart": True, "on_host_maintenance": "MIGRATE"},
    }
    values = {"startup-script": script, "enable-guest-attributes": "TRUE"}
    fingerprint = hashlib.sha256(json.dumps([wanted, values], sort_keys=True).encode()).hexdigest()[:32]
    values |= {names.FINGERPRINT: fingerprint}
    return {**wanted, "metadata": {"items": [{"key": key, "value": value} for key, value in values.items()]}}


def labels(environment_id: str) -> dict[str, str]:
    """Return the labels of all that is made for an environment."""
    return {ENVIRONMENT_TAG: environment_id}


def standing(there: Machine | None) -> FoundEnvironment.Standing.ValueType:
    """Return how an environment fares that has this machine, or only its files."""
    status = "TERMINATED" if there is None else str(there.status)
    return STANDINGS.get(status, FoundEnvironment.STANDING_CHANGING)


def values_of(metadata: Any) -> Mapping[str, str]:
    """Return metadata, of a machine or of the project, by key."""
    return {item.key: item.value for item in metadata.items}


def address_of(there: Machine) -> str:
    """Return the address at which a machine is reached from outside; empty when it has none."""
    configs = [config for interface in there.network_interfaces for config in interface.access_configs]
    return next((str(config.nat_i_p) for config in configs if config.nat_i_p), "")


def _boot_disk(plan: Plan, settings: Settings) -> dict[str, Any]:
    parameters = {
        "source_image": settings.machine_image,
        "disk_size_gb": BOOT_GB,
        "labels": labels(plan.environment_id),
    }
    return {"boot": True, "auto_delete": True, "initialize_params": parameters}


def _file_disk(plan: Plan, zone: str) -> dict[str, Any]:
    source = f"zones/{zone}/disks/{names.disk_name(plan.environment_id)}"
    return {"source": source, "device_name": names.DEVICE, "auto_delete": False}


def _wanted_fingerprint(wanted: Mapping[str, Any]) -> str:
    return next(str(i["value"]) for i in wanted["metadata"]["items"] if i["key"] == names.FINGERPRINT)


def _whole_second(timestamp: str) -> datetime:
    # The machine tells whole seconds.
    return datetime.fromisoformat(timestamp).replace(microsecond=0)
