"""Tasks of kind "deliver_webhook": one signed POST, as Standard Webhooks has it.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import importlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from typing import Final

from standardwebhooks import Webhook

from switchyard.bots.v1 import bot_worker_service_pb2 as bots_pb
from switchyard.errors.v1 import error_reason_pb2 as reasons
from switchyard.tasks.v1 import worker_service_pb2 as pb
from workers.assignment import Assignment, Report, failed, succeeded
from workers.server_link import LeaseLost, Refused

# The whole of one delivery, from the connection to the last byte of the answer's head.
DELIVERY_SECONDS: Final = 10.0
# Wait before the second try, the third ... The last one stays.
RETRY_DELAYS: Final = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 7200.0)
USER_AGENT: Final = f"Switchyard-Webhooks/{metadata.version('switchyard')}"

_PREFIX: Final = "whsec_"


async def deliver_webhook(assignment: Assignment) -> Report:
    """Send the delivery of the Task once.

    Raises:
        LeaseLost: the lease is over.
        Refused: the webhook was removed, or its address may not be called.
    """
    payload = assignment.payload(bots_pb.DeliverWebhook)
    link, lease = assignment.link, assignment.lease.key
    delivery = await link.call(link.bots.GetDelivery, bots_pb.GetDeliveryRequest(lease=lease))
    try:
        resolved = await link.call(link.tasks.ResolveAddress, pb.ResolveAddressRequest(url=delivery.url))
    except LeaseLost:
        raise
    except Refused as refusal:
        if refusal.reason == reasons.ErrorReason.Name(reasons.ERROR_REASON_ADDRESS_REFUSED):
            raise
        return _report(assignment, status=0, sentence=f"The receiver has no address now: {refusal}")
    headers = signed_headers(payload, delivery.secret, now=int(time.time()))
    pinned_post = importlib.import_module("workers.pinned_post")  # 8 MB that a worker without webhooks does without
    status: int | None = await pinned_post.post(
        delivery.url, payload.body, headers, resolved.addresses, seconds=DELIVERY_SECONDS
    )
    if status is None:
        return _report(assignment, status=0, sentence="The receiver could not be reached.")
    return _report(assignment, status=status, sentence=f"The receiver answered {status}.")


def signed_headers(payload: bots_pb.DeliverWebhook, secret: str, *, now: int) -> Mapping[str, str]:
    """Return the headers of a delivery at `now`, in seconds since the epoch."""
    signature = Webhook(signing_key(secret)).sign(
        payload.event_id, datetime.fromtimestamp(now, tz=UTC), payload.body.decode()
    )
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": payload.event_id,
        "webhook-timestamp": str(now),
        "webhook-signature": signature,
    }


def signing_key(secret: str) -> str:
    """Return `secret` as the library takes it: "whsec_" with base64 stays; any other text counts as raw bytes."""
    if secret.startswith(_PREFIX):
        try:
            base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            pass  # a secret of its own that happens to begin like this
        else:
            return secret
    return _PREFIX + base64.b64encode(secret.encode()).decode()


def retry_delay_seconds(attempt: int) -> float:
    """Return how long to wait after try number `attempt` (from 1) has failed."""
    return RETRY_DELAYS[min(attempt, len(RETRY_DELAYS)) - 1]


def _report(assignment: Assignment, *, status: int, sentence: str) -> Report:
    result = bots_pb.DeliverWebhookResult(response_status=status)
    if 200 <= status < 300:
        assignment.log.add("info", sentence)
        return succeeded(result)
    assignment.log.add("warning", sentence)
    gone = status == 410  # the receiver wants no more of them (Standard Webhooks, "Status codes")
    return failed(
        "WebhookGone" if gone else "WebhookFailed",
        sentence,
        retryable=not gone,
        retry_delay_seconds=None if gone else retry_delay_seconds(assignment.task.attempt),
        result=result,
    )
