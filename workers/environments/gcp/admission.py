"""How a worker gets in at a machine, and knows that it is that machine: as `gcloud compute ssh` does it.

The public half of its key goes into the metadata of the machine, whose guest agent lets it in. The host keys are those
that the machine has published as guest attributes, which nobody but the machine can write.
Source: https://cloud.google.com/compute/docs/connect/add-ssh-keys, and GetHostKeysFromGuestAttributes in
googlecloudsdk/command_lib/compute/ssh_utils.py
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from workers.environments.gcp import ssh_keys
from workers.environments.gcp.machine import CLIENT, Machine, Machines, values_of
from workers.environments.gcp.operations import Operations
from workers.environments.gcp.project import NOT_FOUND, Project
from workers.environments.provider import NotThere, ProviderFailed
from workers.environments.retrying import Patience

HOST_KEYS_PATH: Final = "hostkeys/"
# Someone else has changed the metadata since it was read.
_CONFLICT: Final = 412
_FORBIDDEN: Final = 403
_OS_LOGIN: Final = "enable-oslogin"
_YES: Final = frozenset({"true", "1", "y", "yes"})


@dataclass(frozen=True, slots=True)
class Admission:
    """Puts the key of a worker into machines, and reads their host keys."""

    project: Project
    machines: Machines
    operations: Operations
    patience: Patience
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def admit(self, environment_id: str, zone: str, public_key: str) -> Machine:
        """Return the machine once its metadata has `public_key`; whether it has taken it is another matter.

        Raises:
            NotThere: it does not run.
            ProviderFailed: it takes no keys from its metadata, or that cannot be changed.
        """

        async def look() -> Machine | None:
            there = await self.machines.find(environment_id, zone)
            if there is None or there.status != "RUNNING":
                raise NotThere("the environment does not run at Google Cloud")
            text = values_of(there.metadata).get(ssh_keys.ITEM, "")
            wanted = ssh_keys.with_key(text, public_key, now=self.clock())
            if wanted is None:
                return there
            await self._refuse_os_login(there)
            return there if await self._write(there, zone, wanted) else None

        return await self.patience.wait_for(look, "the metadata of the machine")

    async def host_keys(self, there: Machine, zone: str) -> Sequence[str]:
        """Return the host keys that a machine has published, each as "ssh-ed25519 AAAA..."; none: not yet."""

        async def look() -> Any | None:
            return await self.project.compute(
                CLIENT, "get_guest_attributes", {NOT_FOUND}, zone=zone, instance=there.name, query_path=HOST_KEYS_PATH
            )

        answer = await self.patience.insist(look)
        items = [] if answer is None else answer.query_value.items
        # Only the first word: what follows may be anything.
        return [f"{item.key} {word}" for item in items for word in item.value.split()[:1]]

    async def _write(self, there: Machine, zone: str, wanted: str) -> bool:
        """Write the item with the keys, and leave all others; return whether nobody else came first."""
        others = [item for item in there.metadata.items if item.key != ssh_keys.ITEM]
        resource = {
            "fingerprint": there.metadata.fingerprint,
            "items": [*others, {"key": ssh_keys.ITEM, "value": wanted}],
        }
        operation = await self.project.compute(
            CLIENT, "set_metadata_unary", {_CONFLICT}, zone=zone, instance=there.name, metadata_resource=resource
        )
        await self.operations.end(operation, zone, "set the metadata of a machine")
        return operation is not None

    async def _refuse_os_login(self, there: Machine) -> None:
        """Raise ProviderFailed where keys come from the accounts of people. What a machine says counts before all."""
        said = values_of(there.metadata).get(_OS_LOGIN)
        if said is None:
            # Who may not look at the project is told when the key is not taken.
            project = await self.project.compute("ProjectsClient", "get", {_FORBIDDEN})
            said = "" if project is None else values_of(project.common_instance_metadata).get(_OS_LOGIN, "")
        if said.strip().lower() in _YES:
            sentence = (
                "commands need a key in the metadata of the machine, where none counts while the project has OS Login "
                f"({_OS_LOGIN}); use the terminal of the editor, or SSH"
            )
            raise ProviderFailed(sentence, kind="ProviderRefused")
