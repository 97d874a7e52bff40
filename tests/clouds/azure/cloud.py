"""What is there: container groups, their operations, file shares."""

import copy
import itertools
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.clouds.azure.faults import Faults, Refusal

SUBSCRIPTION: Final = "11111111-2222-3333-4444-555555555555"
RESOURCE_GROUP: Final = "environments"
ACCOUNT: Final = "workspaces"
ACCOUNT_KEY: Final = "c3RvcmFnZS1rZXktb2YtdGhlLXN0YW5kLWlu"
_PROVIDERS: Final = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{RESOURCE_GROUP}/providers"
GROUPS_PATH: Final = f"{_PROVIDERS}/Microsoft.ContainerInstance/containerGroups"
KEYS_PATH: Final = f"{_PROVIDERS}/Microsoft.Storage/storageAccounts/{ACCOUNT}/listKeys"
# Of lists of container groups and of shares.
PAGE: Final = 100


@dataclass
class Group:
    """A container group. `body` is what was sent, with its secrets; nobody is ever shown it."""

    name: str
    body: dict[str, Any]
    provisioning: str = "Creating"
    state: str = "Pending"
    address: str = ""
    starts: int = 0
    log: list[str] = field(default_factory=list)
    # Set while an operation changes it.
    operation: str = ""

    def print(self, text: str) -> None:
        """Let the container print a line, in a new microsecond."""
        at = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(microseconds=len(self.log))
        self.log.append(f"{at.strftime('%Y-%m-%dT%H:%M:%S.%f')}000Z {text}")

    def variables(self) -> dict[str, str]:
        """Return the variables of its process, secret ones too."""
        given = self.body["properties"]["containers"][0]["properties"].get("environmentVariables", [])
        return {one["name"]: one.get("value") or one.get("secureValue") or "" for one in given}


@dataclass
class Operation:
    """Something that takes a while: so many looks at it. `then` is how the group is afterwards."""

    group: str
    looks: int
    then: str
    error: dict[str, str] | None = None
    status: str = "InProgress"


@dataclass
class Share:
    """A file share with its files."""

    name: str
    quota_gb: int
    metadata: dict[str, str]
    files: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Seen:
    """A request that has come. `body` may hold secrets, as the wire does."""

    step: str
    method: str
    url: str
    body: str


class Cloud:
    """A resource group and a storage account. An operation ends at the look at it that follows `looks` others."""

    def __init__(self, looks: int = 1) -> None:
        self.looks = looks
        self.groups: dict[str, Group] = {}
        self.shares: dict[str, Share] = {}
        self.operations: dict[str, Operation] = {}
        self.faults = Faults()
        self.seen: list[Seen] = []
        # Error that the next operation ends with, some time after it was taken.
        self.next_operation_fails: dict[str, str] | None = None
        # Containers end as soon as they run.
        self.always_ends = False
        self._addresses = itertools.count(1)

    def group(self, name: str) -> Group:
        """Return a container group.

        Raises:
            Refusal: there is none of that name.
        """
        if name not in self.groups:
            raise Refusal(404, "ResourceNotFound", f"The Resource 'containerGroups/{name}' was not found.")
        return self.groups[name]

    def settled(self, name: str) -> Group:
        """Return a container group that nothing changes right now.

        Raises:
            Refusal: there is none, or something does.
        """
        group = self.group(name)
        if group.operation:
            raise Refusal(
                409, "ContainerGroupTransitioning", f"The container group '{name}' is still transitioning, retry later."
            )
        return group

    def put(self, name: str, body: dict[str, Any]) -> tuple[bool, Operation]:
        """Begin to make a group, or to run what is there anew; return whether it is new, and the operation."""
        new = name not in self.groups
        group = Group(name, body) if new else self.settled(name)
        group.body = copy.deepcopy(body)
        self.groups[name] = group
        return new, self._begin(group, "Creating", "Running", self._mount_error(body))

    def start(self, name: str) -> Operation:
        """Begin to run the containers of a group."""
        return self._begin(self.settled(name), "Updating", "Running")

    def stop(self, name: str) -> None:
        """End the containers of a group, at once."""
        group = self.settled(name)
        group.state, group.address = "Stopped", ""

    def delete(self, name: str) -> Operation:
        """Begin to remove a group."""
        return self._begin(self.settled(name), "Deleting", "")

    def look(self, name: str) -> Group:
        """Return a group; what changes it comes nearer to its end."""
        group = self.group(name)
        if group.operation:
            self.progress(group.operation)
        return self.group(name)

    def progress(self, key: str) -> Operation:
        """Return an operation, which comes nearer to its end.

        Raises:
            Refusal: there is none.
        """
        if key not in self.operations:
            raise Refusal(404, "OperationNotFound", "The operation was not found.")
        operation = self.operations[key]
        if operation.status == "InProgress":
            operation.looks -= 1
            if operation.looks < 0:
                self._end(operation)
        return operation

    def leftovers(self) -> Sequence[str]:
        """Return the names of all that is there."""
        return sorted([*self.groups, *self.shares])

    def key_of(self, operation: Operation) -> str:
        """Return the name of an operation."""
        return self.groups[operation.group].operation

    def _begin(self, group: Group, provisioning: str, then: str, error: dict[str, str] | None = None) -> Operation:
        error, self.next_operation_fails = self.next_operation_fails or error, None
        operation = Operation(group.name, self.looks, then, error)
        group.operation = secrets.token_hex(8)
        group.provisioning, group.state = provisioning, "Pending"
        self.operations[group.operation] = operation
        return operation

    def _end(self, operation: Operation) -> None:
        operation.status = "Failed" if operation.error else "Succeeded"
        group = self.groups[operation.group]
        group.operation = ""
        if operation.error:
            group.provisioning = group.state = "Failed"
        elif operation.then:
            self._run(group)
        else:
            del self.groups[operation.group]

    def _run(self, group: Group) -> None:
        group.provisioning, group.state = "Succeeded", "Succeeded" if self.always_ends else "Running"
        group.starts += 1
        group.address = f"203.0.113.{next(self._addresses) % 250 + 1}"
        group.print(f"started for the {group.starts}. time")

    def _mount_error(self, body: dict[str, Any]) -> dict[str, str] | None:
        """Return why a volume cannot be mounted, which is told after the group was taken."""
        for volume in body["properties"].get("volumes", []):
            azure_file = volume["azureFile"]
            if azure_file["shareName"] not in self.shares or azure_file["storageAccountKey"] != ACCOUNT_KEY:
                return {"code": "CannotAccessStorageAccount", "message": f"Volume {volume['name']} cannot be mounted"}
        return None
