"""WebhookService: where an instance reports to, and what became of each report, as the wire says them."""

import base64
import binascii
from typing import Any, Final
from urllib.parse import urlsplit

import grpc
import sqlalchemy as sa

from server.bots import delivery, instance_store, webhook_store
from server.bots.instance_store import DELIVER_KIND, InstanceRow
from server.bots.webhook_store import WebhookRow
from server.clock import Clock, to_timestamp
from server.database.database import Database
from server.errors import InvalidArgument
from server.outbound import OutboundRule
from server.paging import page_count
from server.rpc import idempotency
from server.rpc.caller import CALLER
from server.rpc.idempotency import IdempotencyKey
from server.secret_box import SecretBox
from server.tasks import store, task_list
from server.tasks.kernel import Kernel
from server.tasks.task import TaskRow
from switchyard.bots.v1 import webhook_service_pb2 as pb
from switchyard.bots.v1 import webhook_service_pb2_grpc as pb_grpc

Context = grpc.aio.ServicerContext[Any, Any]

DEFAULT_PER_PAGE: Final = 20

# Source: Standard Webhooks, "Signature scheme": the secret is "whsec_" and base64 of 24 to 64 random bytes.
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - the mark of a secret, not one
SECRET_BYTES: Final = range(24, 65)


class WebhookService(pb_grpc.WebhookServiceServicer):
    """Serves the webhooks of instances to their owners."""

    def __init__(
        self, database: Database, kernel: Kernel, secret_box: SecretBox, outbound: OutboundRule, clock: Clock
    ) -> None:
        self._database = database
        self._kernel = kernel
        self._secret_box = secret_box
        self._outbound = outbound
        self._clock = clock

    async def PutWebhook(self, request: pb.PutWebhookRequest, _context: Context) -> pb.PutWebhookResponse:
        """Set the webhook after a look at its address."""
        tenant_id = CALLER.get().tenant_id
        await self._database.read(
            lambda connection: instance_store.require(connection, request.id, tenant_id=tenant_id)
        )
        _check_url(request.url)
        _check_secret(request.secret)
        await self._outbound.resolve(request.url)
        secret = self._secret_box.encrypt(request.secret)

        def work(connection: sa.Connection) -> WebhookRow:
            instance = instance_store.require(connection, request.id, tenant_id=tenant_id)
            return webhook_store.put(connection, instance.id, request.url, secret, now=self._clock())

        return pb.PutWebhookResponse(webhook=_message(await self._database.write(work)))

    async def GetWebhook(self, request: pb.GetWebhookRequest, _context: Context) -> pb.GetWebhookResponse:
        """Read the webhook."""
        tenant_id = CALLER.get().tenant_id

        def query(connection: sa.Connection) -> WebhookRow:
            instance = instance_store.require(connection, request.id, tenant_id=tenant_id)
            return webhook_store.require(connection, instance.id)

        return pb.GetWebhookResponse(webhook=_message(await self._database.read(query)))

    async def DeleteWebhook(self, request: pb.DeleteWebhookRequest, _context: Context) -> pb.DeleteWebhookResponse:
        """Remove the webhook and give up what waits."""
        tenant_id = CALLER.get().tenant_id

        def work(connection: sa.Connection) -> list[TaskRow]:
            instance = instance_store.require(connection, request.id, tenant_id=tenant_id)
            webhook_store.delete(connection, instance.id)
            return webhook_store.give_up_deliveries(
                connection, instance, now=self._clock(), hooks=self._kernel.final_hooks
            )

        self._kernel.announce(await self._database.write(work))
        return pb.DeleteWebhookResponse(ok=True)

    async def ListDeliveries(self, request: pb.ListDeliveriesRequest, _context: Context) -> pb.ListDeliveriesResponse:
        """List a page of deliveries."""
        tenant_id = CALLER.get().tenant_id
        page = request.page if request.HasField("page") else 1
        per_page = request.per_page if request.HasField("per_page") else DEFAULT_PER_PAGE

        def query(connection: sa.Connection) -> tuple[int, list[TaskRow]]:
            instance = instance_store.require(connection, request.id, tenant_id=tenant_id)
            total = task_list.count_of_subject(connection, instance.subject, DELIVER_KIND)
            offset = (page - 1) * per_page
            return total, webhook_store.deliveries(connection, instance, offset=offset, limit=per_page)

        total, tasks = await self._database.scan(query)
        return pb.ListDeliveriesResponse(
            deliveries=[delivery.message(task) for task in tasks],
            total=total,
            page=page,
            per_page=per_page,
            total_pages=page_count(total, per_page),
        )

    async def ReplayDelivery(self, request: pb.ReplayDeliveryRequest, _context: Context) -> pb.ReplayDeliveryResponse:
        """Send a delivery again, as a new one with the same event id and body."""
        tenant_id = CALLER.get().tenant_id
        key = IdempotencyKey.of_call(request.request_id, "ReplayDelivery")
        created: list[TaskRow] = []

        def work(connection: sa.Connection) -> pb.ReplayDeliveryResponse:
            created.clear()  # The unit of work may run more than once.
            now = self._clock()
            instance: InstanceRow = instance_store.require(connection, request.id, tenant_id=tenant_id)
            answered = idempotency.remember(connection, key, request, now=now)
            if answered is not None:
                return pb.ReplayDeliveryResponse.FromString(answered)
            webhook_store.require(connection, instance.id)
            earlier = webhook_store.require_delivery(connection, instance, request.delivery_id)
            task = store.insert(connection, delivery.new_task(instance, delivery.payload(earlier)), now=now)
            created.append(task)
            response = pb.ReplayDeliveryResponse(delivery=delivery.message(task))
            idempotency.store_answer(connection, key, response)
            return response

        response = await self._database.write(work)
        self._kernel.announce(created)
        return response


def _message(row: WebhookRow) -> pb.Webhook:
    return pb.Webhook(url=row.url, created_at=to_timestamp(row.create_time), updated_at=to_timestamp(row.update_time))


def _check_url(url: str) -> None:
    """Check what the rule for outgoing addresses leaves open. A URL is shown to everybody who may read the webhook."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InvalidArgument.field("url", "must be an absolute http or https URL") from error
    if parts.scheme not in ("http", "https"):
        raise InvalidArgument.field("url", "must start with http:// or https://")
    if parts.username is not None or parts.password is not None:
        raise InvalidArgument.field("url", "must not carry a user name or password")


def _check_secret(secret: str) -> None:
    if not secret.startswith(SECRET_PREFIX):
        return
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidArgument.field("secret", "must be base64 after whsec_") from error
    if len(key) not in SECRET_BYTES:
        raise InvalidArgument.field("secret", "must be base64 of 24 to 64 bytes after whsec_")
