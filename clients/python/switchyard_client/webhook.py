"""Deliveries of webhooks: is this from our Switchyard, and what does it say?

They are signed as Standard Webhooks has it.
Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from .errors import WebhookInvalid

# As the libraries of Standard Webhooks have it.
TOLERANCE_SECONDS: Final = 300.0
PREFIX: Final = "whsec_"


@dataclass(frozen=True)
class Delivery:
    """One delivery that is genuine.

    Attributes:
        id: stays the same when a delivery is sent again, so that it can be known for a repetition.
        timestamp: when it was sent, in whole seconds since the epoch.
        data: the body, as JSON has it.
    """

    id: str
    timestamp: int
    data: Any


def verify(
    body: bytes,
    headers: Mapping[str, str],
    secret: str | Iterable[str],
    *,
    now: float | None = None,
    tolerance: float = TOLERANCE_SECONDS,
) -> Delivery:
    """Return the delivery in a request with that `body`, as it was received, and those `headers`.

    `secret` is the secret of the webhook, or several while one replaces another. `now` is in seconds since the epoch,
    None for the present; `tolerance` is how far from it, in seconds, the delivery may have been sent.

    Raises:
        WebhookInvalid: it is not genuine, too old, or from the future.

    >>> body = b'{"type": "run.finished"}'
    >>> signed = sign(body, "my secret", id="msg_1", timestamp=1_700_000_000)
    >>> verify(body, signed, "my secret", now=1_700_000_010).data
    {'type': 'run.finished'}
    >>> verify(body + b" ", signed, "my secret", now=1_700_000_010)
    Traceback (most recent call last):
        ...
    switchyard_client.errors.WebhookInvalid: no signature of the webhook fits
    """
    lowered = {key.lower(): value for key, value in headers.items()}
    name, stamp = _header(lowered, "webhook-id"), _header(lowered, "webhook-timestamp")
    signatures = _header(lowered, "webhook-signature").split()
    if not (stamp.isascii() and stamp.isdigit()):
        raise WebhookInvalid("webhook-timestamp is no number of seconds")
    secrets = [secret] if isinstance(secret, str) else list(secret)
    # Every pair is compared, and each in constant time, so that the time tells nothing.
    fits = [
        hmac.compare_digest(_signature(body, each, name, stamp), one) for each in secrets for one in _v1(signatures)
    ]
    if not any(fits):
        raise WebhookInvalid("no signature of the webhook fits")
    if abs((time.time() if now is None else now) - int(stamp)) > tolerance:
        raise WebhookInvalid("the delivery was sent at another time")
    return Delivery(name, int(stamp), _json(body))


def sign(body: bytes, secret: str, *, id: str, timestamp: int) -> dict[str, str]:
    """Return the headers of a delivery, to try a receiver with."""
    stamp = str(timestamp)
    signature = base64.b64encode(_signature(body, secret, id, stamp)).decode()
    return {"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": f"v1,{signature}"}


def _header(headers: Mapping[str, str], name: str) -> str:
    value = headers.get(name)
    if not value:
        raise WebhookInvalid(f"{name} is missing")
    return value


def _v1(signatures: Iterable[str]) -> list[bytes]:
    """Return the symmetric signatures of the header; other versions stand beside them."""
    found = []
    for each in signatures:
        version, _, value = each.partition(",")
        if version == "v1":
            try:
                found.append(base64.b64decode(value, validate=True))
            except (binascii.Error, ValueError):
                continue
    return found


def _signature(body: bytes, secret: str, name: str, stamp: str) -> bytes:
    return hmac.digest(_key(secret), f"{name}.{stamp}.".encode() + body, "sha256")


def _key(secret: str) -> bytes:
    """Return the bytes of a secret: "whsec_" with base64, else the text itself."""
    key = secret.encode()
    if secret.startswith(PREFIX):
        with suppress(binascii.Error):  # a secret of its own that happens to begin like this
            key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    if not key:
        raise ValueError("the secret must not be empty: anybody could sign with it")
    return key


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as error:
        raise WebhookInvalid("the body is no JSON") from error
