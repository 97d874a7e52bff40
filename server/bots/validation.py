"""Validations: Tasks that check an instance, and the verdicts they end with.

A verdict is stored on the instance. A Task that ends without one leaves the verdict "invalid" with its own reason, so
that "pending" never outlives its Task.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import sqlalchemy as sa

from server.bots import instance_store
from server.bots.instance_store import SUBJECT_PREFIX, VALIDATE_KIND, InstanceRow
from server.errors import InvalidArgument
from server.tasks import store
from server.tasks.task import NewTask, TaskRow
from switchyard.bots.v1 import bot_instance_pb2 as pb
from switchyard.bots.v1 import bot_instance_service_pb2 as service_pb
from switchyard.bots.v1 import bot_worker_service_pb2 as worker_pb

# A validation changes nothing, so a lost worker is no reason to give up.
MAX_ATTEMPTS: Final = 3
ATTEMPT_TIMEOUT_SECONDS: Final = 120

VERDICTS: Final = frozenset({pb.VALIDATION_STATUS_VALID, pb.VALIDATION_STATUS_INVALID})


def begin(connection: sa.Connection, instance: InstanceRow, *, now: int) -> tuple[TaskRow, bool]:
    """Return the Task that validates the instance, and whether it is new: one that is under way is taken as it is."""
    store.lock_subject(connection, instance.subject)
    active = store.active_of_subject(connection, instance.subject, VALIDATE_KIND)
    task = active or store.insert(connection, _new_task(instance), now=now)
    instance_store.set_validation_pending(connection, instance.id, task.id, now=now)
    return task, active is None


def conclude_from_outside(
    connection: sa.Connection, instance: InstanceRow, request: service_pb.CompleteValidationRequest, *, now: int
) -> None:
    """Store the verdict of a validator that is no worker of ours."""
    report = service_pb.GetValidationResponse()
    if request.status == pb.VALIDATION_STATUS_INVALID:
        report.errors.append(request.error or "The validator gave no reason.")
    instance_store.set_verdict(connection, instance.id, request.status, report, task_id=None, now=now)


def conclude(
    connection: sa.Connection,
    instance_id: str,
    status: pb.ValidationStatus.ValueType,
    checks: Iterable[pb.ValidationCheck],
    *,
    task_id: str,
    now: int,
) -> None:
    """Store what the Task `task_id` found."""
    report = service_pb.GetValidationResponse(checks=checks)
    report.errors.extend(reasons(report.checks))
    instance_store.set_verdict(connection, instance_id, status, report, task_id=task_id, now=now)


def reasons(checks: Iterable[pb.ValidationCheck]) -> list[str]:
    """Return why the checks that failed did so, in one sentence each."""
    return [check.message or f"The check of {check.name} failed." for check in checks if not check.ok]


def check_verdict(status: pb.ValidationStatus.ValueType) -> None:
    """Raise InvalidArgument unless `status` is a verdict."""
    if status not in VERDICTS:
        raise InvalidArgument.field("status", "must be valid or invalid")


def on_final(connection: sa.Connection, task: TaskRow, now: int) -> Sequence[NewTask]:
    """End the wait of an instance whose validation ended without a verdict. A final hook of the kernel."""
    instance = instance_store.get(connection, task.subject.removeprefix(SUBJECT_PREFIX))
    if (
        instance is not None
        and instance.validation_status == pb.VALIDATION_STATUS_PENDING
        and instance.validation_task_id == task.id
    ):
        report = service_pb.GetValidationResponse(errors=[_why_unfinished(task)])
        invalid = pb.VALIDATION_STATUS_INVALID
        instance_store.set_verdict(connection, instance.id, invalid, report, task_id=task.id, now=now)
    return ()


def _why_unfinished(task: TaskRow) -> str:
    if task.error_message:
        return f"The validation did not finish: {task.error_message}."
    if task.cancel_time is not None:
        return "The validation was cancelled."
    return "The validation ended without a result."


def _new_task(instance: InstanceRow) -> NewTask:
    return NewTask(
        kind=VALIDATE_KIND,
        subject=instance.subject,
        tenant=instance.owner_id,
        payload=worker_pb.ValidateBot(instance_id=instance.id),
        max_attempts=MAX_ATTEMPTS,
        attempt_timeout_seconds=ATTEMPT_TIMEOUT_SECONDS,
    )
