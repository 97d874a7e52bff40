"""What is in the project, and what its machines do between requests.

No machine is really run but its SSH server. One that starts reads the secret that its startup script names, writes one
file to its disk, publishes its host key, and says that it is ready.
"""

import base64
import itertools
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from tests.clouds.gcp.ssh import SshServer, SshServers

Resource = dict[str, Any]


class Refused(Exception):
    """A request that is answered with no: status, reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(slots=True)
class Versions:
    """A secret and what was ever in it, by number; None is destroyed."""

    labels: Mapping[str, str]
    texts: dict[int, str | None] = field(default_factory=dict)


@dataclass(slots=True)
class Project:
    """All that is there. Disks and machines are known by zone and name."""

    ssh: SshServers
    disks: dict[tuple[str, str], Resource] = field(default_factory=dict)
    machines: dict[tuple[str, str], Resource] = field(default_factory=dict)
    secrets: dict[str, Versions] = field(default_factory=dict)
    files: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    printed: dict[tuple[str, str], str] = field(default_factory=dict)
    said: dict[tuple[str, str], str] = field(default_factory=dict)
    variables: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    operations: dict[str, Resource] = field(default_factory=dict)
    # What the next operations fail with: codes such as QUOTA_EXCEEDED.
    failures: list[str] = field(default_factory=list)
    # What machines say that start, instead of being ready.
    says: str = "ready"
    # What the machines show as their host keys, where it is not what their SSH servers have.
    shows: str | None = None
    # The metadata of the project.
    common: list[Resource] = field(default_factory=list)
    # What others write to the metadata of machines, each just before the next who does.
    others: list[Resource] = field(default_factory=list)
    _effects: dict[str, Callable[[], None]] = field(default_factory=dict)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def begin(self, zone: str, effect: Callable[[], None]) -> Resource:
        """Return an operation that has begun, whose effect is seen when someone looks for the second time."""
        name = f"operation-{next(self._numbers)}"
        self.operations[name] = {"name": name, "status": "RUNNING", "zone": zone}
        self._effects[name] = effect
        return dict(self.operations[name], status="PENDING")

    def look(self, name: str) -> Resource:
        """Return an operation as it is now, and let it end."""
        if name not in self.operations:
            raise Refused(404, "notFound")
        now = dict(self.operations[name])
        self._end(name)
        return now

    def pass_time(self) -> None:
        """Let all operations end whose maker looks no more."""
        for name in list(self._effects):
            self._end(name)

    def insert_disk(self, zone: str, body: Resource) -> Resource:
        key = (zone, body["name"])
        if key in self.disks:
            raise Refused(409, "alreadyExists")
        self.disks[key] = {
            **body,
            "status": "CREATING",
            "selfLink": f"zones/{zone}/disks/{body['name']}",
            "zone": f"zones/{zone}",
        }
        return self.begin(zone, lambda: self._set(self.disks, key, "READY"))

    def delete_disk(self, zone: str, name: str) -> Resource:
        key = (zone, name)
        self.known(self.disks, zone, name)
        if any(f"zones/{zone}/disks/{name}" in str(machine["disks"]) for machine in self.machines.values()):
            raise Refused(400, "resourceInUseByAnotherResource")

        def effect() -> None:
            self.disks.pop(key, None)
            self.files.pop(key, None)

        self._set(self.disks, key, "DELETING")
        return self.begin(zone, effect)

    def insert_machine(self, zone: str, body: Resource) -> Resource:
        key = (zone, body["name"])
        if key in self.machines:
            raise Refused(409, "alreadyExists")
        if _disk_of(body) not in self.disks:
            raise Refused(400, "invalid")
        self.machines[key] = {
            **body,
            "metadata": {**body["metadata"], "fingerprint": self._fingerprint()},
            "status": "PROVISIONING",
            "selfLink": f"zones/{zone}/instances/{body['name']}",
            "zone": f"zones/{zone}",
        }
        return self.begin(zone, lambda: self._boot(key))

    def start_machine(self, zone: str, name: str) -> Resource:
        key = (zone, name)
        machine = self.known(self.machines, zone, name)
        if machine["status"] != "TERMINATED":
            raise Refused(400, "resourceNotReady")
        self._set(self.machines, key, "STAGING")
        return self.begin(zone, lambda: self._boot(key))

    def stop_machine(self, zone: str, name: str) -> Resource:
        key = (zone, name)
        self.known(self.machines, zone, name)
        self._set(self.machines, key, "STOPPING")
        return self.begin(zone, lambda: self._halt(key))

    def delete_machine(self, zone: str, name: str) -> Resource:
        key = (zone, name)
        self.known(self.machines, zone, name)
        self._set(self.machines, key, "STOPPING")

        def effect() -> None:
            self._halt(key)
            self.machines.pop(key, None)

        return self.begin(zone, effect)

    def set_metadata(self, zone: str, name: str, body: Resource) -> Resource:
        there = self.known(self.machines, zone, name)["metadata"]
        if self.others:
            there |= {"items": [*there["items"], self.others.pop(0)], "fingerprint": self._fingerprint()}
        if body["fingerprint"] != there["fingerprint"]:
            raise Refused(412, "conditionNotMet")
        there |= {"items": body["items"], "fingerprint": self._fingerprint()}
        server = self.server(zone, name)
        if server is not None:
            server.early = 1
        return self.begin(zone, lambda: None)

    def metadata(self, zone: str, name: str) -> Mapping[str, str]:
        """Return the metadata of a machine by key."""
        return {item["key"]: item["value"] for item in self.machines[zone, name]["metadata"]["items"]}

    def server(self, zone: str, name: str) -> SshServer | None:
        """Return the SSH server of a machine, if it runs."""
        return self.ssh.running.get(_access(self.known(self.machines, zone, name)).get("natIP", ""))

    def guest_attributes(self, zone: str, name: str, path: str) -> Mapping[str, str]:
        """Return what a machine has published below a path, or there: by key."""
        if path != "hostkeys/":
            said = self.said.get((zone, name))
            return {} if said is None else {path.partition("/")[2]: said}
        server = self.server(zone, name)
        if server is None:
            return {}
        shown = server.host_key.export_public_key().decode() if self.shows is None else self.shows
        return dict([shown.split()[:2]]) if shown else {}

    @staticmethod
    def known(resources: Mapping[tuple[str, str], Resource], zone: str, name: str) -> Resource:
        """Return one of them. Raises Refused when it is not there."""
        if (zone, name) not in resources:
            raise Refused(404, "notFound")
        return resources[zone, name]

    def secret(self, name: str) -> Versions:
        """Return a secret. Raises Refused when it is not there."""
        if name not in self.secrets:
            raise Refused(404, "NOT_FOUND")
        return self.secrets[name]

    def _end(self, name: str) -> None:
        effect = self._effects.pop(name, None)
        if effect is None:
            return
        operation = self.operations[name]
        operation["status"] = "DONE"
        if self.failures:
            code = self.failures.pop(0)
            operation |= {"error": {"errors": [{"code": code, "message": f"no: {code}"}]}, "httpErrorStatusCode": 403}
            self._undo(operation)
        else:
            effect()

    def _undo(self, operation: Resource) -> None:
        for resources in (self.machines, self.disks):
            for key in [k for k, r in resources.items() if r["status"] in ("PROVISIONING", "CREATING")]:
                del resources[key]

    @staticmethod
    def _set(resources: Mapping[tuple[str, str], Resource], key: tuple[str, str], status: str) -> None:
        if key in resources:
            resources[key]["status"] = status

    def _boot(self, key: tuple[str, str]) -> None:
        machine = self.machines.get(key)
        if machine is None:
            return
        now = datetime.now(UTC)
        machine |= {"status": "RUNNING", "lastStartTimestamp": now.isoformat(timespec="milliseconds")}
        self.variables[key] = self._read(self.metadata(*key)["startup-script"])
        server = self.ssh.begin(lambda: self.metadata(*key).get("ssh-keys", ""), self.variables[key])
        _access(machine)["natIP"] = server.address
        self.files.setdefault(_disk_of(machine), set()).add("work.txt")
        self.said[key] = f"{self.says} {now:%Y-%m-%dT%H:%M:%SZ}"
        self.printed[key] = ""

    def _halt(self, key: tuple[str, str]) -> None:
        self._set(self.machines, key, "TERMINATED")
        self.variables.pop(key, None)
        if key in self.machines:
            self.ssh.end(_access(self.machines[key]).pop("natIP", ""))

    def _fingerprint(self) -> str:
        return base64.b64encode(f"metadata {next(self._numbers)}".encode()).decode()

    def _read(self, script: str) -> Mapping[str, str]:
        found = re.search(r"secrets/([^/]+)/versions/latest:access", script)
        assert found
        newest = list(self.secrets[found[1]].texts.values())[-1]
        assert newest is not None
        given = dict(line.partition("=")[::2] for line in shlex.split(newest))
        command = shlex.split(
            next(line for line in script.splitlines() if "exec docker run" in line).rstrip(") |failconter")
        )
        options = [command[i + 1] for i, word in enumerate(command) if word == "--env"]
        plain = dict(option.partition("=")[::2] for option in options if "=" in option)
        return {name: value for name, value in {**given, **plain}.items() if name in options or name in plain}


def text_of(payload: Mapping[str, Any]) -> str:
    """Return what a version of a secret holds."""
    return base64.b64decode(payload["data"]).decode()


def _access(machine: Resource) -> Resource:
    config: Resource = machine["networkInterfaces"][0]["accessConfigs"][0]
    return config


def _disk_of(machine: Resource) -> tuple[str, str]:
    source = next(disk["source"] for disk in machine["disks"] if "source" in disk)
    _, zone, _, name = source.split("/")
    return zone, name
