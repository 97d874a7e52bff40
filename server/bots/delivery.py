"""Deliveries: what a webhook is told of a finished Run, as Tasks of the kernel. Pure but for the final hook."""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa
from google.protobuf.any_pb2 import Any

from server.bots import instance_store, run_store, run_view, webhook_store
from server.bots.instance_store import DELIVER_KIND, SUBJECT_PREFIX, InstanceRow
from server.clock import SECOND, to_timestamp
from server.tasks.task import NewTask, TaskRow
from switchyard.bots.v1 import bot_worker_service_pb2 as worker_pb
from switchyard.bots.v1 import webhook_service_pb2 as pb
from switchyard.tasks.v1.task_pb2 import Task

# Together with the delays between them, attempts spread over most of a day.
MAX_ATTEMPTS: Final = 8
ATTEMPT_TIMEOUT_SECONDS: Final = 60

STATUS: Final[Mapping[int, pb.Delivery.Status.ValueType]] = {
    Task.STATE_QUEUED: pb.Delivery.STATUS_PENDING,
    Task.STATE_RUNNING: pb.Delivery.STATUS_PENDING,
    Task.STATE_CANCELLING: pb.Delivery.STATUS_PENDING,
    Task.STATE_SUCCEEDED: pb.Delivery.STATUS_DELIVERED,
    Task.STATE_FAILED: pb.Delivery.STATUS_FAILED,
    Task.STATE_CANCELLED: pb.Delivery.STATUS_FAILED,
}


def on_run_final(connection: sa.Connection, run: TaskRow, now: int) -> Sequence[NewTask]:
    """Tell the webhook of the Run's instance, if it has one. A final hook of the kernel."""
    instance = instance_store.get(connection, run.subject.removeprefix(SUBJECT_PREFIX))
    if instance is None or webhook_store.get(connection, instance.id) is None:
        return ()
    has_artifacts = bool(run_store.with_artifacts(connection, [run.id]))
    event_type = f"run.{run_view.WORDS[run_view.STATUS[run.state]]}"
    payload = worker_pb.DeliverWebhook(
        instance_id=instance.id,
        run_id=run.id,
        event_id=f"msg_{uuid.uuid4().hex}",
        event_type=event_type,
        body=body(event_type, run, instance, has_artifacts=has_artifacts, now=now),
    )
    return (new_task(instance, payload),)


def body(event_type: str, run: TaskRow, instance: InstanceRow, *, has_artifacts: bool, now: int) -> bytes:
    """Return the JSON text that is sent."""
    event = {
        "type": event_type,
        "timestamp": _time(now),
        "data": {
            "run_id": run.id,
            "instance_id": instance.id,
            "bot_code": instance.bot_code,
            "status": run_view.WORDS[run_view.STATUS[run.state]],
            "error_code": run.error_type or None,
            "error_message": run.error_message or None,
            "started_at": _time(run.start_time),
            "finished_at": _time(run.end_time),
            "artifacts_url": run_view.artifacts_url(instance.id, run.id) if has_artifacts else None,
        },
    }
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def new_task(instance: InstanceRow, payload: worker_pb.DeliverWebhook) -> NewTask:
    """Return the Task that delivers `payload`."""
    return NewTask(
        kind=DELIVER_KIND,
        subject=instance.subject,
        tenant=instance.owner_id,
        payload=payload,
        max_attempts=MAX_ATTEMPTS,
        attempt_timeout_seconds=ATTEMPT_TIMEOUT_SECONDS,
    )


def payload(task: TaskRow) -> worker_pb.DeliverWebhook:
    """Return what the Task delivers."""
    found = worker_pb.DeliverWebhook()
    Any.FromString(task.payload).Unpack(found)
    return found


def message(task: TaskRow) -> pb.Delivery:
    """Return a delivery as the contract shows it."""
    event = payload(task)
    shown = pb.Delivery(
        id=task.id,
        event_id=event.event_id,
        event_type=event.event_type,
        run_id=event.run_id,
        status=STATUS[task.state],
        # An attempt has begun once it was claimed; one that was given up before that never did.
        attempts=task.attempt if task.start_time is not None else task.attempt - 1,
        response_status=_response_status(task),
        error=task.error_message or task.cancel_reason or None,
        created_at=to_timestamp(task.create_time),
    )
    if task.end_time is not None:
        shown.finished_at.CopyFrom(to_timestamp(task.end_time))
    elif task.state == Task.STATE_QUEUED:
        shown.next_attempt_at.CopyFrom(to_timestamp(task.not_before or task.create_time))
    return shown


def _response_status(task: TaskRow) -> int | None:
    """HTTP status of the last answer, None when there was none."""
    if task.result is None:
        return None
    result = worker_pb.DeliverWebhookResult()
    Any.FromString(task.result).Unpack(result)
    return result.response_status or None


def _time(micros: int | None) -> str | None:
    """RFC 3339 in UTC, with a fraction only when it is not zero."""
    if micros is None:
        return None
    seconds, rest = divmod(micros, SECOND)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:06d}" if rest else ""
    return f"{text}{fraction}Z"
