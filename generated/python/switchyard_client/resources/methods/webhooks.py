"""What the clients must know of the rpcs of `webhooks`.

Generated from the contract by `make generate`; do not edit."""

from __future__ import annotations

from typing import Final

from switchyard.bots.v1 import webhook_service_pb2

from ... import paging, resume
from ...method import Method, Paged

PUT: Final = Method("/switchyard.bots.v1.WebhookService/PutWebhook", webhook_service_pb2.PutWebhookRequest, webhook_service_pb2.PutWebhookResponse, repeatable=True)
GET: Final = Method("/switchyard.bots.v1.WebhookService/GetWebhook", webhook_service_pb2.GetWebhookRequest, webhook_service_pb2.GetWebhookResponse, repeatable=True)
DELETE: Final = Method("/switchyard.bots.v1.WebhookService/DeleteWebhook", webhook_service_pb2.DeleteWebhookRequest, webhook_service_pb2.DeleteWebhookResponse, repeatable=True)
LIST_DELIVERIES: Final = Paged(Method("/switchyard.bots.v1.WebhookService/ListDeliveries", webhook_service_pb2.ListDeliveriesRequest, webhook_service_pb2.ListDeliveriesResponse, repeatable=True), "deliveries", paging.by_number)
REPLAY_DELIVERY: Final = Method("/switchyard.bots.v1.WebhookService/ReplayDelivery", webhook_service_pb2.ReplayDeliveryRequest, webhook_service_pb2.ReplayDeliveryResponse, repeatable=True)
