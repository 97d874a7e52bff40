"""`client.webhooks`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

import datetime
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from switchyard.bots.v1 import webhook_service_pb2

from ... import content
from ...sync.connection import Connection
from ...sync.download import Download
from ...sync.pages import Pages
from ...sync.stream import Stream
from ...keys import new_key
from .. import enums
from ..methods import webhooks as methods


class Webhooks:
    """Where an instance tells of its runs, and what was delivered."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._put = connection.unary(methods.PUT)
        self._get = connection.unary(methods.GET)
        self._delete = connection.unary(methods.DELETE)
        self._replay_delivery = connection.unary(methods.REPLAY_DELIVERY)

    def put(
        self,
        id: str,
        *,
        url: str,
        secret: str,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> webhook_service_pb2.Webhook:
        """Sets the webhook of an instance, replacing the one before.

        Errors: NOT_FOUND; INVALID_ARGUMENT, with ERROR_REASON_ADDRESS_REFUSED for an address that may not be called.

        Args:
            id: Id of the instance.
            url: http or https, at most 2,048 characters.
            secret: Shared secret, "whsec_" and base64 of 24 to 64 bytes, or any text of 16 to 256 characters. Never
                returned.
        """
        request = methods.PUT.request(
            id=id,
            url=url,
            secret=secret,
        )
        return (self._put(request, timeout, headers)).webhook

    def get(
        self,
        id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> webhook_service_pb2.Webhook:
        """Reads the webhook of an instance, without its secret.

        Errors: NOT_FOUND, also when none is set.

        Args:
            id: Id of the instance.
        """
        request = methods.GET.request(
            id=id,
        )
        return (self._get(request, timeout, headers)).webhook

    def delete(
        self,
        id: str,
        *,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> webhook_service_pb2.DeleteWebhookResponse:
        """Removes it. Deliveries that wait are given up.

        Errors: NOT_FOUND, also when none is set.

        Args:
            id: Id of the instance.
        """
        request = methods.DELETE.request(
            id=id,
        )
        return self._delete(request, timeout, headers)

    def list_deliveries(
        self,
        id: str,
        *,
        page: int | None = None,
        per_page: int | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Pages[webhook_service_pb2.ListDeliveriesResponse, webhook_service_pb2.Delivery]:
        """Lists deliveries, newest first.

        Errors: NOT_FOUND.

        Args:
            id: Id of the instance.
            page: From 1.
            per_page: 1 to 100.
        """
        request = methods.LIST_DELIVERIES.method.request(
            id=id,
            page=page,
            per_page=per_page,
        )
        return Pages(self._connection, methods.LIST_DELIVERIES, request, timeout, headers)

    def replay_delivery(
        self,
        id: str,
        delivery_id: str,
        *,
        request_id: str | None = None,
        timeout: float | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> webhook_service_pb2.Delivery:
        """Sends a delivery again, as a new one with the same event id, to the address that is set now.

        Errors: NOT_FOUND, also when no webhook is set; ABORTED with ERROR_REASON_IDEMPOTENCY_CONFLICT.

        Args:
            id: Id of the instance.
            delivery_id: Id of the delivery.
            request_id: Idempotency key, at most 255 characters. None makes a new one, with which the call is
                retried.
        """
        request = methods.REPLAY_DELIVERY.request(
            id=id,
            delivery_id=delivery_id,
            request_id=request_id or new_key(),
        )
        return (self._replay_delivery(request, timeout, headers)).delivery
