"""What a call leaves in the audit log: who, what, about what.

A change is noted by a call that changes something, in the unit of work that does; a denial by a call that is turned
away. What is noted of a request are the ids in it, never its contents.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from typing import Final, Protocol

import grpc
import sqlalchemy as sa
from google.api import annotations_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

from gateway_options.v1 import options_pb2
from server.clock import Clock
from server.database.first_change import FirstChange
from server.database.text import storable
from server.rpc.caller import CALLER
from server.rpc.request_id import REQUEST_ID
from server.rpc.scopes import reach_of
from switchyard.auth.v1 import access_pb2
from switchyard.auth.v1.audit_service_pb2 import AuditEntry

DENIALS: Final = frozenset({grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED})
# Ids and reasons may hold what a caller sent.
LONGEST_ID: Final = 200
LONGEST_REASON: Final = 200

_VARIABLES: Final = re.compile(r"\{([^}=]+)").findall


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the log. `time` is in micros; `tenant_id` None is somebody who sees every tenant."""

    time: int
    actor: str
    role: access_pb2.Role.ValueType
    tenant_id: str | None
    address: str
    action: str
    resource: str
    outcome: AuditEntry.Outcome.ValueType
    reason: str
    request_id: str


class Trail(Protocol):
    """Where entries go."""

    def insert(self, connection: sa.Connection, entry: Entry) -> None:
        """Store the entry of a change within its unit of work."""

    def deny(self, entry: Entry) -> None:
        """Note that a call was turned away. Returns at once."""


@dataclass(frozen=True, slots=True)
class Audited:
    """What the contract says of one method: its name in the log, the ids of its request, and whether it is `noted`.

    `ids` are paths of fields. A method that is not noted leaves no entry of a change: it only reads, or only machines
    call it, or the contract says so. Who is turned away is noted everywhere.
    """

    action: str
    ids: tuple[tuple[str, ...], ...]
    noted: bool


@dataclass(slots=True)
class Subject:
    """What a call is about: its request, or the first one of a stream once it has come."""

    request: Message | None = None


def audited_of(method: MethodDescriptor) -> Audited:
    """Return what is noted of the calls of `method`."""
    access = method.GetOptions().Extensions[access_pb2.access]
    service = method.containing_service
    return Audited(
        action=f"{service.full_name.removeprefix('switchyard.')}/{method.name}",
        ids=tuple(_ids_of(service, method.input_type)),
        noted=not (access.worker or access.robot or access.unaudited or reach_of(method).reads),
    )


def _ids_of(service: ServiceDescriptor, request: Descriptor) -> Iterator[tuple[str, ...]]:
    """Yield the fields of `request` that are path variables somewhere in the service: those tell what it is about."""
    variables = dict.fromkeys(path for method in service.methods for path in _path_variables(method))
    for path in variables:
        names = tuple(path.split("."))
        if _is_id(_field_at(request, names)):
            yield names


def _path_variables(method: MethodDescriptor) -> list[str]:
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    pattern = rule.WhichOneof("pattern")
    return _VARIABLES(getattr(rule, pattern)) if pattern in ("get", "put", "post", "delete", "patch") else []


def _field_at(message: Descriptor, names: tuple[str, ...]) -> FieldDescriptor | None:
    field = message.fields_by_name.get(names[0])
    if field is None or len(names) == 1:
        return field
    return _field_at(field.message_type, names[1:]) if field.message_type is not None else None


def _is_id(field: FieldDescriptor | None) -> bool:
    if field is None or field.type != FieldDescriptor.TYPE_STRING or field.is_repeated:
        return False
    return not field.GetOptions().Extensions[options_pb2.field].secret


class Audit:
    """Makes the entries of calls."""

    def __init__(self, trail: Trail, clock: Clock) -> None:
        self._trail = trail
        self._clock = clock

    def of_method(self, audited: Audited) -> "MethodAudit":
        """Return the part of one method."""
        return MethodAudit(self._trail, self._clock, audited)


class MethodAudit:
    """Makes the entries of one method's calls."""

    def __init__(self, trail: Trail, clock: Clock, audited: Audited) -> None:
        self._trail = trail
        self._clock = clock
        self._audited = audited

    def begin(self, subject: Subject) -> FirstChange | None:
        """Return what stores the entry of a call with its first change; None when such calls are not noted."""
        return FirstChange(partial(self._insert, subject)) if self._audited.noted else None

    def deny(self, subject: Subject, reason: str) -> None:
        """Note that the present call was turned away."""
        self._trail.deny(self._entry(subject, AuditEntry.OUTCOME_DENIED, reason))

    def _insert(self, subject: Subject, connection: sa.Connection) -> None:
        # Machines may call some of what people call, and do so all the time.
        if not CALLER.get().worker:
            self._trail.insert(connection, self._entry(subject, AuditEntry.OUTCOME_DONE, ""))

    def _entry(self, subject: Subject, outcome: AuditEntry.Outcome.ValueType, reason: str) -> Entry:
        caller = CALLER.get()
        request = subject.request
        return Entry(
            time=self._clock(),
            actor=caller.name,
            role=caller.role,
            tenant_id=caller.tenant_id,
            address=caller.address,
            action=self._audited.action,
            resource=_resource(self._audited.ids, request) if request is not None else "",
            outcome=outcome,
            reason=storable(reason[:LONGEST_REASON]),
            request_id=REQUEST_ID.get(),
        )


def _resource(ids: Sequence[tuple[str, ...]], request: Message) -> str:
    """Return "workflow_id=<id>"; several ids stand one behind the other."""
    values = ((names[-1], reduce(getattr, names, request)) for names in ids)
    return storable(", ".join(f"{name}={str(value)[:LONGEST_ID]}" for name, value in values if value))
