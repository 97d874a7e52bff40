"""What is in the project, and what its machines do between requests.

Nothing is really run. A machine that starts reads the secret that its startup script names, writes one file to its
disk, and says that it is ready.
"""

import base64
import itertools
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

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
        machine["networkInterfaces"][0]["accessConfigs"][0]["natIP"] = f"203.0.113.{next(self._numbers) % 250 + 1}"
        script = next(i["value"] for i in machine["metadata"]["items"] if i["key"] == "startup-script")
        self.variables[key] = self._read(script)
        self.files.setdefault(_disk_of(machine), set()).add("work.txt")
        self.said[key] = f"{self.says} {now:%Y-%m-%dT%H:%M:%SZ}"
        self.printed[key] = ""

    def _halt(self, key: tuple[str, str]) -> None:
        self._set(self.machines, key, "TERMINATED")
        self.variables.pop(key, None)
        if key in self.machines:
            self.machines[key]["networkInterfaces"][0]["accessConfigs"][0].pop("natIP", None)

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


def _disk_of(machine: Resource) -> tuple[str, str]:
    source = next(disk["source"] for disk in machine["disks"] if "source" in disk)
    _, zone, _, name = source.split("/")
    return zone, name
